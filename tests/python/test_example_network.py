"""The example network and the Python example that prunes it."""

import runpy
import subprocess
import sys

import export
import photos
import pytest
import torch
from conftest import ROOT
from deeplabv3plus import DeepLabV3Plus


def test_network_has_its_size_and_answers_for_every_pixel():
    net = export.load()
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(3.55e6, rel=0.01)
    with torch.inference_mode():
        scores = net(torch.zeros(1, 3, 96, 128))
    assert scores.shape == (1, 11, 96, 128) and scores.isfinite().all() and scores.std() > 0.1


def test_python_example_prunes_and_loads(program, tmp_path):
    images = photos.folder(tmp_path / "images", 2)
    slim = tmp_path / "slim.pt"
    script = ROOT / "examples" / "prune.py"
    done = subprocess.run([sys.executable, script, images, slim, "--flops", "0.6"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = (int(n) for n in done.stdout.splitlines()[-1].removeprefix("parameters: ").split(" -> "))
    assert before == 3546843 and 0.2 * before < after < 0.9 * before
    pruned = torch.jit.load(slim).eval()
    slim_module = runpy.run_path(str(ROOT / "examples" / "finetune.py"))["slim_module"]
    module = slim_module(DeepLabV3Plus("r18"), pruned).eval()
    assert sum(p.numel() for p in module.parameters()) == sum(p.numel() for p in pruned.parameters())
    x = torch.rand(1, 3, 96, 128)
    with torch.inference_mode():
        expected = pruned(x)
        assert (module(x) - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_training_on_refuses_what_it_cannot_use(tmp_path):
    other = tmp_path / "other.pt"
    torch.jit.trace(torch.nn.Conv2d(3, 4, 1), torch.rand(1, 3, 4, 4)).save(str(other))

    def refusal(*arguments) -> str:
        command = [sys.executable, ROOT / "examples" / "finetune.py", *arguments]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode != 0 and "Traceback" not in done.stderr
        return done.stderr.splitlines()[-1]

    out = tmp_path / "out.pt"
    on_no_device = refusal(other, tmp_path, out, "--device", "gpu9")
    assert "--device: " in on_no_device and "gpu9" in on_no_device
    assert str(tmp_path / "none.pt") in refusal(tmp_path / "none.pt", tmp_path, out)
    assert "is it a pruned DeepLabV3Plus?" in refusal(other, tmp_path, out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.pt"]
