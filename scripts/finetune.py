"""Prunes DeepLabV3+-R18 by the paper's way and ours, trains both on for a few epochs and writes docs/results/finetune.md.

`finetune.py [--epochs 3]`. Needs ../shared or SIRFP_DATA, as camvid.py does. Every finished row is kept in build/finetune, and an epoch
that was interrupted is all that is lost.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import time

import machine
import torch
from camvid import NETWORKS, PRESETS, ROOT, Study, shared
from program import PROGRAM, sirfp

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "examples" / "deeplabv3plus_camvid"))
from train import autocast

WORK = ROOT / "build" / "finetune"
PAGE = ROOT / "docs" / "results" / "finetune.md"
FRACTIONS = (0.3, 0.15)


def row(study: Study, preset: str, fraction: float, epochs: int) -> dict:
    stem = WORK / f"{preset}-{fraction}-{epochs}-{hashlib.sha256(PROGRAM.read_bytes()).hexdigest()[:12]}"
    kept = stem.with_name(stem.name + ".json")
    if kept.exists():
        return json.loads(kept.read_text())
    slim, tuned = stem.with_name(stem.name + ".slim.pt"), stem.with_name(stem.name + ".tuned.pt")
    if not slim.exists():
        sirfp("prune", study.net, "--images", study.calibration, "--flops", fraction, *PRESETS[preset], "-o", slim)
    start = time.time()
    command = [sys.executable, ROOT / "examples" / "finetune.py", slim, study.data, tuned, "--epochs", str(epochs)]
    subprocess.run(command, check=True)
    validation = ("--images", study.data / "val" / "images", "--labels", study.data / "val" / "labels", "--ignore", 11)
    seconds = time.time() - start
    found = [sirfp("verify", study.net, network, *validation)[0] for network in (slim, tuned)]
    answer = {
        "before": 100 * found[0]["mean_iou"]["after"],
        "after": 100 * found[1]["mean_iou"]["after"],
        "dense": 100 * found[0]["mean_iou"]["before"],
        "seconds": seconds,
    }
    kept.write_text(json.dumps(answer))
    return answer


def precision() -> str:
    with autocast():
        return "bf16 autocast" if torch.is_autocast_enabled("cpu") else "fp32, as this CPU has no fast bf16"


def write_page(rows: dict, epochs: int) -> None:
    lines = [
        "# Training on after pruning",
        "",
        f"Made by `make finetune` ({machine.line()}).",
        f"DeepLabV3+-R18 on CamVid, pruned with 32 training images, then {epochs} epochs of `examples/finetune.py`: the recipe of",
        f"`examples/deeplabv3plus_camvid/train.py` (crops of 240x320, batch 8, AdamW, one cycle up to 4e-4; {precision()}).",
        "mIoU on the 101 validation images at full size. One network, one seed: differences under 1.5 points mean nothing.",
        "",
        "| preset | FLOPs left | mIoU pruned | mIoU trained on | minutes of training |",
        "|---|---|---|---|---|",
    ]
    for (preset, fraction), found in rows.items():
        cells = (preset, fraction, f"{found['before']:.2f}", f"{found['after']:.2f}", f"{found['seconds'] / 60:.0f}")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", f"The dense network scores {next(iter(rows.values()))['dense']:.2f}."]
    PAGE.write_text("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    study = Study(NETWORKS[0], shared())
    WORK.mkdir(parents=True, exist_ok=True)
    rows = {}
    for fraction in FRACTIONS:
        for preset in PRESETS:
            rows[preset, fraction] = row(study, preset, fraction, args.epochs)
            print(f"{preset} {fraction}: {rows[preset, fraction]}", flush=True)
            write_page(rows, args.epochs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
