"""Networks of a few channels that have what real ones have: strides, norms, a sum, a concatenation, a depthwise convolution."""

import pathlib

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 5
SIZE = (48, 64)


def convolution(cin, cout, k=3, stride=1, groups=1):
    return nn.Sequential(nn.Conv2d(cin, cout, k, stride, k // 2, groups=groups, bias=False), nn.BatchNorm2d(cout), nn.ReLU())


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = convolution(3, 16, stride=2)
        self.left, self.right = convolution(16, 24), nn.Sequential(convolution(16, 16, groups=16), convolution(16, 24, k=1))
        self.fuse = convolution(40, 20)
        self.head = nn.Conv2d(20, CLASSES, 1)

    def forward(self, x):
        stem = self.stem(x)
        both = torch.cat([self.left(stem) + self.right(stem), stem], 1)
        return F.interpolate(self.head(self.fuse(both)), size=x.shape[-2:], mode="bilinear")


class PooledBranch(Tiny):
    """A branch that sees one pixel an image, as ASPP has it."""

    def __init__(self):
        super().__init__()
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), convolution(20, 16, k=1))
        self.last = nn.Conv2d(36, CLASSES, 1)

    def forward(self, x):
        stem = self.stem(x)
        fused = self.fuse(torch.cat([self.left(stem) + self.right(stem), stem], 1))
        return self.last(torch.cat([fused, self.pooled(fused).expand(-1, -1, *fused.shape[-2:])], 1))


class Identity(nn.Module):
    """Its only prunable tensor is the image itself, so what is observed there is what the program made of the file."""

    def __init__(self):
        super().__init__()
        self.image, self.head = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 2, 1)
        with torch.no_grad():
            self.image.weight.copy_(torch.eye(3)[:, :, None, None])
            self.image.bias.zero_()

    def forward(self, x):
        return self.head(self.image(x))


def randomise(net: nn.Module, seed: int) -> nn.Module:
    """Norm statistics as of a trained network, so that no channel is like another."""
    torch.manual_seed(seed)
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.normal_(part.weight, std=part.weight[0].numel() ** -0.5)
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 2)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0.1, 0.3)
    return net.eval()


def write(net: nn.Module, path: pathlib.Path, size=SIZE) -> pathlib.Path:
    with torch.inference_mode():
        torch.jit.trace(net.eval(), torch.rand(1, 3, *size)).save(str(path))
    return path


def tiny(path: pathlib.Path, seed: int = 0) -> pathlib.Path:
    return write(randomise(Tiny(), seed), path)


def half(path: pathlib.Path, dtype: torch.dtype) -> pathlib.Path:
    """Tiny with 16-bit weights that takes float images of its own type."""
    net = randomise(Tiny(), 0).to(dtype)
    with torch.inference_mode():
        torch.jit.trace(net, torch.rand(1, 3, *SIZE).to(dtype)).save(str(path))
    return path


def load(path) -> torch.jit.ScriptModule:
    return torch.jit.load(str(path)).eval()


def parameters(path) -> int:
    return sum(p.numel() for p in load(path).parameters())
