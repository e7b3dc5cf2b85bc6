"""The example network and the Python example that prunes it."""

import subprocess
import sys

import export
import pytest
import torch
from conftest import ROOT, write_images


def test_network_has_its_size_and_answers_for_every_pixel():
    net = export.load()
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(3.55e6, rel=0.01)
    with torch.inference_mode():
        scores = net(torch.zeros(1, 3, 96, 128))
    assert scores.shape == (1, 11, 96, 128) and scores.isfinite().all() and scores.std() > 0.1


def test_python_example_prunes_and_loads(program, tmp_path):
    images = write_images(tmp_path / "images", 2, 360, 480)
    slim = tmp_path / "slim.pt"
    script = ROOT / "examples" / "prune.py"
    done = subprocess.run([sys.executable, script, images, slim, "--flops", "0.6"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = (int(n) for n in done.stdout.splitlines()[-1].removeprefix("parameters: ").split(" -> "))
    assert before == 3546843 and 0.2 * before < after < 0.9 * before
