"""Prunes every network of the zoo to half its FLOPs and writes docs/results/zoo.md: `zoo.py [--only WORD] [--out FILE]`.

A row passes if the slim network computes what the masked one does, judged twice: by `sirfp prune` itself, and in plain PyTorch on the
two saved files. It is refused if sirfp names an operator or a reason. Anything else (another answer, a crash, ten minutes) is a failure.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import warnings

import machine
import numpy as np
import torch
import zoo_networks
from PIL import Image
from program import ROOT, RefusedError, sirfp

TOLERANCE = 1e-4
QUICK = ("--allocate", "joint", "--no-refit")  # what is judged is the surgery, not how well noise is predicted


def write_images(folder: pathlib.Path, count: int = 4) -> None:
    """Smooth noise of several scales: no two channels see the same, and no image needs a download."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(count):
        layers = [random.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (4, 16, 64, zoo_networks.SIZE)]
        size = (zoo_networks.SIZE, zoo_networks.SIZE)
        total = sum(np.asarray(Image.fromarray(layer).resize(size), dtype=float) for layer in layers)
        Image.fromarray((total / len(layers)).astype(np.uint8)).save(folder / f"{i}.png")


def tensor(output):
    return next(iter(output.values())) if isinstance(output, dict) else output


def difference(original: pathlib.Path, masked: pathlib.Path, slim: pathlib.Path) -> float:
    """max |masked - slim| / max |original| of the saved files, in plain PyTorch."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, zoo_networks.SIZE, zoo_networks.SIZE)
    with torch.inference_mode():
        o, m, s = (tensor(torch.jit.load(str(p))(x)) for p in (original, masked, slim))
    return ((m - s).abs().max() / o.abs().max()).item()


def row(name: str, build, work: pathlib.Path, images: pathlib.Path) -> tuple[str, bool]:
    """The table's row, and whether it is a pass or a named refusal."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    net, slim, masked, plan = (work / f for f in ("net.pt", "slim.pt", "masked.pt", "plan.json"))
    zoo_networks.write(name, build, net)
    size = ("--size", f"{zoo_networks.SIZE}x{zoo_networks.SIZE}")
    try:
        answer, _ = sirfp("prune", net, "--images", images, *size, "--flops", 0.5, *QUICK, "-o", slim, "--plan", plan, timeout=600)
        sirfp("apply", net, plan, "--mask", "-o", masked, timeout=600)
    except RefusedError as refusal:
        return f"| {name} | refused: {refusal} | | | |", refusal.status in (1, 2)
    except subprocess.TimeoutExpired:
        return f"| {name} | **no answer in ten minutes** | | | |", False
    measured = difference(net, masked, slim)
    passed = max(measured, answer["masked_vs_slim"]["relative"]) <= TOLERANCE
    before, after = answer["flops"]["before"], answer["flops"]["after"]
    verdict = "masked = slimmed" if passed else "**masked and slimmed differ**"
    return f"| {name} | {verdict} | {before / 1e9:.2f} | {after / before:.3f} | {measured:.1e} |", passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only networks whose name contains this")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs" / "results" / "zoo.md")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    work = ROOT / "build" / "zoo"
    images = work / "images"
    write_images(images)
    rows, failures = [], 0
    for name, build in zoo_networks.networks().items():
        if args.only in name:
            text, good = row(name, build, work / "network", images)
            failures += not good
            rows.append(text)
            print(text, flush=True)
    page = f"""# The structural zoo
Made by `make zoo` ({machine.line()}).
Architectures of torchvision and segmentation-models-pytorch with random weights and randomised norm statistics, traced at
{zoo_networks.SIZE}x{zoo_networks.SIZE}, pruned to half their FLOPs (`--allocate joint --no-refit`) on four images of noise. "Difference" is
max |masked - slim| / max |original| of the saved files in plain PyTorch; a network passes at {TOLERANCE:g} or below.

| network | outcome | GFLOPs | remain | difference |
|---|---|---|---|---|
""" + "".join(f"{r}\n" for r in rows)
    if not args.only:
        args.out.write_text(page)
        print(f"zoo: {len(rows)} networks, {failures} failures; wrote {args.out}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
