"""DeepLabV3+ (Chen et al., ECCV 2018) on ResNet-18/34 (basic block) or ResNet-50 (bottleneck), output stride 16, as plain torch modules.

`width` scales every channel count (0.5 gives the half-width network). Input: RGB, N x 3 x H x W, ImageNet mean and std.
"""

import torch
import torch.nn.functional as F
from torch import nn


def conv_bn(cin, cout, k, stride=1, dilation=1, groups=1, act=True):
    layers = [nn.Conv2d(cin, cout, k, stride, dilation * (k // 2), dilation, groups, bias=False), nn.BatchNorm2d(cout)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if act else nn.Sequential(*layers)


class Basic(nn.Module):
    expansion = 1

    def __init__(self, cin, width, stride=1, dilation=1):
        super().__init__()
        self.conv1 = conv_bn(cin, width, 3, stride, dilation)
        self.conv2 = conv_bn(width, width, 3, 1, dilation, act=False)
        self.down = conv_bn(cin, width, 1, stride, act=False) if stride != 1 or cin != width else nn.Identity()

    def forward(self, x):
        return F.relu(self.conv2(self.conv1(x)) + self.down(x))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, cin, width, stride=1, dilation=1):
        super().__init__()
        self.conv1 = conv_bn(cin, width, 1)
        self.conv2 = conv_bn(width, width, 3, stride, dilation)
        self.conv3 = conv_bn(width, width * 4, 1, act=False)
        self.down = conv_bn(cin, width * 4, 1, stride, act=False) if stride != 1 or cin != width * 4 else nn.Identity()

    def forward(self, x):
        return F.relu(self.conv3(self.conv2(self.conv1(x))) + self.down(x))


class ResNet(nn.Module):
    def __init__(self, block, depths, scale=1.0):
        super().__init__()
        cin, stages = int(64 * scale), []
        self.stem = conv_bn(3, cin, 7, 2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        for i, (width, depth) in enumerate(zip((int(w * scale) for w in (64, 128, 256, 512)), depths)):
            stride, dilation = (1, 1) if i == 0 else (2, 1) if i < 3 else (1, 2)
            blocks = []
            for j in range(depth):
                blocks.append(block(cin, width, stride if j == 0 else 1, dilation))
                cin = width * block.expansion
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, x):
        low = self.layer1(self.pool(self.stem(x)))
        return low, self.layer4(self.layer3(self.layer2(low)))


class ASPP(nn.Module):
    def __init__(self, cin, cout, rates=(6, 12, 18)):
        super().__init__()
        self.branches = nn.ModuleList([conv_bn(cin, cout, 1)] + [conv_bn(cin, cout, 3, dilation=r) for r in rates])
        self.pooled = conv_bn(cin, cout, 1)
        self.project = conv_bn(cout * 5, cout, 1)

    def forward(self, x):
        ys = [b(x) for b in self.branches]
        g = self.pooled(F.adaptive_avg_pool2d(x, 1))
        ys.append(F.interpolate(g, size=x.shape[-2:], mode="nearest"))
        return self.project(torch.cat(ys, 1))


class DeepLabV3Plus(nn.Module):
    def __init__(self, encoder="r18", classes=11, aspp=128, width=1.0):
        super().__init__()
        block, depths = {"r18": (Basic, (2, 2, 2, 2)), "r34": (Basic, (3, 4, 6, 3)), "r50": (Bottleneck, (3, 4, 6, 3))}[encoder]
        aspp, low, fuse = int(aspp * width), int(48 * width), int(256 * width)
        self.encoder = ResNet(block, depths, width)
        self.aspp = ASPP(int(512 * width) * block.expansion, aspp)
        self.low = conv_bn(int(64 * width) * block.expansion, low, 1)
        self.fuse = nn.Sequential(conv_bn(aspp + low, fuse, 3), conv_bn(fuse, fuse, 3))
        self.head = nn.Conv2d(fuse, classes, 1)

    def forward(self, x):
        low, high = self.encoder(x)
        high = F.interpolate(self.aspp(high), size=low.shape[-2:], mode="bilinear", align_corners=False)
        y = self.head(self.fuse(torch.cat([high, self.low(low)], 1)))
        return F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)
