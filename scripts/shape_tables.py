"""Writes bench/shapes/NETWORK.tsv, the maps that `sirfp bench` makes: `shape_tables.py [--only WORD]` (packages: `scripts/setup zoo`).

Real architectures with random weights, traced and shown to `sirfp inspect`: a row is a layer whose map `sirfp observe` would read. Every
network is looked at in two sizes, which tells the maps that follow the input (by a stride) from those that do not (pooled to a few cells).
Both are smaller than the size that the tables are written for, which would take minutes; every stride divides all three.
"""

import argparse
import math
import pathlib
import tempfile
import warnings
from collections.abc import Callable

import torch
import zoo_networks
from program import ROOT, sirfp
from torch import nn

SIZE = (1024, 2048)  # table_size in bindings/cli/bench/shapes.hpp
LOOKED_AT = ((256, 512), (128, 256))
CLASSES = 19
FOLDER = ROOT / "bench" / "shapes"


def conv(inputs: int, outputs: int, kernel: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def resized(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


class PSPNet(nn.Module):
    """The published head (bins of 1, 2, 3, 6; 512 channels) on timm's ResNet at output stride 8."""

    def __init__(self, timm):
        super().__init__()
        self.backbone = timm.create_model("resnet50", features_only=True, output_stride=8, out_indices=(4,))
        self.pools = nn.ModuleList(nn.Sequential(nn.AdaptiveAvgPool2d(bins), conv(2048, 512)) for bins in (1, 2, 3, 6))
        self.bottleneck = conv(2048 + 4 * 512, 512, 3)
        self.classifier = nn.Conv2d(512, CLASSES, 1)

    def forward(self, image):
        x = self.backbone(image)[0]
        x = torch.cat([x, *(resized(pool(x), x) for pool in self.pools)], 1)
        return resized(self.classifier(self.bottleneck(x)), image)


class HRNet(nn.Module):
    """The published head (all four resolutions concatenated, 720 channels) on timm's HRNet-W48."""

    def __init__(self, timm):
        super().__init__()
        self.backbone = timm.create_model("hrnet_w48", features_only=True, feature_location="", out_indices=(1, 2, 3, 4))
        self.fuse = conv(720, 720)
        self.classifier = nn.Conv2d(720, CLASSES, 1)

    def forward(self, image):
        features = self.backbone(image)
        x = torch.cat([resized(f, features[0]) for f in features], 1)
        return resized(self.classifier(self.fuse(x)), image)


def networks() -> dict[str, tuple[str, Callable[[], nn.Module]]]:
    """Name -> where it is from, and what builds it."""
    zoo_networks._torchvision()
    import segmentation_models_pytorch as smp
    import timm

    def deeplab(encoder: str) -> Callable[[], nn.Module]:
        return lambda: smp.DeepLabV3Plus(encoder, encoder_weights=None, encoder_output_stride=8, classes=CLASSES)

    def segformer(encoder: str) -> Callable[[], nn.Module]:
        return lambda: smp.Segformer(encoder, encoder_weights=None, decoder_segmentation_channels=768, classes=CLASSES)

    backbones = f"timm {timm.__version__}"
    library = f"segmentation-models-pytorch {smp.__version__}"
    upernet = lambda: smp.UPerNet("tu-convnext_base", encoder_weights=None, decoder_channels=512, classes=CLASSES)  # noqa: E731
    return {
        "deeplabv3plus_r50": (f"DeepLabV3+ on ResNet-50, output stride 8, of {library}", deeplab("resnet50")),
        "deeplabv3plus_r101": (f"DeepLabV3+ on ResNet-101, output stride 8, of {library}", deeplab("resnet101")),
        "pspnet_r50": (f"PSPNet: ResNet-50 of {backbones}, output stride 8, head written after the paper", lambda: PSPNet(timm)),
        "hrnet_w48": (f"HRNet-W48 of {backbones}, head written after the paper", lambda: HRNet(timm)),
        "segformer_b2": (f"SegFormer-B2, decoder of 768 channels, of {library}", segformer("mit_b2")),
        "segformer_b5": (f"SegFormer-B5, decoder of 768 channels, of {library}", segformer("mit_b5")),
        "upernet_convnext_b": (f"UPerNet of {library}, decoder of 512 channels, on ConvNeXt-B of {backbones}", upernet),
    }


def observed(net: nn.Module, size: tuple[int, int], file: pathlib.Path) -> list[dict]:
    """The layers that `sirfp observe` reads: those of groups that are not locked."""
    with torch.inference_mode():
        torch.jit.trace(net, torch.rand(1, 3, *size), strict=False, check_trace=False).save(str(file))
    answer, _ = sirfp("inspect", file, "--size", f"{size[0]}x{size[1]}")
    locked = {place for group in answer["groups"] if group["locked"] for place in group["producers"]}
    return [layer for layer in answer["observed"] if layer["layer"].split("#")[0] not in locked]


def extents(layer: dict, size: tuple[int, int]) -> tuple[int, int, int, str]:
    """Channels, height and width of a map, and how it lies in memory. Tokens stand as the rows of the picture that they are."""
    batch, *rest = layer["shape"]
    assert batch == 1, layer
    channels = rest.pop(layer["axis"] - 1)
    if len(rest) == 1:
        stride = math.isqrt(size[0] * size[1] // rest[0])
        rest = [size[0] // stride, size[1] // stride]
        assert rest[0] * rest[1] == layer["shape"][1], layer
    return channels, *(rest or (1, 1)), "channels_last" if layer["axis"] > 1 else "nchw"


def row(layer: dict, other: dict) -> str:
    (channels, *large, order), (_, *small, _) = seen = [extents(one, size) for one, size in zip((layer, other), LOOKED_AT, strict=True)]
    stride = 0 if large == small else LOOKED_AT[0][0] // large[0]
    expected = [[s // stride for s in size] if stride else large for size in (*LOOKED_AT, SIZE)]
    assert layer["layer"] == other["layer"] and expected[:2] == [large, small] and seen[0][::3] == seen[1][::3], (layer, other)
    height, width = expected[2]
    return f"{layer['layer']}\t{channels}\t{height}\t{width}\t{stride}\t{order}\n"


def table(name: str, origin: str, build: Callable[[], nn.Module]) -> str:
    torch.manual_seed(0)
    net = build().eval()
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / f"{name}.pt"
        large, small = (observed(net, size, file) for size in LOOKED_AT)
    head = f"# {origin}; {len(large)} observed maps at {SIZE[0]}x{SIZE[1]}; stride 0: of any input (scripts/shape_tables.py)\n"
    return head + "layer\tchannels\theight\twidth\tstride\torder\n" + "".join(row(a, b) for a, b in zip(large, small, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only networks whose name contains this")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for name, (origin, build) in networks().items():
        if args.only in name:
            text = table(name, origin, build)
            (FOLDER / f"{name}.tsv").write_text(text)
            print(f"{name}: {text.count(chr(10)) - 2} layers", flush=True)


if __name__ == "__main__":
    main()
