"""Bad input is answered with one line that names the value and what was expected; nothing is written and no input is touched."""

import json
import pickle
import resource
import struct
import subprocess

import photos
import pytest
import tiny_networks
import torch
from sirfp_program import command, contents, good, refused, run


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    tiny_networks.tiny(folder / "net.pt")
    tiny_networks.tiny(folder / "other.pt", seed=1)
    photos.folder(folder / "images", 4)
    good("observe", folder / "net.pt", "--images", folder / "images", "-o", folder / "net.state")
    good("plan", folder / "net.pt", folder / "net.state", "--flops", 0.5, "-o", folder / "net.plan")
    return folder


@pytest.fixture(autouse=True)
def inputs_stay(work):
    files = {p: p.read_bytes() for p in work.rglob("*") if p.is_file()}
    yield
    assert {p: p.read_bytes() for p in work.rglob("*") if p.is_file()} == files


def prune(work, out, *options, net=None, images=None, target=("--flops", 0.5)):
    return ("prune", net or work / "net.pt", "--images", images or work / "images", *target, "-o", out, *options)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder / "slim.pt"
    assert contents(folder) == set()


@pytest.mark.parametrize(
    "options, expected",
    [
        (("--flops", 0), "--flops 0: expected a fraction, above 0 and at most 1"),
        (("--flops", 0.5, "--sample-pixels", 1.5), "--sample-pixels 1.5: expected a fraction, above 0 and at most 1; did you mean 0.015?"),
        (("--flops", -0.5), "--flops -0.5: expected"),
        (("--flops", 40), "did you mean 0.4?"),
        (("--params", 1.5), "--params 1.5: expected"),
        (("--flops", "half"), "--flops half: expected a number"),
        (("--flops", "nan"), "--flops nan: expected a number"),
        (("--flops", 1e-6), "smallest"),
        (("--flops", 0.5, "--params", 0.5), "expected one of them"),
        ((), "expected --flops F or --params F"),
        (("--flops", 0.5, "--threads", 0), "--threads 0: expected a whole number of at least 1"),
        (("--flops", 0.5, "--batch", 0), "--batch 0: expected"),
        (("--flops", 0.5, "--limit", -1), "--limit -1: expected"),
        (("--flops", 0.5, "--flop", 0.5), "unknown option --flop of sirfp prune; did you mean --flops?"),
        (("--flops", 0.5, "--skip-bad-image"), "did you mean --skip-bad-images?"),
        (("--flops", 0.5, "--size", "480"), "--size 480: expected HEIGHTxWIDTH"),
        (("--flops", 0.5, "--size", "0x10"), "--size 0x10: expected HEIGHTxWIDTH"),
        (("--flops", 0.5, "--mean", "1,2"), "--mean 1,2: expected three numbers"),
        (("--flops", 0.5, "--std", "1,0,1"), "--std"),
        (("--flops", 0.5, "--keep", "stem"), "--keep stem: expected PATTERN=FRACTION"),
        (("--flops", 0.5, "--keep", "nothing*=0.5"), "nothing*"),
        (("--flops", 0.5, "--lock", "stm*"), "stm*"),
        (("--flops", 0.5, "--preset", "paper", "--backbone", "encoder"), "--backbone encoder: no observed layer"),
        (("--flops", 0.5, "--device", "tpu"), "--device tpu: expected cpu, cuda or cuda:N"),
        (("--flops", 0.5, "--criterion", "l2"), "--criterion l2: expected one of joint, pairwise, l1, bn, fpgm, random"),
        (("--flops", 0.5, "--compensate", "most"), "--compensate most: expected one of ls, constant, none"),
        (("--flops", 0.5, "--memory", "2X"), "--memory 2X: expected a number of bytes, or one with K, M, G or T, such as 2G"),
        (("--flops", 0.5, "--memory", "G"), "--memory G: expected"),
        (("--flops", 0.5, "--memory", "-1G"), "--memory -1G: expected"),
        (("--flops", 0.5, "--memory", "nan"), "--memory nan: expected"),
        (("--flops", 0.5, "--memory", "1e30"), "--memory 1e30: expected"),
        (("--flops", 0.5, "extra"), "extra"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_options(work, out, options, expected):
    assert expected in refused(2, *prune(work, out, *options, target=()))


def test_commands(work):
    assert "did you mean prune?" in refused(2, "prun", work / "net.pt")
    assert "no command" in run().stderr and run().returncode == 2
    assert "unknown option --verison" in refused(2, "--verison")
    assert "-o" in refused(2, "prune", work / "net.pt", "--images", work / "images", "--flops", 0.5)
    assert "--images" in refused(2, "observe", work / "net.pt", "-o", work / "x")


def test_networks(work, out, tmp_path):
    bad = tmp_path / "bad.pt"
    assert "bad.pt: no such file" in refused(2, *prune(work, out, net=bad))
    bad.write_bytes(b"not a network at all")
    assert "bad.pt" in refused(2, *prune(work, out, net=bad))
    whole = (work / "net.pt").read_bytes()
    for share in (0.1, 0.5, 0.98):
        bad.write_bytes(whole[: int(len(whole) * share)])
        assert "bad.pt" in refused(2, *prune(work, out, net=bad))
    bad.write_bytes(b"")
    assert "bad.pt" in refused(2, *prune(work, out, net=bad))
    assert "expected" in refused(2, *prune(work, out, net=tmp_path))


@pytest.mark.parametrize("kind", ["state dict", "module", "pickle"])
def test_eager_checkpoints_are_answered_with_how_to_trace(work, out, tmp_path, kind):
    checkpoint = tmp_path / "eager.pt"
    net = tiny_networks.Tiny()
    if kind == "pickle":
        checkpoint.write_bytes(pickle.dumps({"epoch": 1}))
    else:
        torch.save(net.state_dict() if kind == "state dict" else net, checkpoint)
    line = refused(2, *prune(work, out, net=checkpoint))
    assert "eager.pt" in line and (kind == "pickle" or "torch.jit.trace" in line)


def test_nothing_to_prune_and_wrong_input_size(work, out, tmp_path):
    only = tiny_networks.write(torch.nn.Conv2d(3, 5, 1), tmp_path / "only.pt")
    assert "no group of channels can be pruned" in refused(2, *prune(work, out, net=only))

    class Flat(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = torch.nn.Conv2d(3, 4, 1), torch.nn.Linear(4 * 48 * 64, 5)

        def forward(self, x):
            return self.head(self.body(x).flatten(1))

    flat = tiny_networks.write(Flat(), tmp_path / "flat.pt")
    line = refused(2, *prune(work, out, "--size", "40x40", net=flat))
    assert "40" in line and "flat.pt" in line
    grey = tiny_networks.randomise(torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Conv2d(8, 2, 1)), 0)
    torch.jit.trace(grey, torch.rand(1, 1, 8, 8)).save(str(tmp_path / "grey.pt"))
    assert "[1, 3, 48, 64]" in refused(2, *prune(work, out, net=tmp_path / "grey.pt"))


def test_image_folders(work, out, tmp_path):
    assert "no such folder" in refused(2, *prune(work, out, images=tmp_path / "absent"))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no .jpg, .jpeg or .png file" in refused(2, *prune(work, out, images=empty))
    assert "expected a folder" in refused(2, *prune(work, out, images=work / "net.pt"))
    (empty / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "a.png" in refused(2, *prune(work, out, images=empty))


def test_outputs(work, out, tmp_path):
    assert "is an input" in refused(2, *prune(work, work / "net.pt"))
    (tmp_path / "link.pt").symlink_to(work / "net.pt")
    assert "is an input" in refused(2, *prune(work, tmp_path / "link.pt"))
    assert "No such file or directory" in refused(1, *prune(work, tmp_path / "absent" / "slim.pt"))
    assert "directory" in refused(1, *prune(work, tmp_path / "out"))
    assert "is an input" in refused(2, *prune(work, out, "--plan", out))
    assert "is an input" in refused(2, "plan", work / "net.pt", work / "net.state", "--flops", 0.5, "-o", work / "net.state")


def test_unwritable_output_is_found_before_the_work(work, tmp_path):
    done = run(*prune(work, tmp_path / "absent" / "slim.pt"))
    assert done.returncode == 1 and "observing" not in done.stderr


def limited(kilobytes):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))


@pytest.mark.parametrize("kilobytes", [1, 8, 24])
def test_file_that_cannot_be_finished(work, out, kilobytes):
    """A limit on file sizes stands for the full disk: the system refuses to write on."""
    line = refused(1, *prune(work, out, "--plan", out.with_name("net.plan")), preexec_fn=limited(kilobytes))
    assert "cannot write" in line and "tmp" not in line.split("cannot write")[0].rsplit("/", 1)[-1]
    assert "cannot write" in refused(1, "observe", work / "net.pt", "--images", work / "images", "-o", out, preexec_fn=limited(1))


def test_refit_that_finds_no_room_on_disk(work, out, monkeypatch, tmp_path):
    line = refused(1, *prune(work, out, "--memory", 0), preexec_fn=limited(8))
    assert "temporary file in" in line and "cannot write: File too large; allow more memory, or set TMPDIR" in line
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    assert f"temporary file in {tmp_path}/absent: cannot write: No such file" in refused(1, *prune(work, out, "--memory", "0.1K"))


def test_infinite_feature_maps_name_layer_and_image(work, out, tmp_path):
    net = tiny_networks.randomise(tiny_networks.Tiny(), 0)
    with torch.no_grad():
        net.fuse[0].weight[3, 2, 1, 1] = float("nan")
    tiny_networks.write(net, tmp_path / "nan.pt")
    line = refused(1, *prune(work, out, net=tmp_path / "nan.pt"))
    assert "input head" in line and "000.png" in line  # where its consumer reads it
    line = refused(2, *prune(work, out, "--skip-bad-images", net=tmp_path / "nan.pt"))
    assert "no image could be counted; 4 skipped" in line


def test_state_and_plan_of_another_network(work, out, tmp_path):
    assert "stem.0.weight" in refused(2, "plan", work / "other.pt", work / "net.state", "--flops", 0.5, "-o", out)
    assert "stem.0.weight" in refused(2, "apply", work / "other.pt", work / "net.plan", "-o", out)
    line = refused(2, "verify", work / "other.pt", work / "net.pt", work / "net.plan", "--images", work / "images")
    assert "stem.0.weight" in line


def edited(work, tmp_path, change):
    plan = json.loads((work / "net.plan").read_text())
    change(plan)
    (tmp_path / "net.plan").write_text(json.dumps(plan))
    (tmp_path / "net.plan.safetensors").write_bytes((work / "net.plan.safetensors").read_bytes())
    return tmp_path / "net.plan"


def cut(plan):
    """The first group that loses channels."""
    return next(g for g in plan["groups"] if len(g["kept"]) < g["channels"])


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda plan: plan.update(version=99), "99"),
        (lambda plan: cut(plan)["kept"].__setitem__(-1, 10_000), "10000"),
        (lambda plan: cut(plan)["kept"].__setitem__(0, -1), "-1"),
        (lambda plan: cut(plan)["kept"].__setitem__(1, cut(plan)["kept"][0]), "kept"),
        (lambda plan: cut(plan)["kept"].reverse(), "kept"),
        (lambda plan: cut(plan)["kept"].pop(), ""),
        (lambda plan: plan["groups"].pop(), ""),
        (lambda plan: plan.pop("groups"), "groups"),
        (lambda plan: plan.update(groups="many"), "groups"),
        (lambda plan: plan["slices"][0]["kept"].pop(), ""),
        (lambda plan: plan.update(options="everything"), "options"),
    ],
)
def test_edited_plans(work, out, tmp_path, change, expected):
    plan = edited(work, tmp_path, change)
    line = refused(2, "apply", work / "net.pt", plan, "-o", out)
    assert expected in line and "net.plan" in line


def test_plans_and_states_that_are_none(work, out, tmp_path):
    (tmp_path / "a.plan").write_text("{ not json")
    assert "a.plan" in refused(2, "apply", work / "net.pt", tmp_path / "a.plan", "-o", out)
    assert "no such file" in refused(2, "apply", work / "net.pt", tmp_path / "b.plan", "-o", out)
    assert "no such file" in refused(2, "plan", work / "net.pt", tmp_path / "b.state", "--flops", 0.5, "-o", out)
    whole = (work / "net.state").read_bytes()
    for data in (b"", whole[: len(whole) // 2], struct.pack("<Q", 1 << 60) + whole[8:], (work / "net.plan.safetensors").read_bytes()):
        (tmp_path / "bad.state").write_bytes(data)
        assert "bad.state" in refused(2, "plan", work / "net.pt", tmp_path / "bad.state", "--flops", 0.5, "-o", out)


def test_paper_needs_edge_scores(work, out, tmp_path):
    line = refused(2, "plan", work / "net.pt", work / "net.state", "--preset", "paper", "--flops", 0.5, "-o", out)
    assert "no edge scores" in line and "--preset paper" in line


def test_full_standard_output(work):
    inspect = command("inspect", work / "net.pt", "--size", "48x64", "--quiet")
    with open("/dev/full", "w") as full:
        done = subprocess.run(inspect, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "standard output" in done.stderr
