"""Segmentation architectures of torchvision and segmentation-models-pytorch with random weights, traced to TorchScript."""

import pathlib
from collections.abc import Callable

import torch
from torch import nn

SIZE = 128
DECODERS = ("Unet", "UnetPlusPlus", "Linknet", "FPN", "PSPNet", "PAN", "DeepLabV3", "DeepLabV3Plus", "UPerNet", "Segformer", "MAnet")
ENCODERS = ("resnet18", "mobilenet_v2", "efficientnet-b0")
TORCHVISION = (
    "fcn_resnet50",
    "fcn_resnet101",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "deeplabv3_mobilenet_v3_large",
    "lraspp_mobilenet_v3_large",
)

# torchvision's wheel registers these two in a CUDA library that a CPU torch cannot load; its Python part only needs to find them.
_operators = torch.library.Library("torchvision", "DEF")


def _torchvision():
    try:
        torch.ops.torchvision.nms  # noqa: B018  (raises where it is not registered)
    except AttributeError:
        _operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

    return torchvision


def networks() -> dict[str, Callable[[], nn.Module]]:
    """Name -> what builds it."""
    segmentation = _torchvision().models.segmentation
    import segmentation_models_pytorch as smp

    made = {
        f"torchvision {name}": lambda name=name: getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=19)
        for name in TORCHVISION
    }
    for decoder in DECODERS:
        for encoder in ENCODERS:
            made[f"smp {decoder} {encoder}"] = lambda decoder=decoder, encoder=encoder: getattr(smp, decoder)(
                encoder, encoder_weights=None, classes=19
            )
    return made


def randomise_norms(net: nn.Module) -> None:
    """Statistics near those of the data, then shaken, so that no channel is like another and no activation explodes."""
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        net.train()(torch.randn(4, 3, SIZE, SIZE))
        net.eval()
        for norm in norms:
            norm.momentum = 0.1
            norm.running_mean += 0.2 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.5, 2.0)
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(0, 0.2)


def write(name: str, build: Callable[[], nn.Module], path: pathlib.Path) -> None:
    """The network of that name as TorchScript; the same file from run to run."""
    torch.manual_seed(sum(map(ord, name)))
    net = build()
    randomise_norms(net)
    torch.jit.trace(net, torch.rand(1, 3, SIZE, SIZE), strict=False, check_trace=False).save(str(path))
