"""A few architectures in the zoo's manner, small enough for every run: each is pruned to half, and masked equals slimmed."""

import pytest
import torch
import torch.nn.functional as F
import zoo
from torch import nn


def conv(cin, cout, k=3, stride=1, groups=1):
    return nn.Sequential(nn.Conv2d(cin, cout, k, stride, k // 2, groups=groups, bias=False), nn.BatchNorm2d(cout), nn.ReLU())


class Gate(nn.Module):
    """Squeeze and excitation: a global pool, two 1x1 convolutions, a gate on every channel."""

    def __init__(self, channels):
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))


class Inverted(nn.Module):
    """MobileNet's block: expand, depthwise, gate, project, and a sum with the input."""

    def __init__(self, channels, expansion=4):
        super().__init__()
        wide = channels * expansion
        self.body = nn.Sequential(conv(channels, wide, 1), conv(wide, wide, 3, groups=wide), Gate(wide))
        self.project = nn.Sequential(nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return x + self.project(self.body(x))


class MobileUnet(nn.Module):
    """Encoder of inverted blocks, decoder with skip concatenations."""

    def __init__(self):
        super().__init__()
        self.stem, self.down = conv(3, 16, stride=2), conv(16, 32, stride=2)
        self.block1, self.block2 = Inverted(16), nn.Sequential(Inverted(32), Inverted(32))
        self.up = conv(48, 24)
        self.head = nn.Conv2d(24, 5, 1)

    def forward(self, x):
        fine = self.block1(self.stem(x))
        deep = self.block2(self.down(fine))
        joined = torch.cat([F.interpolate(deep, scale_factor=2.0, mode="nearest"), fine], 1)
        return F.interpolate(self.head(self.up(joined)), size=x.shape[-2:], mode="bilinear")


class PyramidPooling(nn.Module):
    """PSPNet: pools of several sizes, each reduced, resized and concatenated."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(conv(3, 16, stride=2), conv(16, 32, stride=2), conv(32, 64))
        self.branches = nn.ModuleList([nn.Sequential(nn.AdaptiveAvgPool2d(s), nn.Conv2d(64, 16, 1), nn.ReLU()) for s in (1, 2, 4)])
        self.head = nn.Sequential(conv(112, 32), nn.Dropout2d(0.1), nn.Conv2d(32, 5, 1))

    def forward(self, x):
        y = self.encoder(x)
        parts = [y, *(F.interpolate(b(y), size=y.shape[-2:], mode="bilinear") for b in self.branches)]
        return F.interpolate(self.head(torch.cat(parts, 1)), size=x.shape[-2:], mode="bilinear")


class ResidualTransposed(nn.Module):
    """Linknet: residual blocks with a strided shortcut, sums of encoder and decoder, transposed convolutions."""

    def __init__(self):
        super().__init__()
        self.stem = conv(3, 16, stride=2)
        self.body, self.shortcut = nn.Sequential(conv(16, 32, stride=2), conv(32, 32)), conv(16, 32, 1, stride=2)
        self.up = nn.Sequential(
            conv(32, 8, 1), nn.ConvTranspose2d(8, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.PReLU(8), conv(8, 16, 1)
        )
        self.head = nn.ConvTranspose2d(16, 5, 2, 2)

    def forward(self, x):
        fine = self.stem(x)
        return self.head(fine + self.up(self.body(fine) + self.shortcut(fine)))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    zoo.write_images(folder, 2)
    return folder


@pytest.mark.parametrize("network", [MobileUnet, PyramidPooling, ResidualTransposed])
def test_half_the_flops_and_masked_equals_slimmed(program, tmp_path, images, network):
    row, passed = zoo.row(network.__name__, network, tmp_path / "work", images)
    assert passed and "masked = slimmed" in row, row
