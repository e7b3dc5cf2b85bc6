"""Runs TorchScript networks in plain PyTorch, without sirfp: what a user of the slim file has."""

import pathlib
import subprocess
import sys

import numpy as np
import torch
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build" / "sirfp"
EXAMPLE = ROOT / "examples" / "deeplabv3plus_camvid"
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def export_example(out: pathlib.Path) -> None:
    subprocess.run([sys.executable, EXAMPLE / "export.py", out], check=True)


def class_map(network: torch.jit.ScriptModule, image: Image.Image) -> np.ndarray:
    """The class of every pixel of an RGB image, by a network with ImageNet normalisation."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        return network((pixels - MEAN) / STD).argmax(1)[0].numpy()
