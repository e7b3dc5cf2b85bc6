"""--device: what is missing is said in one line before any work; a GPU's results are the CPU's, in files that do not know of it. Without a
GPU the program runs on the emulated one (tests/support/emulated_program.cpp)."""

import os
import re

import numpy as np
import photos
import pytest
import tiny_networks
import torch
from safetensors import safe_open
from sirfp_program import BUILD, good, refused

HAS_BACKEND = bool(re.search(r"^SIRFP_CUDA:BOOL=ON$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE))
HAS_GPU = HAS_BACKEND and torch.cuda.is_available()
COMMANDS = {
    "prune": ("--images", "photos", "--flops", 0.5, "-o", "out.pt"),
    "observe": ("--images", "photos", "-o", "out.state"),
    "verify": ("other.pt", "--images", "photos"),
    "inspect": (),
    "merge": ("other.state", "-o", "out.state"),
}


def missing(device):
    """What this build on this machine has to say about a device that it cannot use."""
    if not HAS_BACKEND:
        return f"--device {device}: backend {device}: this build has none (-DSIRFP_CUDA=ON brings it)"
    if torch.version.cuda is None:
        return f"--device {device}: backend {device}: this Torch ("
    return f"--device {device}: backend cuda: " + (f"device {device[5:]}, expected 0 to" if torch.cuda.is_available() else "no ")


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_missing_is_said_before_anything_is_read(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    device = "cuda:99" if HAS_GPU else "cuda"
    line = refused(2, command, "net.pt", *COMMANDS[command], "--device", device)
    assert missing("cuda:99" if HAS_GPU else "cuda:0") in line
    assert missing("cuda:99") in refused(2, command, "net.pt", *COMMANDS[command], "--device", "cuda:99")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:999", "cpu:0", "CUDA"])
def test_names_that_are_none(name):
    assert f"--device {name}: expected cpu, cuda or cuda:N" in refused(2, "inspect", "net.pt", "--device", name)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("device")
    tiny_networks.tiny(folder / "net.pt")
    photos.folder(folder / "images", 4)
    return folder


EMULATED = BUILD / "sirfp_on_emulated_gpu"


def on_gpu(*arguments) -> dict:
    if HAS_GPU:
        return good(*arguments, "--device", "cuda")
    assert os.environ.get("SIRFP_REQUIRE_GPU") != "1", "no GPU, or a build without the backend"
    assert EMULATED.exists(), f"{EMULATED} is missing: make build"
    return good(*arguments, program=EMULATED)


def states_on_both(work, tmp_path, *options):
    for name, computes in (("cpu", good), ("gpu", on_gpu)):
        computes("observe", work / "net.pt", "--images", work / "images", "--edges", *options, "-o", tmp_path / name)
        with safe_open(tmp_path / name, "numpy") as file:
            yield {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.mark.parametrize("options", [(), ("--skip-bad-images",), ("--sample-pixels", 0.5), ("--pixel-weights", "edge"), ("--batch", 2)])
def test_states_are_those_of_the_cpu(work, tmp_path, options):
    cpu, gpu = states_on_both(work, tmp_path, *options)
    assert cpu.keys() == gpu.keys()
    for name, values in cpu.items():
        assert np.abs(gpu[name] - values).max() <= 1e-3 * np.abs(values).max(), name


# Most sites are seen at pixels enough, one is not, and the report tells them apart.
@pytest.mark.parametrize(
    "options", [("--flops", 0.5), ("--preset", "paper", "--flops", 0.5), ("--lossless",), ("--compensate", "constant", "--flops", 0.5)]
)
def test_pruned_as_on_the_cpu(tmp_path, options):
    net = tiny_networks.write(tiny_networks.randomise(tiny_networks.PooledBranch(), 0), tmp_path / "net.pt")
    images = photos.folder(tmp_path / "images", 4)
    cpu, gpu = (
        computes("prune", net, "--images", images, *options, "-o", tmp_path / f"{name}.pt")
        for name, computes in (("cpu", good), ("gpu", on_gpu))
    )
    assert gpu["notes"] == cpu["notes"]
    assert [group["kept"] for group in gpu["groups"]] == [group["kept"] for group in cpu["groups"]]
    assert gpu["output_error"]["measured"] == pytest.approx(cpu["output_error"]["measured"], rel=0.02, abs=1e-9)
    for one, other in zip(gpu["groups"], cpu["groups"], strict=True):
        best, expected = ([predicted["channel"] for predicted in group["best_predicted"]] for group in (one, other))
        assert best == expected
        for mine, theirs in zip(one["best_predicted"], other["best_predicted"], strict=True):
            assert mine["explained"] == pytest.approx(theirs["explained"], abs=1e-3)


def test_pruned_files_do_not_know_of_the_device(work, tmp_path):
    slim = tmp_path / "slim.pt"
    answer = on_gpu("prune", work / "net.pt", "--images", work / "images", "--flops", 0.5, "-o", slim)
    assert answer["masked_vs_slim"]["relative"] <= 1e-4
    net = torch.jit.load(slim)
    assert {p.device.type for p in net.parameters()} == {"cpu"} and "cuda" not in net.code
    found = good("verify", work / "net.pt", slim, "--images", work / "images")
    assert found["agreement"]["share"] > 0.5


# What a GPU has observed is planned and applied without one.
def test_states_cross(work, tmp_path):
    on_gpu("observe", work / "net.pt", "--images", work / "images", "-o", tmp_path / "a.state")
    for computes in (good, on_gpu):
        computes("plan", work / "net.pt", tmp_path / "a.state", "--images", work / "images", "--flops", 0.5, "-o", tmp_path / "a.plan")
        made = computes("apply", work / "net.pt", tmp_path / "a.plan", "--images", work / "images", "-o", tmp_path / "slim.pt")
        assert made["masked_vs_slim"]["relative"] <= 1e-4


def test_half_precision_passes(work, tmp_path):
    for dtype in ("bf16", "f16"):
        on_gpu("observe", work / "net.pt", "--images", work / "images", "--dtype", dtype, "-o", tmp_path / "a.state")
