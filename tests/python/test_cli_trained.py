"""The trained networks that are not part of the repository: their published accuracy, reproduced by the program."""

import os
import pathlib
import subprocess
import sys

import pytest
from sirfp_program import ROOT, good

SHARED = pathlib.Path(os.environ.get("SIRFP_DATA", ROOT.parent / "shared"))
ESPNET = ("--bgr", "--scale", 1, "--mean", "110.331,108.409,105.034", "--std", "18391.875,18535.695,17825.265")
PUBLISHED = [
    ("deeplabv3plus_r18_half_camvid", 63.08, 90.60, ()),
    ("espnet_camvid", 69.6, 92.5, ESPNET),
    ("deeplabv3plus_r18_camvid", 62.86, 90.74, ()),
]

pytestmark = pytest.mark.skipif(
    not (SHARED / "data" / "camvid").is_dir(), reason=f"{SHARED}/data/camvid is not here (SIRFP_DATA names another place)"
)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("trained")


def exported(work, name):
    path = work / f"{name}.pt"
    if not path.exists():
        subprocess.run([sys.executable, SHARED / "nets" / "export.py", name, path], check=True, capture_output=True)
    return path


@pytest.mark.parametrize("name, miou, accuracy, options", PUBLISHED, ids=[p[0] for p in PUBLISHED])
def test_published_accuracy_is_reproduced(work, name, miou, accuracy, options):
    net, val = exported(work, name), SHARED / "data" / "camvid" / "val"
    result = good("verify", net, net, "--images", val / "images", "--labels", val / "labels", "--ignore", 11, *options)
    assert result["images"] == 101
    assert 100 * result["mean_iou"]["before"] == pytest.approx(miou, abs=0.1)
    assert 100 * result["pixel_accuracy"]["before"] == pytest.approx(accuracy, abs=0.1)


@pytest.mark.parametrize(
    "name, options, least", [(PUBLISHED[0][0], (), 0.97), (PUBLISHED[1][0], ESPNET, 0.9)], ids=[p[0] for p in PUBLISHED[:2]]
)
def test_prune_end_to_end(work, name, options, least):
    net, images = exported(work, name), SHARED / "data" / "camvid" / "train" / "images"
    out = work / f"{name}.slim.pt"
    result = good("prune", net, "--images", images, "--limit", 8, "--flops", 0.8, *options, "-o", out, "--plan", work / f"{name}.plan")
    assert result["flops"]["after"] <= 0.8 * result["flops"]["before"]
    assert result["masked_vs_slim"]["relative"] <= 1e-4
    val = SHARED / "data" / "camvid" / "val" / "images"
    verified = good("verify", net, out, work / f"{name}.plan", "--images", val, "--limit", 6)
    assert verified["masked_vs_slim"]["relative"] <= 1e-4
    assert verified["agreement"]["share"] > least
