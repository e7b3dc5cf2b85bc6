"""Runs the benchmark programs of a build tree and prints their times: `bench_table.py BUILD [--only WORD] [--json FILE]`.

A row that measures ours and a baseline in turns has counters `ours_ms` and `<baseline>_ms`: both are printed, with the ratio of the two,
which comes from one run. Every other row is a time alone. Each is the best of three repetitions.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import machine
import networks

REPETITIONS = 3
NOISE = ("iterations:", "repeats:", "real_time", "process_time", "min_time:", "manual_time")
TO_MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}
# What google-benchmark itself puts into a row; the rest are the benchmark's counters.
FIELDS = {"name", "family_index", "per_family_instance_index", "run_name", "run_type", "repetitions", "repetition_index", "threads"} | {
    "iterations",
    "real_time",
    "cpu_time",
    "time_unit",
    "aggregate_name",
    "aggregate_unit",
    "label",
}


def milliseconds(row: dict) -> float:
    return row.get("ours_ms", row["real_time"] * TO_MILLISECONDS[row["time_unit"]])


def network() -> str:
    """What observe_bench looks at: SIRFP_BENCH_NETWORK, DeepLabV3+-R18 where its source is at hand, else the example's network."""
    if given := os.environ.get("SIRFP_BENCH_NETWORK"):
        return given
    folder = machine.ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    source = pathlib.Path(os.environ.get("SIRFP_DATA", machine.ROOT.parent / "shared")) / "nets" / "export.py"
    name = "deeplabv3plus_r18_camvid" if source.exists() else "example"
    file = folder / f"{name}.pt"
    if not file.exists():
        if source.exists():
            subprocess.run([sys.executable, "-W", "ignore", source, name, file], check=True)
        else:
            networks.export_example(file)
    return str(file)


def run(program: pathlib.Path) -> dict[str, dict]:
    """Name -> the quickest of its rows."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        options = [f"--benchmark_out={out.name}", f"--benchmark_repetitions={REPETITIONS}", "--benchmark_min_time=0.02"]
        done = subprocess.run([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: {program.name} failed: {done.stderr.strip()}")
        rows = json.loads(pathlib.Path(out.name).read_text())["benchmarks"]
    best: dict[str, dict] = {}
    for row in rows:
        if row.get("error_occurred") or row.get("aggregate_name", "min") != "min":
            continue
        name = "/".join(p for p in row["run_name"].split("/") if not p.startswith(NOISE))
        if name not in best or milliseconds(row) < milliseconds(best[name]):
            best[name] = row
    return best


def line(name: str, row: dict) -> str:
    ours = milliseconds(row)
    text = f"{name:58} {ours:11.4f} ms"
    counters = {k: v for k, v in row.items() if k not in FIELDS and isinstance(v, int | float)}
    for counter, value in counters.items():
        if counter != "ours_ms" and counter.endswith("_ms"):
            ratio = f" ({value / ours:.2f}x ours)" if "ours_ms" in row else ""
            text += f"  {counter.removesuffix('_ms')} {value:.4f} ms{ratio}"
    rest = [f"{k} {v:.4g}" for k, v in counters.items() if not k.endswith("_ms")]
    return "  ".join([text, *rest, *([row["label"]] if row.get("label") else [])])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--only", default="", help="only programs whose name contains this")
    parser.add_argument("--json", type=pathlib.Path, help="also write all rows there")
    args = parser.parse_args()
    programs = sorted(
        p for p in args.build.glob("*_bench") if args.only in p.name and not p.name.startswith("gpu_") and os.access(p, os.X_OK)
    )
    if not programs:
        raise SystemExit(f"bench: {args.build} holds no *_bench program with {args.only!r} in its name: make build")
    os.environ["SIRFP_BENCH_NETWORK"] = network()
    print(f"{machine.line()}; network {pathlib.Path(os.environ['SIRFP_BENCH_NETWORK']).stem}")
    every = {}
    for program in programs:
        every[program.name] = run(program)
        print(f"\n{program.name}")
        for name, row in every[program.name].items():
            print(line(name, row), flush=True)
    if args.json:
        args.json.write_text(json.dumps({"machine": machine.line(), "benchmarks": every}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
