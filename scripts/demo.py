"""`make demo`: prunes a real trained network to half its FLOPs on real frames and shows what is left.

`demo.py [--images DIR] [--out DIR]`. Without --images the frames are those of Debian's opencv-doc package.
"""

import argparse
import pathlib
import shlex

import demo_frames
import networks
import numpy as np
import picture
import torch
from PIL import Image
from program import PROGRAM, ROOT, RefusedError, sirfp

FRACTION = 0.5
SHOWN = 2


def amount(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.2f} {unit}"
    return f"{value:.0f}"


def predictions(net: pathlib.Path, frames: list[pathlib.Path]) -> list[np.ndarray]:
    network = torch.jit.load(str(net)).eval()
    return [networks.class_map(network, Image.open(f).convert("RGB")) for f in frames]


def constant_agreement(maps: list[np.ndarray]) -> float:
    """Share of pixels that one class for every pixel, the most frequent one, would get right."""
    counts = np.bincount(np.concatenate([m.ravel() for m in maps]))
    return counts.max() / counts.sum()


def table(rows: list[tuple[str, str, str, str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in (1, 2, 3))]).rstrip() for row in rows)


def draw(frames: list[pathlib.Path], before: list[np.ndarray], after: list[np.ndarray], heading: str, path: pathlib.Path) -> None:
    classes = len(picture.CAMVID)
    chosen = demo_frames.spaced(list(range(len(frames))), SHOWN)
    present = sorted({int(k) for i in chosen for k in (*np.unique(before[i]), *np.unique(after[i]))})
    rows = []
    for i in chosen:
        panels = [Image.open(frames[i]).convert("RGB"), picture.colour(before[i], classes), picture.colour(after[i], classes)]
        titles = ["frame (not used for calibration)", "prediction before", "prediction after"]
        same = f"where they differ (black): {1 - np.mean(before[i] == after[i]):.1%}"
        rows.append([*zip(titles, panels), (same, picture.disagreement(before[i], after[i]))])
    picture.sheet(rows, present, classes, heading).save(path)


def shown(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out" / "demo")
    args = parser.parse_args()
    out = args.out.resolve()
    source = demo_frames.folder_images(args.images) if args.images else demo_frames.video_frames()
    calibration, held_out = demo_frames.prepare(source, out)
    net, slim, plan, sheet = (out / f for f in ("net.pt", "slim.pt", "slim.plan.json", "before_after.png"))
    networks.export_example(net)

    command = ["prune", net, "--images", calibration, "--flops", FRACTION, "-o", slim, "--plan", plan]
    print(
        "demo: DeepLabV3+ on half a ResNet-18, trained on CamVid street photos, pruned to half its FLOPs without any training", flush=True
    )
    print("demo: " + shlex.join([shown(PROGRAM), *(shown(c) if isinstance(c, pathlib.Path) else str(c) for c in command)]), flush=True)
    try:
        pruned, seconds = sirfp(*command)
        verified, _ = sirfp("verify", net, slim, plan, "--images", held_out)
    except RefusedError as refusal:
        raise SystemExit(f"demo: {refusal}") from None

    frames = sorted(held_out.iterdir())
    before, after = predictions(net, frames), predictions(slim, frames)
    rows = [("", "before", "after", "remains")]
    for name, key, unit in (("FLOPs of a frame", "flops", ""), ("parameters", "parameters", ""), ("file", "file_bytes", "B")):
        b, a = pruned[key]["before"], pruned[key]["after"]
        rows.append((name, amount(b) + unit, amount(a) + unit, f"{a / b:.1%}"))
    b, a = pruned["latency_seconds"]["before"], pruned["latency_seconds"]["after"]
    rows.append(("latency here, 480x360", f"{1e3 * b:.0f} ms", f"{1e3 * a:.0f} ms", f"{a / b:.1%}"))
    rows.append((f"pixels as before, {len(frames)} held-out frames", "100.0%", f"{verified['agreement']['share']:.1%}", ""))
    rows.append(("  a constant prediction would have", "", f"{constant_agreement(before):.1%}", ""))
    rows.append(("largest difference masked - slim, of the output", "", f"{verified['masked_vs_slim']['relative']:.1e}", ""))
    print(f"\n{table(rows)}\n")
    print(f"Pruned in {seconds:.0f} s. The network was trained on photos from a driving car; these frames are something else, so its")
    print("predictions are rough before and after; what counts is how far they agree.")
    draw(frames, before, after, f"Before and after pruning to {FRACTION:.0%} of the FLOPs, no training", sheet)
    print(f"\npicture:       {shown(sheet)}\nslim network:  {shown(slim)}  (torch.jit.load, no sirfp needed)")
    print(f"your network:  {shown(PROGRAM)} prune NET.pt --images DIR --flops 0.5 -o SMALL.pt")


if __name__ == "__main__":
    main()
