"""What the Python tests share: the program, photos of a sort, and the material that is not part of the repository."""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(ROOT / "examples" / "deeplabv3plus_camvid"))


@pytest.fixture(scope="session")
def program() -> pathlib.Path:
    path = pathlib.Path(os.environ.get("SIRFP_PROGRAM", ROOT / "build" / "sirfp"))
    assert path.exists(), f"{path} is missing: make build"
    return path


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """../shared or SIRFP_DATA: trained networks and photos."""
    folder = pathlib.Path(os.environ.get("SIRFP_DATA", ROOT.parent / "shared"))
    if not (folder / "data" / "camvid").is_dir():
        pytest.skip(f"{folder}/data/camvid is not here (SIRFP_DATA names another place)")
    return folder
