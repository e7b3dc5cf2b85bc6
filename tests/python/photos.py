"""Folders of small images, and what the program should make of an image."""

import pathlib

import numpy as np
import torch
from PIL import Image

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def photo(seed: int, height: int = 48, width: int = 64) -> Image.Image:
    """Smooth noise of several scales."""
    random = np.random.default_rng(seed)
    layers = [random.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (3, 8, 32)]
    total = sum(np.asarray(Image.fromarray(layer).resize((width, height)), dtype=float) for layer in layers)
    return Image.fromarray((total / len(layers)).astype(np.uint8))


def folder(path: pathlib.Path, count: int, first: int = 0) -> pathlib.Path:
    path.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        photo(i).save(path / f"{i:03}.{'jpg' if i % 2 else 'png'}", quality=90)
    return path


def network_input(path: pathlib.Path, scale=1 / 255, mean=MEAN, std=STD, bgr=False, size=None) -> torch.Tensor:
    """(pixel * scale - mean) / std, [1, 3, H, W], written independently of the program."""
    pixels = torch.from_numpy(np.asarray(Image.open(path).convert("RGB"), dtype=np.float32)).permute(2, 0, 1)[None]
    if size is not None:
        pixels = torch.nn.functional.interpolate(pixels, size=size, mode="bilinear", antialias=True)
    if bgr:
        pixels = pixels.flip(1)
    return (pixels * scale - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
