"""A calibration state, written by C++, as numpy sees it (layout: docs/numerics.md)."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from sirfp_program import ROOT, cpp_samples


def unpack(packed):
    """The full symmetric matrix of a packed lower triangle, row by row."""
    n = int((np.sqrt(8 * len(packed) + 1) - 1) / 2)
    full = np.zeros((n, n))
    full[np.tril_indices(n)] = packed
    return full + np.tril(full, -1).T


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return cpp_samples("calibration_state_test", "SIRFP_STATE_FOLDER", tmp_path_factory.mktemp("state"))


def test_metadata(state):
    with safe_open(state / "state.safetensors", "numpy") as file:
        metadata = file.metadata()
    assert metadata["format"] == "sirfp-state"
    assert metadata["version"] == "1"
    assert json.loads(metadata["images"]) == ["image1.png", "image2.png", "image3.png"]
    assert json.loads(metadata["layers"]) == {"stem": {"channels": 5, "images": 3, "mode": "mean"}}
    assert json.loads(metadata["sites"])["head"]["weight"] == 3 * 6 * 7
    assert json.loads(metadata["network"])["parameters"][0]["shape"] == [5, 3, 3, 3]


def test_tensors(state):
    lines = (state / "expected.txt").read_text().splitlines()
    with safe_open(state / "state.safetensors", "numpy") as file:
        assert sorted(file.keys()) == ["edge/stem/sum", "moments/head/mean", "moments/head/scatter", "similarity/stem/matrix"]
        images = json.loads(file.metadata()["layers"])["stem"]["images"]
        weight = json.loads(file.metadata()["sites"])["head"]["weight"]
        redundancy = unpack(file.get_tensor("similarity/stem/matrix")) / images
        covariance = file.get_tensor("moments/head/scatter") / weight
    assert np.array_equal(redundancy, np.array([[float(v) for v in line.split()] for line in lines[:5]]))
    assert np.allclose(covariance, np.array([float(v) for v in lines[5].split()]), rtol=1e-15, atol=0)


def test_snippet_of_the_documentation(state, monkeypatch):
    pages = [ROOT / "docs" / name for name in ("numerics.md", "numerics_state.md")]
    page = next(text for text in (path.read_text() for path in pages if path.exists()) if "## The state file" in text)
    snippet = page.split("## The state file")[1].split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(state)
    names = {}
    exec(snippet, names)
    assert names["redundancy"]["stem"].shape == (5, 5)
    assert np.array_equal(names["covariance"]["head"], names["covariance"]["head"].T)
