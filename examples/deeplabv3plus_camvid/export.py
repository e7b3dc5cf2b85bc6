"""Writes the example network as TorchScript: `python export.py OUT.pt [--size 360x480]`. Needs torch and safetensors."""

import argparse
import pathlib

import torch
from deeplabv3plus import DeepLabV3Plus
from safetensors.torch import load_file

WEIGHTS = pathlib.Path(__file__).parent / "deeplabv3plus_r18_half_camvid.safetensors"


def load() -> torch.nn.Module:
    """The half-width network, in float32 and eval mode (the file holds convolution weights in half precision)."""
    net = DeepLabV3Plus("r18", width=0.5)
    weights = {name: t.float() if t.is_floating_point() else t for name, t in load_file(WEIGHTS).items()}
    missing, unexpected = net.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise SystemExit(f"{WEIGHTS.name}: missing {missing}, unexpected {unexpected}")
    return net.eval()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--size", default="360x480", help="height x width of the tracing example")
    args = parser.parse_args()
    height, width = map(int, args.size.split("x"))
    torch.jit.trace(load(), torch.rand(1, 3, height, width)).save(args.out)
