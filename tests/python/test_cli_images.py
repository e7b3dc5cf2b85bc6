"""What the program makes of image files: the moments of a tensor that is the image itself tell."""

import numpy as np
import photos
import pytest
import tiny_networks
from PIL import Image
from safetensors.numpy import load_file
from sirfp_program import good, refused, run


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return tiny_networks.write(tiny_networks.Identity(), tmp_path_factory.mktemp("net") / "identity.pt")


def observed(net, folder, state, *options):
    """Mean and covariance of the network's input over all pixels of all images."""
    result = good("observe", net, "--images", folder, "-o", state, *options)
    tensors = load_file(state)
    scatter = next(v for k, v in tensors.items() if k.startswith("moments/") and k.endswith("/scatter"))
    mean = next(v for k, v in tensors.items() if k.startswith("moments/") and k.endswith("/mean"))
    full = np.zeros((3, 3))
    full[np.tril_indices(3)] = scatter
    return mean, full + np.tril(full, -1).T, result


def expected(paths, **how):
    pixels = np.concatenate([photos.network_input(p, **how)[0].double().reshape(3, -1).numpy() for p in paths], axis=1)
    mean = pixels.mean(1)
    centred = pixels - mean[:, None]
    return mean, centred @ centred.T


def expect_like_pillow(net, folder, state, options=(), **how):
    mean, scatter, result = observed(net, folder, state, *options)
    right_mean, right_scatter = expected(sorted(folder.iterdir()), **how)
    np.testing.assert_allclose(mean, right_mean, atol=2e-5)
    np.testing.assert_allclose(scatter, right_scatter, rtol=2e-4, atol=1e-4 * np.abs(right_scatter).max())
    return result


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG"])
def test_colour(net, tmp_path, name):
    (tmp_path / "in").mkdir()
    photos.photo(3).save(tmp_path / "in" / name)
    expect_like_pillow(net, tmp_path / "in", tmp_path / "state")


@pytest.mark.parametrize("mode, kind", [("L", "jpg"), *((mode, "png") for mode in ("L", "1", "P", "RGBA", "LA"))])
def test_other_modes_become_colour(net, tmp_path, mode, kind):
    (tmp_path / "in").mkdir()
    photos.photo(4).convert(mode).save(tmp_path / "in" / f"a.{kind}")
    if mode in ("RGBA", "LA"):  # PIL drops alpha too
        image = np.asarray(Image.open(tmp_path / "in" / "a.png")).copy()
        image[:20, :20, -1] = 0
        Image.fromarray(image, mode).save(tmp_path / "in" / "a.png")
    expect_like_pillow(net, tmp_path / "in", tmp_path / "state")


def test_sixteen_bits_become_eight(net, tmp_path):
    grey = np.random.default_rng(0).integers(0, 65536, (48, 64), dtype=np.uint16)
    for name, values in (("deep", grey), ("shallow", np.round(grey / 257).astype(np.uint8))):
        (tmp_path / name).mkdir()
        Image.fromarray(values).save(tmp_path / name / "a.png")
    deep, shallow = (observed(net, tmp_path / name, tmp_path / f"{name}.state")[0] for name in ("deep", "shallow"))
    np.testing.assert_allclose(deep, shallow, atol=1e-3)


def test_options_are_applied_in_their_order(net, tmp_path):
    folder = photos.folder(tmp_path / "in", 3)
    how = {"scale": 0.5, "mean": (10.0, 20.0, 30.0), "std": (2.0, 4.0, 8.0), "bgr": True}
    options = ("--scale", 0.5, "--mean", "10,20,30", "--std", "2,4,8", "--bgr")
    expect_like_pillow(net, folder, tmp_path / "state", options, **how)
    expect_like_pillow(net, folder, tmp_path / "default", ("--bgr",), bgr=True, mean=photos.MEAN[::-1], std=photos.STD[::-1])


@pytest.mark.parametrize("size", [(24, 40), (96, 100), (48, 64)])
def test_resizing_is_antialiased(net, tmp_path, size):
    folder = photos.folder(tmp_path / "in", 2)
    expect_like_pillow(net, folder, tmp_path / "state", ("--size", f"{size[0]}x{size[1]}"), size=size)


def test_several_sizes_run_in_batches_of_equal_size(net, tmp_path):
    (tmp_path / "in").mkdir()
    for i, (height, width) in enumerate([(48, 64), (30, 40), (48, 64), (48, 64), (30, 40), (20, 20)]):
        photos.photo(i, height, width).save(tmp_path / "in" / f"{i}.png")
    result = expect_like_pillow(net, tmp_path / "in", tmp_path / "state", ("--batch", 2))
    assert result["images"] == 6


def test_limit_is_evenly_spaced(net, tmp_path):
    folder = photos.folder(tmp_path / "in", 10)
    (folder / "notes.txt").write_text("not an image")
    (folder / ".hidden.png").write_text("not one either")
    mean, _, result = observed(net, folder, tmp_path / "state", "--limit", 4)
    assert result["images"] == 4
    right, _ = expected([folder / f"{i:03}.{'jpg' if i % 2 else 'png'}" for i in (0, 2, 5, 7)])
    np.testing.assert_allclose(mean, right, atol=2e-5)


def damage(folder):
    """A JPEG cut off, a PNG with a wrong byte, a text file called .png."""
    whole = (folder / "001.jpg").read_bytes()
    (folder / "001.jpg").write_bytes(whole[: len(whole) // 2])
    data = bytearray((folder / "002.png").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (folder / "002.png").write_bytes(data)
    (folder / "004.png").write_text("not an image")
    return ["001.jpg", "002.png", "004.png"]


def test_damaged_images_are_named_or_skipped_and_listed(net, tmp_path):
    folder = photos.folder(tmp_path / "in", 6)
    names = damage(folder)
    line = refused(2, "observe", net, "--images", folder, "-o", tmp_path / "state")
    assert any(name in line for name in names)
    assert not (tmp_path / "state").exists()
    mean, _, result = observed(net, folder, tmp_path / "state", "--skip-bad-images", "--batch", 3)
    assert result["images"] == 3
    assert sorted(s["image"] for s in result["skipped_images"]) == names
    right, _ = expected([folder / f"{i:03}.{'jpg' if i % 2 else 'png'}" for i in (0, 3, 5)])
    np.testing.assert_allclose(mean, right, atol=2e-5)
    done = run("observe", net, "--images", folder, "-o", tmp_path / "again", "--skip-bad-images")
    assert "skipped 3 bad images" in done.stdout and all(name in done.stdout for name in names)


def test_only_damaged_images(net, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_text("not an image")
    assert "a.png" in refused(2, "observe", net, "--images", tmp_path / "in", "-o", tmp_path / "state")
    line = refused(2, "observe", net, "--images", tmp_path / "in", "-o", tmp_path / "state", "--skip-bad-images")
    assert "none of the 1 images can be read" in line
