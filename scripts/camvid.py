"""Prunes the two trained CamVid networks at several sizes, without training, and writes docs/results/camvid.md: `camvid.py [--only WORD]`.

Needs the networks and photos that do not belong to the repository: ../shared or SIRFP_DATA. Finished rows are kept in build/camvid and
not computed again while the program is the same.
"""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import machine
from program import PROGRAM, ROOT, RefusedError, sirfp

FRACTIONS = (0.8, 0.6, 0.5, 0.4)
PRESETS = ("default", "paper")
ESPNET_INPUT = ("--bgr", "--scale", 1, "--mean", "110.331,108.409,105.034", "--std", "18391.875,18535.695,17825.265")
# name -> (published mIoU, input options, the backbone's name prefix for `paper`)
NETWORKS = {
    "deeplabv3plus_r18_camvid": (62.86, (), "encoder"),
    "espnet_camvid": (69.6, ESPNET_INPUT, "encoder"),
}
REPRODUCED_WITHIN = 0.1
CALIBRATION = 32
WORK = ROOT / "build" / "camvid"


def shared() -> pathlib.Path:
    folder = pathlib.Path(os.environ.get("SIRFP_DATA", ROOT.parent / "shared"))
    if not (folder / "data" / "camvid").is_dir():
        raise SystemExit(f"camvid: {folder}/data/camvid does not exist; set SIRFP_DATA to the folder that holds data/camvid and nets")
    return folder


def calibration_folder(data: pathlib.Path) -> pathlib.Path:
    """Every eleventh training image of the sorted list, 32 of them, as links."""
    folder = WORK / "calibration"
    folder.mkdir(parents=True, exist_ok=True)
    for image in sorted((data / "train" / "images").iterdir())[::11][:CALIBRATION]:
        link = folder / image.name
        if not link.is_symlink():
            link.symlink_to(image.resolve())
    return folder


def export(name: str, nets: pathlib.Path) -> pathlib.Path:
    file = WORK / f"{name}.pt"
    if not file.exists():
        subprocess.run([sys.executable, nets / "export.py", name, file], check=True)
    return file


def row(name: str, preset: str, fraction: float, data: pathlib.Path, nets: pathlib.Path) -> dict:
    """One prune and its verification, from the cache if the same program has done it before."""
    cached = WORK / f"{name}-{preset}-{fraction}-{hashlib.sha256(PROGRAM.read_bytes()).hexdigest()[:12]}.json"
    if cached.exists():
        return json.loads(cached.read_text())
    _, options, backbone = NETWORKS[name]
    net, slim, plan = export(name, nets), WORK / "slim.pt", WORK / "slim.plan.json"
    if preset == "paper":
        options = (*options, "--preset", "paper")
    prune_options = (*options, "--backbone", backbone) if preset == "paper" else options
    labels = ("--labels", data / "val" / "labels", "--ignore", 11)
    try:
        pruned, seconds = sirfp(
            "prune", net, "--images", calibration_folder(data), *prune_options, "--flops", fraction, "-o", slim, "--plan", plan
        )
        verified, _ = sirfp("verify", net, slim, plan, "--images", data / "val" / "images", *labels)
        result = {"pruned": pruned, "verified": verified, "seconds": seconds}
    except RefusedError as refusal:
        result = {"refused": str(refusal)}
    partial = cached.with_suffix(".partial")
    partial.write_text(json.dumps(result))
    partial.rename(cached)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only networks whose name contains this; nothing is written")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs" / "results" / "camvid.md")
    args = parser.parse_args()
    folder = shared()
    data, nets = folder / "data" / "camvid", folder / "nets"
    WORK.mkdir(parents=True, exist_ok=True)
    page = [
        "# CamVid, pruned without training",
        f"Made by `make camvid` ({machine.line()}).",
        "Two networks trained on CamVid, pruned to a share of their FLOPs on 32 training images (every eleventh of the sorted list)",
        "with the presets `default` and `paper`, and scored on the 101 validation images, no training in between. Agreement: pixels",
        "with the original network's class. Difference: max |masked - slim| / max |original|.",
        "",
    ]
    wrong = 0
    for name, (published, _, _) in NETWORKS.items():
        if args.only not in name:
            continue
        lines, dense = [], None
        for preset in PRESETS:
            for fraction in FRACTIONS:
                result = row(name, preset, fraction, data, nets)
                if "refused" in result:
                    lines.append(f"| {preset} | {fraction} | refused: {result['refused']} | | | | | |")
                else:
                    dense, line = table_line(preset, fraction, result)
                    lines.append(line)
                print(f"{name} {lines[-1]}", flush=True)
        page += [f"## {name}", *reproduction(published, dense), ""]
        wrong += dense is None or abs(dense - published) > REPRODUCED_WITHIN
        page += [
            "| preset | target | FLOPs left | parameters left | mIoU | agreement, % | difference | prune, s |",
            "|---|---|---|---|---|---|---|---|",
        ]
        page += [*lines, ""]
    if not args.only:
        args.out.write_text("\n".join(page))
        print(f"camvid: wrote {args.out}")
    return 1 if wrong else 0


def table_line(preset: str, fraction: float, result: dict) -> tuple[float, str]:
    """The original's mIoU and the row."""
    pruned, verified = result["pruned"], result["verified"]
    flops = pruned["flops"]["after"] / pruned["flops"]["before"]
    parameters = pruned["parameters"]["after"] / pruned["parameters"]["before"]
    dense, slim = 100 * verified["mean_iou"]["before"], 100 * verified["mean_iou"]["after"]
    cells = [preset, fraction, f"{flops:.3f}", f"{parameters:.3f}", f"{slim:.2f}", f"{100 * verified['agreement']['share']:.2f}"]
    cells += [f"{verified['masked_vs_slim']['relative']:.1e}", f"{result['seconds']:.0f}"]
    return dense, "| " + " | ".join(map(str, cells)) + " |"


def reproduction(published: float, dense: float | None) -> list[str]:
    if dense is None:
        return ["No row was computed."]
    verdict = "reproduced" if abs(dense - published) <= REPRODUCED_WITHIN else "**not reproduced**"
    return [f"The original scores mIoU {dense:.2f} here; {published} was published with it ({verdict})."]


if __name__ == "__main__":
    sys.exit(main())
