"""Writes a large network for `make gpu`, and times its plain forward pass: `gpu_network.py OUT.pt [--size HxW]`.

DeepLabV3+ on ResNet-101 (output stride 8, torchvision) with random weights. BatchNorm statistics are those of random images, as training
would leave them: with those of a fresh network maps grow by a power of two a block, beyond f16. The last line printed is JSON: milliseconds
of one image by dtype (f32 without TF32; f16 and bf16 by autocast, as `sirfp --dtype` runs) and the device memory that a pass takes at most.
"""

import argparse
import json
import statistics
import time

import torch
import torchvision
from torch import nn

CLASSES = 19
REPEATS = 7


def conv(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    dense = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(dense, nn.BatchNorm2d(outputs), nn.ReLU())


def resized(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


class DeepLabV3Plus(nn.Module):
    def __init__(self):
        super().__init__()
        resnet = torchvision.models.resnet101(weights=None, replace_stride_with_dilation=[False, True, True])
        self.stem = nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool)
        self.layer1, self.layer2, self.layer3, self.layer4 = resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4
        self.branches = nn.ModuleList([conv(2048, 256, 1), *(conv(2048, 256, 3, rate) for rate in (12, 24, 36))])
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv(2048, 256, 1))
        self.project = conv(5 * 256, 256, 1)
        self.low = conv(256, 48, 1)
        self.decoder = nn.Sequential(conv(304, 256, 3), conv(256, 256, 3))
        self.classifier = nn.Conv2d(256, CLASSES, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        low = self.layer1(self.stem(image))
        x = self.layer4(self.layer3(self.layer2(low)))
        x = self.project(torch.cat([*(branch(x) for branch in self.branches), self.pooled(x).expand(-1, -1, *x.shape[2:])], 1))
        x = self.decoder(torch.cat([resized(x, low), self.low(low)], 1))
        return resized(self.classifier(x), image)


def settle(network: nn.Module, device: str) -> None:
    """BatchNorm statistics of random images: all layers at once, so that every layer sees normalised inputs."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
    network.train()
    with torch.no_grad():
        for _ in range(4):
            network(torch.randn(2, 3, 256, 256, device=device))
    network.eval()
    for norm in norms:
        norm.momentum = 0.1


def forward_milliseconds(network: torch.nn.Module, image: torch.Tensor, dtype: torch.dtype) -> float:
    times = []
    with torch.no_grad(), torch.autocast("cuda", dtype=dtype, enabled=dtype != torch.float32):
        for k in range(REPEATS + 3):
            torch.cuda.synchronize()
            began = time.perf_counter()
            network(image)
            torch.cuda.synchronize()
            if k >= 3:  # warm: the profiling executor and cuDNN have chosen
                times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--size", default="1024x2048")
    args = parser.parse_args()
    height, width = map(int, args.size.split("x"))
    torch.manual_seed(1)
    torch.backends.cudnn.allow_tf32 = False
    network = DeepLabV3Plus().cuda()
    settle(network, "cuda")
    image = torch.randn(1, 3, height, width, device="cuda")
    with torch.no_grad():
        torch.jit.trace(network.cpu(), image[:, :, :128, :128].cpu(), check_trace=False).save(args.out)
    traced = torch.jit.load(args.out, map_location="cuda").eval()
    found = {}
    for name, dtype in (("f32", torch.float32), ("f16", torch.float16), ("bf16", torch.bfloat16)):
        torch.cuda.reset_peak_memory_stats()
        found[name] = {"ms": forward_milliseconds(traced, image, dtype), "peak_bytes": torch.cuda.max_memory_allocated()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
