"""Builds, tests and measures on a GPU: `make gpu`, on a machine that has one; it needs no internet (`make bundle` elsewhere, before).

Every step is timed and has a log in build/gpu/logs; one that fails does not stop the later ones, but the run fails in the end. All that
was found goes into one JSON under bench/results (or --results DIR), written anew after every step.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import gpu_node
import gpu_program
import machine

BUILD = machine.ROOT / "build" / "gpu"
LOGS = BUILD / "logs"
# What compute-sanitizer looks at: every kernel once, in cases that it gets through in seconds.
SANITIZED = {
    "gpu_primitives_test": "*",
    "gpu_gram_test": "gram.tails_of_ranges:gram.the_largest_16_bit_values:gram.groups_of_images_change_no_bit:gram.strict_is_the_reference",
    "gpu_gram_shifted_test": "gram_shifted.any_offset",
    "gpu_gram_wgmma_test": "gram_wgmma.images_and_ranges",
    "gpu_gram_cublas_test": "gram_cublas.ranges_and_batches",
    "gpu_edge_score_splits_test": "edge_score_splits.large_maps",
    "gpu_elimination_rounds_test": "elimination_rounds.a_matrix_may_be_on_the_device",
    "gpu_schur_grid_test": "*",
    "gpu_state_algebra_test": "*",
    "gpu_resident_prediction_test": "*",
}


class Run:
    """The steps of one run, the time that is left to them, and what they found."""

    def __init__(self, results: pathlib.Path, minutes: float):
        self.began = time.monotonic()
        self.end = self.began + 60 * minutes
        self.seconds = 0.0  # of the last step
        now = datetime.datetime.now()
        self.found: dict = {"date": f"{now:%Y-%m-%d %H:%M}", **gpu_node.facts(), "steps": [], "tests": {}, "benchmarks": {}}
        device = re.sub(r"[^a-z0-9]+", "-", self.found["gpu"]["name"].lower()).strip("-")
        self.file = results / f"gpu_{now:%Y-%m-%d_%H%M}_{device}.json"
        results.mkdir(parents=True, exist_ok=True)

    def write(self) -> None:
        self.file.write_text(json.dumps(self.found, indent=1) + "\n")

    def step(self, name: str, command: list, limit: float = 600, **environment: str) -> bool:
        """Runs a command as a named step; its output goes to a log."""
        log = self.log(name)
        began = time.monotonic()
        left = min(limit, self.end - began)
        with log.open("w") as out:
            try:
                status = subprocess.run(
                    [str(word) for word in command],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    cwd=machine.ROOT,
                    env={**os.environ, **environment},
                    timeout=max(left, 1),
                ).returncode
                why = f"exit {status}"
            except subprocess.TimeoutExpired:
                status, why = 1, f"stopped after {max(left, 1):.0f} s"
            except OSError as error:
                status, why = 1, str(error)
        self.seconds = seconds = time.monotonic() - began
        passed = status == 0
        self.found["steps"].append({"name": name, "seconds": round(seconds, 1), "passed": passed} | ({} if passed else {"why": why}))
        self.write()
        print(
            f"== {name}: {'' if passed else f'FAILED ({why}), see {os.path.relpath(log, machine.ROOT)}, after '}{seconds:.1f} s", flush=True
        )
        return passed

    def skip(self, name: str, why: str) -> None:
        self.found["steps"].append({"name": name, "seconds": 0, "passed": None, "why": why})
        print(f"== {name}: skipped: {why}", flush=True)

    def passed(self) -> bool:
        return all(step["passed"] is not False for step in self.found["steps"])

    def log(self, name: str) -> pathlib.Path:
        return LOGS / f"{re.sub(r'[^a-z0-9]+', '_', name.lower())}.log"


def configure(run: Run, bundle: list[str]) -> None:
    """With the program if the node has torch, and without it if that cannot be configured."""
    options = ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DSIRFP_CUDA=ON", "-DSIRFP_EXAMPLES=OFF", "-DSIRFP_INSTALL=OFF", *bundle]
    options.append(f"-DCMAKE_CUDA_ARCHITECTURES={gpu_node.architecture(run.found['gpu']['compute_cap'])}")
    command = ["cmake", "-S", machine.ROOT, "-B", BUILD / "tree", *options]
    torch = gpu_node.torch_folder()
    if torch and run.step("configure with torch", [*command, f"-DSIRFP_TORCH={torch}", "-DSIRFP_TORCH_ADAPTER=ON"]):
        return
    run.step("configure without torch", [*command, "-DSIRFP_TORCH_ADAPTER=OFF"])


def wanted(name: str, only: str) -> bool:
    return name == "sirfp" or re.search(only, name) is not None


def build(run: Run, bundle: list[str], only: str) -> dict[str, pathlib.Path]:
    """The programs that need a GPU, and sirfp."""
    configure(run, bundle)
    listed = gpu_node.output_of("ninja", "-C", str(BUILD / "tree"), "-t", "targets", "all")
    names = [n for n in sorted(set(re.findall(r"^(gpu_\w+_(?:test|bench)|sirfp): ", listed, re.M))) if wanted(n, only)]
    run.step("build", ["ninja", "-C", BUILD / "tree", "-k", "0", *(names or ["gpu"])])  # nothing to build is a failure
    return of_folder(BUILD / "tree")


def of_folder(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    return {p.name: p for p in sorted(folder.iterdir()) if re.fullmatch(r"gpu_\w+_(test|bench)|sirfp", p.name) and p.is_file()}


def run_test(run: Run, program: pathlib.Path, limit: float) -> None:
    report = LOGS / f"{program.name}.json"
    report.unlink(missing_ok=True)
    run.step(program.name, [program, f"--gtest_output=json:{report}"], limit, SIRFP_REQUIRE_GPU="1")
    if report.exists():
        whole = json.loads(report.read_text())
        failed = [f"{s['name']}.{t['name']}" for s in whole["testsuites"] for t in s["testsuite"] if t.get("failures")]
        run.found["tests"][program.name] = {"tests": whole["tests"], "failed": failed}


def sanitize(run: Run, programs: dict[str, pathlib.Path]) -> None:
    checker = shutil.which("compute-sanitizer")
    if not programs.keys() & SANITIZED.keys():
        return
    if checker is None:
        return run.skip("compute-sanitizer", "it is not on the PATH")
    smallest = [programs[min(programs.keys() & SANITIZED.keys())], "--gtest_filter=none"]
    probe = subprocess.run(["timeout", "60", checker, *smallest], capture_output=True)
    if b"not supported" in probe.stdout + probe.stderr:
        return run.skip("compute-sanitizer", "it says that the device is not supported")
    for tool in ("memcheck", "racecheck"):
        for name, tests in SANITIZED.items():
            if name in programs:
                command = [checker, "--tool", tool, "--error-exitcode", "9", programs[name], f"--gtest_filter={tests}"]
                run.step(f"{tool} {name}", command, 30, SIRFP_REQUIRE_GPU="1")


def ceilings(run: Run) -> dict[str, str]:
    """What the device does at best, for the share of the floor; nothing without torch."""
    if not run.found["torch"]:
        run.skip("ceilings", "no torch to measure them with")
    elif run.step("ceilings", [sys.executable, machine.ROOT / "scripts" / "gpu_ceilings.py"], 60):
        most = run.found["ceilings"] = json.loads((LOGS / "ceilings.log").read_text().splitlines()[-1])
        return {"SIRFP_CEILINGS": f"{most['GB/s']} {most['TFLOP/s']}"}
    return {}


def measure(run: Run, program: pathlib.Path, most: dict[str, str]) -> None:
    out = LOGS / f"{program.name}.json"
    out.unlink(missing_ok=True)
    run.step(program.name, [program, f"--benchmark_out={out}", "--benchmark_out_format=json"], 90, **most)
    try:
        rows = json.loads(out.read_text())["benchmarks"]
    except (OSError, ValueError):
        return
    kept = run.found["benchmarks"][program.name] = {}
    for row in rows:
        name = row["run_name"].split("/iterations:")[0]
        if row.get("error_occurred"):
            kept[name] = {"error": row["error_message"]}
        elif row.get("aggregate_name") in ("median", "min"):
            counters = {k: v for k, v in row.items() if isinstance(v, float) and k not in ("real_time", "cpu_time")}
            kept.setdefault(name, {})[f"{row['aggregate_name']}_us"] = row["real_time"]
            if row["aggregate_name"] == "median":
                kept[name] |= counters


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=pathlib.Path, default=machine.ROOT / "bench" / "results")
    parser.add_argument("--minutes", type=float, default=8, help="what takes longer in all is cut off (default 8)")
    parser.add_argument("--only", default="", help="only the tests and benchmarks whose name fits this regular expression")
    parser.add_argument("--large", action="store_true", help="also a whole prune of a large network, which takes minutes")
    parser.add_argument("--programs", type=pathlib.Path, help="a folder of programs that are built already; nothing is built here")
    args = parser.parse_args()
    gpu_node.gpu()
    if args.programs and not args.programs.is_dir():
        gpu_node.stop(f"--programs {args.programs}: no such folder")
    if not args.programs:
        gpu_node.require_tools()
    LOGS.mkdir(parents=True, exist_ok=True)
    bundle = gpu_node.unpack_bundle(BUILD / "packages")
    run = Run(args.results, args.minutes)
    device = run.found["gpu"]
    print(f"gpu: {device['name']}, driver {device['driver_version']}, nvcc {run.found['toolkit']}, commit {run.found['commit']}")
    found = of_folder(args.programs) if args.programs else build(run, bundle, args.only)
    programs = {name: path for name, path in found.items() if wanted(name, args.only)}
    for name in sorted((n for n in programs if n.endswith("_test")), key=lambda n: n not in ("gpu_primitives_test", "gpu_wgmma_test")):
        run_test(run, programs[name], 90)
    most = ceilings(run)
    for name in sorted((n for n in programs if n.endswith("_bench")), key=lambda n: n != "gpu_unknowns_bench"):
        measure(run, programs[name], most)
    if "sirfp" in programs:
        gpu_program.measure(run, programs["sirfp"], BUILD, args.large)
    sanitize(run, programs)  # last: it is slow, and what does not fit the time is cut off
    run.found |= {"gpu_afterwards": gpu_node.gpu(), "seconds": round(time.monotonic() - run.began), "passed": run.passed()}
    run.write()
    failed = [step["name"] for step in run.found["steps"] if step["passed"] is False]
    print(f"gpu: {run.file.relative_to(machine.ROOT) if run.file.is_relative_to(machine.ROOT) else run.file}, {run.found['seconds']} s")
    print(f"gpu: FAILED: {', '.join(failed)}" if failed else "gpu: all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
