"""--device: what is missing is said in one line before any work; a GPU's results are the CPU's, in files that do not know of it."""

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


def gpu():
    """The device to compare with. SIRFP_TEST_DEVICE=cpu tries these tests themselves."""
    named = os.environ.get("SIRFP_TEST_DEVICE", "cuda" if HAS_GPU else "")
    if not named:
        assert os.environ.get("SIRFP_REQUIRE_GPU") != "1", "no GPU, or a build without the backend"
        pytest.skip("no GPU, or a build without the backend")
    return named


@pytest.mark.parametrize("options", [(), ("--skip-bad-images",), ("--sample-pixels", 0.5), ("--pixel-weights", "edge"), ("--batch", 2)])
def test_states_are_those_of_the_cpu(work, tmp_path, options):
    states = {}
    for device in ("cpu", gpu()):
        path = tmp_path / f"{device}.state"
        good("observe", work / "net.pt", "--images", work / "images", "--device", device, "--edges", *options, "-o", path)
        with safe_open(path, "numpy") as file:
            states[device] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    cpu, other = states.values() if len(states) == 2 else (states["cpu"],) * 2
    assert cpu.keys() == other.keys()
    for name, values in cpu.items():
        assert np.abs(other[name] - values).max() <= 1e-3 * np.abs(values).max(), name


def test_pruned_files_do_not_know_of_the_device(work, tmp_path):
    slim = tmp_path / "slim.pt"
    answer = good("prune", work / "net.pt", "--images", work / "images", "--flops", 0.5, "--device", gpu(), "-o", slim)
    assert answer["masked_vs_slim"]["relative"] <= 1e-4
    net = torch.jit.load(slim)
    assert {p.device.type for p in net.parameters()} == {"cpu"} and "cuda" not in net.code
    found = good("verify", work / "net.pt", slim, "--images", work / "images")
    assert found["agreement"]["share"] > 0.5


def test_half_precision_passes(work, tmp_path):
    for dtype in ("bf16", "f16"):
        good("observe", work / "net.pt", "--images", work / "images", "--device", gpu(), "--dtype", dtype, "-o", tmp_path / "a.state")
