"""What the Python tests share: the program, photos of a sort, and the material that is not part of the repository."""

import os
import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(ROOT / "examples" / "deeplabv3plus_camvid"))


@pytest.fixture(scope="session")
def program() -> pathlib.Path:
    path = ROOT / "build" / "sirfp"
    assert path.exists(), f"{path} is missing: make build"
    return path


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """../shared or SIRFP_DATA: trained networks and photos."""
    folder = pathlib.Path(os.environ.get("SIRFP_DATA", ROOT.parent / "shared"))
    if not (folder / "data" / "camvid").is_dir():
        pytest.skip(f"{folder}/data/camvid is not here (SIRFP_DATA names another place)")
    return folder


def write_images(folder: pathlib.Path, count: int, height: int, width: int) -> pathlib.Path:
    """Smooth noise of several scales as PNG files: no two channels see the same."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(count):
        layers = [random.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (4, 16, 64, 128)]
        total = sum(np.asarray(Image.fromarray(layer).resize((width, height)), dtype=float) for layer in layers)
        Image.fromarray((total / len(layers)).astype(np.uint8)).save(folder / f"{i:02}.png")
    return folder
