"""Runs the benchmark programs of a build tree and prints ours beside each baseline: `bench_table.py BUILD [--only WORD] [--json FILE]`.

A time is the minimum over the repetitions of one run; both times of a ratio come from the same program and run. A benchmark with a part
`aten`, `authors`, `plain` or `naive` in its name (similarity/aten/f32/...) is the baseline of the one without (similarity/f32/...).
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import machine

BASELINES = ("aten", "authors", "plain", "naive")
NOISE = ("iterations:", "repeats:", "real_time", "process_time", "min_time:")
TO_MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}


def run(program: pathlib.Path) -> dict[str, float]:
    """Name -> milliseconds, minimum of the repetitions."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        options = [f"--benchmark_out={out.name}", "--benchmark_out_format=json", "--benchmark_repetitions=5", "--benchmark_min_time=0.02"]
        done = subprocess.run([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: {program.name} failed: {done.stderr.strip()}")
        rows = json.loads(pathlib.Path(out.name).read_text())["benchmarks"]
    times: dict[str, float] = {}
    for row in rows:
        if row.get("error_occurred") or row.get("aggregate_name", "min") != "min":
            continue
        name = "/".join(p for p in row["run_name"].split("/") if not p.startswith(NOISE))
        time = row["real_time"] * TO_MILLISECONDS[row["time_unit"]]
        times[name] = min(time, times.get(name, time))
    return times


def baseline_of(name: str) -> str | None:
    """The name of what this benchmark is the baseline for, or None."""
    parts = name.split("/")
    rest = [p for p in parts if p not in BASELINES]
    return "/".join(rest) if len(rest) < len(parts) else None


def table(times: dict[str, float]) -> str:
    against: dict[str, list[str]] = {}
    for name in times:
        if ours := baseline_of(name):
            against.setdefault(ours, []).append(name)
    lines = [f"{'benchmark':60} {'ms':>10}  baseline"]
    for name, ours in times.items():
        if baseline_of(name) in times:
            continue
        line = f"{name:60} {ours:10.4f}"
        for other in against.get(name, []):
            kind = next(p for p in other.split("/") if p in BASELINES)
            line += f"  {kind} {times[other]:.4f} ({times[other] / ours:.2f}x)"
        lines.append(line)
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--only", default="", help="only programs whose name contains this")
    parser.add_argument("--json", type=pathlib.Path, help="also write all times there")
    args = parser.parse_args()
    programs = sorted(p for p in args.build.glob("*_bench") if args.only in p.name and os.access(p, os.X_OK))
    if not programs:
        raise SystemExit(f"bench: {args.build} holds no *_bench program with {args.only!r} in its name: make build")
    print(machine.line())
    every = {}
    for program in programs:
        every[program.name] = run(program)
        print(f"\n{program.name}\n{table(every[program.name])}", flush=True)
    if args.json:
        args.json.write_text(json.dumps({"machine": machine.line(), "milliseconds": every}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
