"""What calibration has little to say about: few pixels, equal or constant images, consumers of zeros, tiny variances, several outputs."""

import math
import re
import shutil

import photos
import pytest
import tiny_networks
import torch
from PIL import Image
from sirfp_program import good, refused
from torch import nn


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return tiny_networks.tiny(tmp_path_factory.mktemp("hard") / "net.pt")


def prune(net, images, out, *options) -> dict:
    result = good("prune", net, "--images", images, "--flops", 0.6, "-o", out, *options)
    assert result["flops"]["after"] <= 0.6 * result["flops"]["before"]
    assert result["masked_vs_slim"]["relative"] <= 1e-4
    assert all(torch.isfinite(tensor).all() for tensor in tiny_networks.load(out).state_dict().values())
    return result


def test_equal_images(net, tmp_path):
    images = photos.folder(tmp_path / "one", 1)
    one = prune(net, images, tmp_path / "one.pt")
    copies = tmp_path / "copies"
    copies.mkdir()
    for i in range(5):
        shutil.copy(next(images.iterdir()), copies / f"{i}.png")
    five = prune(net, copies, tmp_path / "five.pt")
    assert [g["kept"] for g in five["groups"]] == [g["kept"] for g in one["groups"]]


# Only the zero padding makes anything vary.
@pytest.mark.parametrize("colour", [0, 255])
def test_constant_images(net, tmp_path, colour):
    images = tmp_path / "images"
    images.mkdir()
    for i in range(3):
        Image.new("RGB", (64, 48), (colour,) * 3).save(images / f"{i}.png")
    result = prune(net, images, tmp_path / "slim.pt")
    assert math.isfinite(result["output_error"]["measured"])


def test_fewer_pixels_than_channels_is_said_with_the_rank(tmp_path):
    path = tiny_networks.write(tiny_networks.randomise(tiny_networks.PooledBranch(), 0), tmp_path / "net.pt")
    result = prune(path, photos.folder(tmp_path / "images", 4), tmp_path / "slim.pt")
    expected = "the input of pooled.1.0 was seen at 4 pixels, fewer than its 20 channels: covariance of rank 3, regularised"
    assert expected in result["notes"]


# Rounding is no rank: P pixels about their mean span P - 1 directions.
def test_rank_is_below_the_number_of_pixels(tmp_path):
    path = tiny_networks.write(tiny_networks.randomise(tiny_networks.PooledBranch(), 0), tmp_path / "net.pt", (8, 8))
    result = prune(path, photos.folder(tmp_path / "images", 2), tmp_path / "slim.pt", "--size", "8x8")
    said = [re.search(r"at (\d+) pixels, fewer than its \d+ channels: covariance of rank (\d+)", note) for note in result["notes"]]
    found = [tuple(map(int, one.groups())) for one in said if one]
    assert (2, 1) in found and (32, 31) in found
    assert all(rank < pixels for pixels, rank in found), "dead channels take some more"


def test_consumer_with_zero_weights(tmp_path):
    network = tiny_networks.randomise(tiny_networks.Tiny(), 0)
    nn.init.zeros_(network.fuse[0].weight)
    path = tiny_networks.write(network, tmp_path / "net.pt")
    result = prune(path, photos.folder(tmp_path / "images", 3), tmp_path / "slim.pt")
    assert result["agreement"]["share"] == 1  # nothing behind it depends on the image


# ESPNet has running variances down to 1e-41.
def test_denormal_running_variances(tmp_path):
    network = tiny_networks.randomise(tiny_networks.Tiny(), 0)
    with torch.no_grad():
        network.left[0].weight[:4] = 0
        network.left[1].running_mean[:4] = 0
        network.left[1].running_var[:4] = 1e-41
        network.left[0].weight[4:6] *= 1e-19
        network.left[1].running_var[4:6] = 1e-38
    path = tiny_networks.write(network, tmp_path / "net.pt")
    prune(path, photos.folder(tmp_path / "images", 3), tmp_path / "slim.pt")


class TwoOutputs(tiny_networks.Tiny):
    def forward(self, x):
        return super().forward(x), self.stem(x).mean((2, 3))


def test_several_outputs_need_a_choice(tmp_path):
    path = tiny_networks.write(tiny_networks.randomise(TwoOutputs(), 0), tmp_path / "net.pt")
    images = photos.folder(tmp_path / "images", 3)
    line = refused(2, "prune", path, "--images", images, "--flops", 0.6, "-o", tmp_path / "slim.pt")
    assert "--output" in line and "2" in line, line
    assert not (tmp_path / "slim.pt").exists()
    line = refused(2, "prune", path, "--images", images, "--flops", 0.6, "--output", 2, "-o", tmp_path / "slim.pt")
    assert "--output 2" in line and "returns 2 tensors" in line, line
    prune(path, images, tmp_path / "slim.pt", "--output", 0)


def test_sensitivity_is_that_of_one_output(tmp_path):
    path = tiny_networks.write(tiny_networks.randomise(TwoOutputs(), 0), tmp_path / "net.pt")
    images = photos.folder(tmp_path / "images", 3)
    state = tmp_path / "net.state"
    good("observe", path, "--images", images, "--output", 1, "-o", state)
    options = ("plan", path, state, "--flops", 0.6, "-o", tmp_path / "net.plan")
    good(*options, "--output", 1)
    assert "holds no sensitivity" in refused(2, *options, "--output", 0)
