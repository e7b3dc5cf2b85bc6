"""Prunes the two trained CamVid networks without training and writes docs/results/camvid.md: `camvid.py [--only WORD] [--no-grid]`.

Needs the networks and photos that do not belong to the repository: ../shared or SIRFP_DATA. One state a network serves every row. As many
rows are computed side by side, of one thread each, as there are cores. Finished rows are kept in build/camvid and not computed again while
the program is the same, so it can be interrupted; the page is written anew after every row, and says "not run" where a row is missing.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import curve_plot
import machine
from program import PROGRAM, ROOT, RefusedError, sirfp

WORK = ROOT / "build" / "camvid"
PAGE = ROOT / "docs" / "results" / "camvid.md"
REPRODUCED_WITHIN = 0.1
CALIBRATION = 32
GRID_FRACTIONS = (0.5, 0.2)
GRID_CRITERIA = ("joint", "pairwise", "l1", "bn", "fpgm", "random --seed 1", "random --seed 2", "random --seed 3")
GRID_WIDTHS = ("uniform", "measured")
GRID_COMPENSATION = ("constant", "ls", "refit")
GRID_LIMIT = 17  # validation images a cell: every sixth, so that 102 cells take half an hour
GRID_CALIBRATION = 8  # images that its refit sees, for the same reason
CHECKED = 4  # calibration images on which the masked and the slim network are compared


@dataclass
class Network:
    name: str
    published: float  # mIoU
    fractions: tuple[float, ...]
    grid: bool
    options: tuple = ()  # of the input


NETWORKS = (
    Network("deeplabv3plus_r18_camvid", 62.86, (0.8, 0.65, 0.5, 0.35, 0.2, 0.1), True),
    Network(
        "espnet_camvid",
        69.6,
        (0.8, 0.65, 0.5),
        False,
        ("--bgr", "--scale", 1, "--mean", "110.331,108.409,105.034", "--std", "18391.875,18535.695,17825.265"),
    ),
)
PRESETS = {"default": (), "paper": ("--preset", "paper", "--backbone", "encoder")}
RECALIBRATED_FRACTIONS = (0.5, 0.2)


def shared() -> pathlib.Path:
    folder = pathlib.Path(os.environ.get("SIRFP_DATA", ROOT.parent / "shared"))
    if not (folder / "data" / "camvid").is_dir():
        raise SystemExit(f"camvid: {folder}/data/camvid does not exist; set SIRFP_DATA to the folder that holds data/camvid and nets")
    return folder


def cache_file(name: str) -> pathlib.Path:
    return WORK / f"{name}-{hashlib.sha256(PROGRAM.read_bytes()).hexdigest()[:12]}.json"


def cached(name: str, compute):
    """compute()'s JSON, from build/camvid if the same program has done it before."""
    file = cache_file(name)
    if not file.exists():
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(compute()))
        partial.rename(file)
    return json.loads(file.read_text())


def one_thread(*arguments) -> dict:
    """Rows run side by side: two of one thread each are quicker than one after the other on two."""
    return sirfp(*arguments, "--threads", 1)[0]


class Study:
    """One network: its state, and rows made from it."""

    def __init__(self, network: Network, folder: pathlib.Path):
        self.network, self.data = network, folder / "data" / "camvid"
        WORK.mkdir(parents=True, exist_ok=True)
        self.net, self.state = WORK / f"{network.name}.pt", WORK / f"{network.name}.state"
        if not self.net.exists():
            subprocess.run([sys.executable, folder / "nets" / "export.py", network.name, self.net], check=True)
        self.calibration = WORK / "calibration"
        self.calibration.mkdir(exist_ok=True)
        for image in sorted((self.data / "train" / "images").iterdir())[::11][:CALIBRATION]:  # every eleventh training frame
            link = self.calibration / image.name
            if not link.is_symlink():
                link.symlink_to(image.resolve())

    def observed(self) -> dict:
        def compute():
            options = ("--images", self.calibration, "--edges", "--backbone", "encoder", *self.network.options)
            answer, seconds = sirfp("observe", self.net, *options, "-o", self.state)
            return {"seconds": seconds, "images": answer["images"]}

        return cached(f"{self.network.name}-observed", compute)

    def name(self, fraction: float, options: tuple) -> str:
        return "-".join([self.network.name, str(fraction), *(str(o).strip("-").replace(" ", "_") for o in options)])

    def finished(self, fraction: float, options: tuple) -> dict | None:
        file = cache_file(self.name(fraction, options))
        return json.loads(file.read_text()) if file.exists() else None

    def plan(self, folder: pathlib.Path, fraction: float, options: tuple) -> pathlib.Path:
        plan = folder / "row.plan"
        one_thread("plan", self.net, self.state, "--images", self.calibration, "--flops", fraction, *options, "-o", plan)
        return plan

    def scored(self, plan: pathlib.Path, limit: int, *options) -> dict:
        """What is left of the network by the plan, and how it does on the validation images."""
        slim, val = plan.with_suffix(".pt"), self.data / "val"
        applied = one_thread("apply", self.net, plan, "--images", self.calibration, "--limit", CHECKED, *options, "-o", slim)
        labels = ("--labels", val / "labels", "--ignore", 11, "--limit", limit)
        found = one_thread("verify", self.net, slim, "--images", val / "images", *labels, *self.network.options)
        return {
            "flops": applied["flops"]["after"] / applied["flops"]["before"],
            "parameters": applied["parameters"]["after"] / applied["parameters"]["before"],
            "dense": 100 * found["mean_iou"]["before"],
            "miou": 100 * found["mean_iou"]["after"],
            "agreement": 100 * found["agreement"]["share"],
            "difference": applied["masked_vs_slim"]["relative"],
        }

    def row(self, fraction: float, options: tuple) -> dict:
        def compute():
            with tempfile.TemporaryDirectory(dir=WORK) as folder:
                try:
                    return self.scored(self.plan(pathlib.Path(folder), fraction, options), limit=0)
                except RefusedError as refusal:
                    return {"refused": str(refusal)}

        return cached(self.name(fraction, options), compute)

    def cells(self, fraction: float, options: tuple) -> dict:
        """One plan, whose kept channels speak for the removed ones in every way of GRID_COMPENSATION."""

        def compute():
            refit = ("--compensate", "ls", "--refit", "--limit", GRID_CALIBRATION)
            with tempfile.TemporaryDirectory(dir=WORK) as folder:
                try:
                    plan = self.plan(pathlib.Path(folder), fraction, (*options, *refit))
                except RefusedError as refusal:
                    return {how: {"refused": str(refusal)} for how in GRID_COMPENSATION}
                anew = {how: () if how == "refit" else ("--state", self.state, "--compensate", how) for how in GRID_COMPENSATION}
                return {how: self.scored(plan, GRID_LIMIT, *how_options) for how, how_options in anew.items()}

        return cached(self.name(fraction, (*options, "grid")), compute)


def budgets(network: Network) -> list[tuple[str, float, tuple]]:
    """The rows of a network's first table: how it is pruned, in words, to which fraction, with which options."""
    rows = [(preset, f, options) for preset, options in PRESETS.items() for f in network.fractions]
    return rows + [("default --recalibrate", f, ("--recalibrate",)) for f in RECALIBRATED_FRACTIONS]


def grid(network: Network) -> list[tuple[str, str, tuple]]:
    """The rows of the second table: criterion, widths, and the options that ask for them."""
    if not network.grid:
        return []
    rows = [(c.replace(" --seed", ""), w, ("--criterion", *c.split(), "--allocate", w)) for w in GRID_WIDTHS for c in GRID_CRITERIA]
    return [*rows, ("paper", "its own", PRESETS["paper"])]


def budget_line(how: str, fraction: float, row: dict | None) -> str:
    if row is None:
        return f"| {how} | {fraction} | not run | | | | |"
    if "refused" in row:
        return f"| {how} | {fraction} | refused: {row['refused']} | | | | |"
    cells = [how, fraction, f"{row['flops']:.3f}", f"{row['parameters']:.3f}", f"{row['miou']:.2f}", f"{row['agreement']:.2f}"]
    return "| " + " | ".join(map(str, [*cells, f"{row['difference']:.1e}"])) + " |"


def grid_cell(row: dict | None) -> str:
    if row is None:
        return "not run"
    return "refused" if "refused" in row else f"{row['miou']:.1f} ({row['agreement']:.1f})"


def summary(found: dict) -> str:
    """Of a row, or of the cells of a grid's."""
    if "refused" in found or "miou" in found:
        return grid_cell(found)
    return ", ".join(f"{how} {grid_cell(cell)}" for how, cell in found.items())


def section(study: Study) -> list[str]:
    network = study.network
    rows = {(how, f): study.finished(f, options) for how, f, options in budgets(network)}
    dense = next((r["dense"] for r in rows.values() if r and "dense" in r), None)
    lines = [f"## {network.name}", ""]
    if dense is not None:
        verdict = "reproduced" if abs(dense - network.published) <= REPRODUCED_WITHIN else "**not reproduced**"
        lines += [f"The original scores mIoU {dense:.2f} here; {network.published} was published with it ({verdict}).", ""]
    lines += [
        "| preset | target | FLOPs left | parameters left | mIoU | agreement, % | difference |",
        "|---|---|---|---|---|---|---|",
        *(budget_line(how, f, r) for (how, f), r in rows.items()),
        "",
    ]
    lines += [f"![mIoU over FLOPs]({network.name}.svg)", ""]
    table = [(c, w, [study.finished(f, (*options, "grid")) for f in GRID_FRACTIONS]) for c, w, options in grid(network)]
    if any(any(rows) for _, _, rows in table):
        columns = [f"{how}, {f}" for f in GRID_FRACTIONS for how in GRID_COMPENSATION]
        lines += [
            f"mIoU (agreement, %) on {GRID_LIMIT} of the validation images, by criterion, widths and compensation. Criterion, widths and",
            "budget make one plan: only what the kept channels say for the removed ones differs. `ls`: least squares without the refit.",
            f"The refit saw {GRID_CALIBRATION} of the {CALIBRATION} images.",
            "",
            "| criterion | widths | " + " | ".join(columns) + " |",
            "|---|---|" + "---|" * len(columns),
        ]
        for criterion, widths, rows in table:
            cells = [grid_cell(row and row[how]) for row in rows for how in GRID_COMPENSATION]
            lines.append("| " + " | ".join([criterion, widths, *cells]) + " |")
        lines.append("")
    return lines


def plot(study: Study) -> str:
    """mIoU over the FLOPs that remain."""
    series = {}
    for preset, options in PRESETS.items():
        rows = [study.finished(f, options) for f in study.network.fractions]
        points = [(r["flops"], r["miou"]) for r in rows if r and "miou" in r]
        if points:
            series[preset] = [*points, (1.0, study.network.published)]
    return curve_plot.svg(series, "FLOPs that remain", "mIoU, no training", (0, 75))


def write_page(studies: list[Study]) -> None:
    page = [
        "# CamVid, pruned without training",
        "",
        f"Made by `make camvid` ({machine.line()}).",
        "Two networks trained on CamVid, pruned to a share of their FLOPs with 32 training images (every eleventh of the sorted list), and",
        "scored on the 101 validation images, no training in between. Agreement: pixels with the original network's class. Difference:",
        f"max |masked - slim| / max |original| on {CHECKED} of the training images.",
        "",
    ]
    for study in studies:
        page += section(study)
    PAGE.parent.mkdir(exist_ok=True)
    for study in studies:
        PAGE.with_name(f"{study.network.name}.svg").write_text(plot(study))
    PAGE.write_text("\n".join(page).rstrip() + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="compute only the rows of networks whose name contains this")
    parser.add_argument("--no-grid", action="store_true", help="leave out the table of criteria")
    args = parser.parse_args()
    folder = shared()
    studies = [Study(network, folder) for network in NETWORKS]
    chosen = [study for study in studies if args.only in study.network.name]
    rows = [(study, f, options) for study in chosen for _, f, options in budgets(study.network)]
    gridded = [(study, f, options) for study in chosen for f in GRID_FRACTIONS for _, _, options in grid(study.network)]
    if args.no_grid:
        gridded = []
    for study in chosen:
        study.observed()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = {pool.submit(study.row, f, options): study.name(f, options) for study, f, options in rows}
        waiting |= {pool.submit(study.cells, f, options): study.name(f, options) for study, f, options in gridded}
        for number, done in enumerate(concurrent.futures.as_completed(waiting), 1):
            print(f"{number}/{len(waiting)} {waiting[done]}: {summary(done.result())}", flush=True)
            write_page(studies)
    finished = [study.finished(f, options) for study, f, options in rows]
    wrong = sum(
        "dense" in row and abs(row["dense"] - study.network.published) > REPRODUCED_WITHIN for (study, _, _), row in zip(rows, finished)
    )
    print(f"camvid: wrote {PAGE}" + (f"; {wrong} rows whose original is not the published one" if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
