"""Trains DeepLabV3+-R18 on CamVid from scratch on a CPU: `python train.py DATA OUT.pth [--width 0.5] [--epochs 75]`.

DATA holds train/images, train/labels, val/images, val/labels (480x360; 8-bit labels, 0..10 the classes, 11 void).
The recipe behind the weights here: AdamW 1.2e-3, one cycle, batch 8, crops of 240x320 at scales 0.67 to 1.5, flips, brightness and
contrast, label smoothing 0.05, square-root median-frequency class weights, bf16 autocast (see `autocast`), 75 epochs.
"""

import argparse
import math
import pathlib
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from deeplabv3plus import DeepLabV3Plus
from PIL import Image

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
CROP, VOID, CLASSES = (240, 320), 11, 11


def autocast(device="cpu"):
    """bf16 where the hardware has it: without AVX-512 a CPU takes 17 times as long in it as in fp32 (torch 2.13)."""
    fast = device != "cpu" or torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.autocast(device, dtype=torch.bfloat16, enabled=fast)


def load(data, split):
    names = sorted((data / split / "images").iterdir())
    images = torch.stack([torch.from_numpy(np.array(Image.open(n).convert("RGB"))).permute(2, 0, 1) for n in names])
    labels = torch.stack([torch.from_numpy(np.array(Image.open(data / split / "labels" / f"{n.stem}.png"))) for n in names])
    return images, labels


def augmented(image, label):
    scale = math.exp(random.uniform(math.log(0.67), math.log(1.5)))
    h, w = (min(full, int(c / scale)) for full, c in zip(image.shape[-2:], CROP))
    top, left = random.randint(0, image.shape[-2] - h), random.randint(0, image.shape[-1] - w)
    window = (..., slice(top, top + h), slice(left, left + w))
    x = F.interpolate(image[window][None].float() / 255, size=CROP, mode="bilinear", antialias=True)
    y = F.interpolate(label[window][None, None].float(), size=CROP, mode="nearest")[:, 0].long()
    if random.random() < 0.5:
        x, y = x.flip(3), y.flip(2)
    x = x * random.uniform(0.7, 1.3)
    mean = x.mean((1, 2, 3), keepdim=True)
    return ((x - mean) * random.uniform(0.7, 1.3) + mean).clamp(0, 1), y


def mean_iou(net, images, labels):
    counts = torch.zeros(CLASSES, CLASSES, dtype=torch.long)
    device = next(net.parameters()).device
    net.eval()
    with torch.no_grad(), autocast(device.type):
        for x, y in zip(images.split(8), labels.split(8)):
            p = net(((x.float() / 255 - MEAN) / STD).to(device)).argmax(1).cpu()
            known = y < VOID
            counts += torch.bincount(y[known].long() * CLASSES + p[known], minlength=CLASSES**2).view(CLASSES, CLASSES)
    net.train()
    hit = counts.diagonal().double()
    return (hit / (counts.sum(0) + counts.sum(1) - hit)).mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--width", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, default=75)
    args = parser.parse_args()
    torch.manual_seed(0)
    random.seed(0)
    torch.set_flush_denormal(True)
    images, labels = load(args.data, "train")
    count = torch.bincount(labels.flatten().long(), minlength=CLASSES + 1)[:CLASSES].double()
    weight = (count.median() / count).sqrt().clamp(0.3, 3).float()
    net = DeepLabV3Plus("r18", width=args.width).to(memory_format=torch.channels_last)
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=2e-2)
    batches = len(images) // 8
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.2e-3, total_steps=args.epochs * batches, pct_start=0.1)
    start = time.time()
    for epoch in range(args.epochs):
        order, total = torch.randperm(len(images)).tolist(), 0.0
        for b in range(batches):
            pairs = [augmented(images[i], labels[i]) for i in order[8 * b : 8 * b + 8]]
            x = ((torch.cat([p[0] for p in pairs]) - MEAN) / STD).contiguous(memory_format=torch.channels_last)
            y = torch.cat([p[1] for p in pairs])
            with autocast():
                out = net(x)
            loss = F.cross_entropy(out.float(), y, weight=weight, ignore_index=VOID, label_smoothing=0.05)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total / batches:.3f} time {time.time() - start:.0f} s", flush=True)
    print(f"validation mIoU {100 * mean_iou(net, *load(args.data, 'val')):.2f}")
    torch.save(net.state_dict(), args.out)


if __name__ == "__main__":
    main()
