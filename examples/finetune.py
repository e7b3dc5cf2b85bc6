"""Trains a pruned network on: `python finetune.py SLIM.pt DATA OUT.pt [--epochs 3] [--device cuda]`. Plain PyTorch.

SLIM.pt is what sirfp wrote for a DeepLabV3+-R18 of examples/deeplabv3plus_camvid (any width), DATA the CamVid folder that its train.py
describes. After every epoch OUT.pt.partial is left, from which a second run goes on. For a network of your own, `slim_module` is the part
to take: it gives your module the shapes and values of the pruned one.
"""

import argparse
import hashlib
import os
import pathlib
import random
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "deeplabv3plus_camvid"))
from deeplabv3plus import DeepLabV3Plus
from train import CLASSES, MEAN, STD, VOID, augmented, autocast, load, mean_iou

BATCH = 8


def slim_module(module: nn.Module, pruned: torch.jit.ScriptModule) -> nn.Module:
    """`module` (the class the network was traced from) with the pruned network's parameters, buffers and channel numbers.

    Works for every module whose forward takes its channel numbers from its layers. Biases that compensation added become parameters.
    """
    state = pruned.state_dict()
    for name, layer in module.named_modules():
        for kind in ("weight", "bias", "running_mean", "running_var"):
            value = state.get(f"{name}.{kind}" if name else kind)
            if value is None:
                if getattr(layer, kind, None) is not None:
                    raise ValueError(f"no {name}.{kind} in it; is it a pruned {type(module).__name__}?")
                continue
            value = value.detach().clone()
            setattr(layer, kind, nn.Parameter(value) if kind in ("weight", "bias") else value)
        if isinstance(layer, nn.Conv2d):
            if layer.groups > 1 and layer.groups == layer.in_channels:  # depthwise: its blocks are its channels
                layer.groups = layer.weight.shape[0] * layer.groups // layer.out_channels
            layer.out_channels, layer.in_channels = layer.weight.shape[0], layer.weight.shape[1] * layer.groups
        if isinstance(layer, nn.BatchNorm2d):
            layer.num_features = layer.weight.shape[0]
    return module


def class_weights(labels: torch.Tensor) -> torch.Tensor:
    count = torch.bincount(labels.flatten().long(), minlength=CLASSES + 1)[:CLASSES].double()
    return (count.median() / count).sqrt().clamp(0.3, 3).float()


def save_whole(content, path: pathlib.Path) -> None:
    partial = path.with_name(path.name + ".new")
    torch.save(content, partial)
    os.replace(partial, path)


class Training:
    """The recipe of deeplabv3plus_camvid/train.py, from where the pruned network stands."""

    def __init__(self, net, images, labels, args):
        self.net, self.images, self.labels, self.epochs, self.device = net, images, labels, args.epochs, args.device
        slim = hashlib.sha256(args.slim.read_bytes()).hexdigest()[:12]
        self.run = {"slim": slim, "epochs": args.epochs, "rate": args.rate, "seed": args.seed}
        self.weight = class_weights(labels).to(self.device)
        self.batches = len(images) // BATCH
        self.optimiser = torch.optim.AdamW(net.parameters(), weight_decay=2e-2)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, args.rate, total_steps=args.epochs * self.batches, pct_start=0.1
        )
        self.parts = {"net": net, "optimiser": self.optimiser, "schedule": self.schedule}
        self.epoch = 0

    def resume(self, partial: pathlib.Path) -> None:
        kept = torch.load(partial, map_location="cpu", weights_only=False)
        if kept["run"] != self.run:
            raise SystemExit(f"finetune: {partial} is of another run ({kept['run']}, not {self.run}); remove it to start anew")
        for name, part in self.parts.items():
            part.load_state_dict(kept[name])
        self.epoch = kept["epoch"]
        torch.set_rng_state(kept["torch_random"])
        random.setstate(kept["random"])

    def checkpoint(self, partial: pathlib.Path) -> None:
        kept = {name: part.state_dict() for name, part in self.parts.items()}
        randoms = {"torch_random": torch.get_rng_state(), "random": random.getstate()}
        save_whole({**kept, **randoms, "epoch": self.epoch, "run": self.run}, partial)

    def step(self, chosen: list[int]) -> float:
        pairs = [augmented(self.images[i], self.labels[i]) for i in chosen]
        x = ((torch.cat([p[0] for p in pairs]) - MEAN) / STD).to(self.device, memory_format=torch.channels_last)
        y = torch.cat([p[1] for p in pairs]).to(self.device)
        with autocast(self.device.type):
            out = self.net(x)
        loss = F.cross_entropy(out.float(), y, weight=self.weight, ignore_index=VOID, label_smoothing=0.05)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return loss.item()

    def run_epoch(self) -> None:
        self.net.train()
        order, total, start = torch.randperm(len(self.images)).tolist(), 0.0, time.time()
        for b in range(self.batches):
            total += self.step(order[BATCH * b : BATCH * (b + 1)])
            if sys.stderr.isatty():
                rate = (b + 1) / (time.time() - start)
                left = (self.batches * (self.epochs - self.epoch) - b - 1) / rate
                print(f"\repoch {self.epoch + 1} batch {b + 1}/{self.batches}, {rate:.2f}/s, {left:.0f} s left ", end="", file=sys.stderr)
        self.epoch += 1
        print(
            f"epoch {self.epoch}/{self.epochs}: loss {total / self.batches:.3f}, {time.time() - start:.0f} s", file=sys.stderr, flush=True
        )


def usable_device(name: str) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise argparse.ArgumentTypeError(str(error).splitlines()[0]) from error


def slim_network(path: pathlib.Path) -> nn.Module:
    try:
        return slim_module(DeepLabV3Plus("r18"), torch.jit.load(path, map_location="cpu"))
    except (ValueError, RuntimeError) as error:
        raise SystemExit(f"finetune: {path}: {str(error).splitlines()[0]}") from error


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slim", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=4e-4, help="largest learning rate of the one cycle")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", type=usable_device, default="cpu")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    random.seed(args.seed)
    torch.set_flush_denormal(True)
    net = slim_network(args.slim).to(args.device, memory_format=torch.channels_last)
    try:
        validation, training_set = (load(args.data, split) for split in ("val", "train"))
    except OSError as error:
        raise SystemExit(f"finetune: {error}") from error
    before = mean_iou(net, *validation)
    training = Training(net, *training_set, args)
    partial = args.out.with_name(args.out.name + ".partial")
    if partial.exists():
        training.resume(partial)
        print(f"finetune: going on after epoch {training.epoch} from {partial}", file=sys.stderr)
    while training.epoch < args.epochs:
        training.run_epoch()
        training.checkpoint(partial)
    after = mean_iou(net, *validation)
    written = args.out.with_name(args.out.name + ".new")
    torch.jit.trace(net.eval().cpu(), torch.rand(1, 3, *validation[0].shape[-2:])).save(str(written))
    os.replace(written, args.out)
    partial.unlink(missing_ok=True)
    print(f"validation mIoU {100 * before:.2f} before, {100 * after:.2f} after {args.epochs} epochs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
