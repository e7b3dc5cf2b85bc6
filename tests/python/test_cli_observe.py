"""`sirfp observe` and `sirfp merge`: what is counted is counted once, whatever happens on the way."""

import random
import signal
import subprocess
import time

import numpy as np
import photos
import pytest
import tiny_networks
from safetensors import safe_open
from sirfp_program import command, contents, good, refused

IMAGES = 40


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("observe")
    tiny_networks.tiny(folder / "net.pt")
    photos.folder(folder / "images", IMAGES)
    return folder


def observe(work, state, *more):
    return ("observe", work / "net.pt", "--images", work / "images", "--limit", 0, "-o", state, *more)


@pytest.fixture(scope="module")
def whole(work):
    good(*observe(work, work / "whole.state"))
    return work / "whole.state"


def tensors(path):
    with safe_open(str(path), "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118 (not a dict)


def expect_equal_bytes(one, other):
    (a, about_a), (b, about_b) = tensors(one), tensors(other)
    assert a.keys() == b.keys() and len(a) > 4
    assert all(a[name].tobytes() == b[name].tobytes() for name in a)
    assert about_a == about_b


def start(work, state, *more):
    return subprocess.Popen(
        command(*observe(work, state, *more), "--quiet", "--threads", 1), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(path, process):
    end = time.monotonic() + 60
    while not path.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)


@pytest.mark.parametrize("batch", [1, 3])
def test_kill_then_resume_equals_uninterrupted(work, tmp_path, batch):
    good(*observe(work, tmp_path / "whole", "--batch", batch))
    process = start(work, tmp_path / "state", "--batch", batch, "--checkpoint", 0)
    wait_for(tmp_path / "state.partial", process)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not (tmp_path / "state").exists(), "the kill came too late to test anything"
    result = good(*observe(work, tmp_path / "state", "--batch", batch, "--resume"))
    assert result["images"] == IMAGES
    assert not (tmp_path / "state.partial").exists()
    expect_equal_bytes(tmp_path / "whole", tmp_path / "state")


def test_signals_at_any_moment_leave_nothing_or_what_resumes(work, tmp_path):
    larger = ("--size", "96x128")  # so that counting takes longer than starting a process
    whole = tmp_path / "whole"
    good(*observe(work, whole, *larger))
    delays = random.Random(0)
    outcomes = set()
    for attempt in range(12):
        state = tmp_path / f"{attempt}" / "state"
        state.parent.mkdir()
        process = start(work, state, *larger, "--checkpoint", 0)
        if attempt % 2:  # the odd ones once counting has begun, the first of them at once
            wait_for(state.with_name("state.partial"), process)
        time.sleep(0 if attempt == 1 else delays.uniform(0, 0.1 if attempt % 2 else 0.8))
        process.send_signal(delays.choice([signal.SIGINT, signal.SIGTERM]))
        _, stderr = process.communicate(timeout=60)
        if process.returncode == 0:
            outcomes.add("finished")
            assert contents(state.parent) == {"state"}
            continue
        if process.returncode == 130:
            assert stderr.startswith("sirfp: interrupted") and stderr.count("\n") == 1
        else:  # before main had begun to listen
            assert process.returncode in (-signal.SIGINT, -signal.SIGTERM) and stderr == ""
        assert contents(state.parent) <= {"state.partial"}
        if contents(state.parent):
            outcomes.add("resumed")
            good(*observe(work, state, *larger, "--resume"))
            expect_equal_bytes(whole, state)
    assert "resumed" in outcomes


def test_prune_interrupted_writes_nothing(work, tmp_path):
    delays = random.Random(1)
    interrupted = 0
    for _ in range(6):
        out = (
            "prune",
            work / "net.pt",
            "--images",
            work / "images",
            "--flops",
            0.5,
            "-o",
            tmp_path / "slim.pt",
            "--plan",
            tmp_path / "plan",
        )
        process = subprocess.Popen(command(*out, "--quiet"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(delays.uniform(0.3, 1.0))
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
        if process.returncode == 0:
            for name in contents(tmp_path):
                (tmp_path / name).unlink()
            continue
        interrupted += 1
        assert process.returncode in (130, -signal.SIGINT) and stdout == ""
        assert contents(tmp_path) == set(), stderr
    assert interrupted


def test_resume_without_a_partial_state_starts_anew(work, whole, tmp_path):
    good(*observe(work, tmp_path / "state", "--resume"))
    expect_equal_bytes(whole, tmp_path / "state")


def partial(work, folder):
    process = start(work, folder / "state", "--checkpoint", 0)
    wait_for(folder / "state.partial", process)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    return folder / "state"


def test_resume_of_something_else_is_refused(work, tmp_path):
    state = partial(work, tmp_path)
    before = state.with_name("state.partial").read_bytes()
    arguments = [work / "net.pt", "--images", work / "images", "--limit", 0, "-o", state, "--resume"]
    assert "scale" in refused(2, "observe", *arguments, "--scale", 1)
    assert "batches" in refused(2, "observe", *arguments, "--batch", 2)
    assert "edges" in refused(2, "observe", *arguments, "--edges")
    other = tiny_networks.tiny(tmp_path / "other.pt", seed=1)
    assert "stem.0.weight" in refused(2, "observe", other, *arguments[1:])
    fewer = photos.folder(tmp_path / "fewer", 10)
    assert "010" in refused(2, "observe", arguments[0], "--images", fewer, *arguments[3:])
    assert state.with_name("state.partial").read_bytes() == before
    unfinished = state.with_name("state.partial")
    assert "still to be counted" in refused(2, "plan", work / "net.pt", unfinished, "--flops", 0.5, "-o", tmp_path / "plan")
    assert "still to be counted" in refused(2, "merge", unfinished, unfinished, "-o", tmp_path / "sum")


def test_merged_halves_equal_the_whole(work, whole, tmp_path):
    for half, first in (("a", 0), ("b", IMAGES // 2)):
        photos.folder(tmp_path / half, IMAGES // 2, first)
        good("observe", work / "net.pt", "--images", tmp_path / half, "--limit", 0, "-o", tmp_path / f"{half}.state")
    result = good("merge", tmp_path / "a.state", tmp_path / "b.state", "-o", tmp_path / "sum.state")
    assert result["images"] == IMAGES
    (merged, _), (direct, _) = tensors(tmp_path / "sum.state"), tensors(whole)
    assert merged.keys() == direct.keys()
    for name, values in direct.items():
        np.testing.assert_allclose(merged[name], values, rtol=1e-11, atol=1e-11 * np.abs(values).max(), err_msg=name)


def test_a_last_image_merged_alone_equals_the_whole_bit_for_bit(work, whole, tmp_path):
    photos.folder(tmp_path / "most", IMAGES - 1)
    photos.folder(tmp_path / "last", 1, IMAGES - 1)
    for name in ("most", "last"):
        good("observe", work / "net.pt", "--images", tmp_path / name, "--limit", 0, "-o", tmp_path / f"{name}.state")
    good("merge", tmp_path / "most.state", tmp_path / "last.state", "-o", tmp_path / "sum.state")
    (merged, _), (direct, _) = tensors(tmp_path / "sum.state"), tensors(whole)
    assert all(merged[name].tobytes() == direct[name].tobytes() for name in direct)


def test_states_that_do_not_belong_together_do_not_merge(work, whole, tmp_path):
    few = photos.folder(tmp_path / "few", 3, IMAGES)
    good("observe", work / "net.pt", "--images", few, "--bgr", "-o", tmp_path / "bgr.state")
    assert "bgr" in refused(2, "merge", whole, tmp_path / "bgr.state", "-o", tmp_path / "sum")
    good("observe", tiny_networks.tiny(tmp_path / "other.pt", seed=1), "--images", few, "-o", tmp_path / "other.state")
    assert "stem.0.weight" in refused(2, "merge", whole, tmp_path / "other.state", "-o", tmp_path / "sum")
    assert "000.png" in refused(2, "merge", whole, whole, "-o", tmp_path / "sum")
    assert "expected at least two" in refused(2, "merge", whole, "-o", tmp_path / "sum")
    assert "is an input" in refused(2, "merge", whole, tmp_path / "bgr.state", "-o", whole)
    assert not (tmp_path / "sum").exists()


def test_sensitivity_is_kept_and_lost_in_a_merge(tmp_path):
    net, photo_folder = tiny_networks.tiny(tmp_path / "net.pt"), tmp_path / "photos"
    photos.folder(photo_folder, 4)
    files = sorted(photo_folder.iterdir())
    for part, chosen in {"one": files[:2], "two": files[2:]}.items():
        (tmp_path / part).mkdir()
        for file in chosen:
            (tmp_path / part / file.name).symlink_to(file)
        answer = good("observe", net, "--images", tmp_path / part, "-o", tmp_path / f"{part}.state")
        assert answer["sensitivity"] == ["joint"]
    good("plan", net, tmp_path / "one.state", "--flops", 0.6, "-o", tmp_path / "plan")  # without images
    good("merge", tmp_path / "one.state", tmp_path / "two.state", "-o", tmp_path / "both.state")
    line = refused(2, "plan", net, tmp_path / "both.state", "--flops", 0.6, "-o", tmp_path / "no.plan")
    assert "holds no sensitivity for --criterion joint; expected --images DIR" in line
    good("plan", net, tmp_path / "both.state", "--images", photo_folder, "--flops", 0.6, "-o", tmp_path / "plan2")
    good("plan", net, tmp_path / "both.state", "--allocate", "joint", "--flops", 0.6, "-o", tmp_path / "plan3")
    line = refused(2, "plan", net, tmp_path / "one.state", "--flops", 0.6, "--refit", "-o", tmp_path / "no.plan")
    assert "--refit: expected with --images DIR" in line
