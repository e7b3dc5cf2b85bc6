"""The program's part of `make gpu`: its own benchmark, a small trained network pruned and verified, a large one observed and pruned."""

import importlib.util
import json
import pathlib
import re
import sys

import gpu_node
import machine

LARGE_SIZE = "1024x2048"
# Seconds of one image are those of `MANY` less those of `FEW`: start, capture and the first passes' choice of algorithms fall away.
FEW, MANY = 8, 40


def measure(run, program: pathlib.Path, folder: pathlib.Path, with_large_prune: bool) -> None:
    bench(run, program, folder)
    photos = gpu_node.BUNDLE / "shared" / "data" / "camvid" / "train" / "images"
    if not photos.is_dir():
        return run.skip("sirfp prune", "the bundle holds no photos")
    one = ["--images", photos, "--device", "cuda"]
    small_network(run, program, folder, one)
    large_network(run, program, folder, one, with_large_prune)


def bench(run, program: pathlib.Path, folder: pathlib.Path) -> None:
    whole_network = ["--network", "deeplabv3plus_r101", "--dtype", "f16", "--seconds", "0.2"]
    for name, options in (("sirfp bench", []), ("sirfp bench r101", whole_network)):
        rows = folder / "bench.json"
        rows.unlink(missing_ok=True)
        run.step(name, [program, "bench", "--device", "cuda", "--json", rows, *options], 90)
        if rows.exists():
            run.found["benchmarks"][name] = json.loads(rows.read_text())


def small_network(run, program: pathlib.Path, folder: pathlib.Path, one: list) -> None:
    network, slim, plan = folder / "example.pt", folder / "slim.pt", folder / "plan.json"
    run.step("export the example", [sys.executable, machine.ROOT / "examples/deeplabv3plus_camvid/export.py", network], 60)
    run.step("sirfp prune", [program, "prune", network, "--flops", "0.5", "-o", slim, "--plan", plan, "--limit", "32", *one], 90)
    run.step("sirfp verify", [program, "verify", network, slim, plan, "--limit", "8", *one], 60)


def large_network(run, program: pathlib.Path, folder: pathlib.Path, one: list, with_prune: bool) -> None:
    if importlib.util.find_spec("torchvision") is None:
        return run.skip("a large network", "no torchvision to make it with")
    network = folder / "large.pt"
    if not run.step("a large network", [sys.executable, machine.ROOT / "scripts/gpu_network.py", network, "--size", LARGE_SIZE], 90):
        return
    plain = json.loads(run.log("a large network").read_text().splitlines()[-1])
    large = run.found["large_network"] = {"size": LARGE_SIZE, "forward": plain}
    for dtype in ("f16", "f32"):
        taken = {}
        for images in (FEW, MANY):
            name = f"observe a large network {dtype} {images}"
            command = [program, "observe", network, "-o", folder / "large.state", "--no-sensitivity", "--limit", str(images)]
            if not run.step(name, [*command, "--size", LARGE_SIZE, "--dtype", dtype, *one], 90):
                break
            taken[images] = run.seconds
        if len(taken) == 2:
            large[f"observe_{dtype}_ms"] = 1e3 * (taken[MANY] - taken[FEW]) / (MANY - FEW)
    if with_prune:
        name = "prune a large network"
        options = ["--flops", "0.5", "--limit", "64", "--size", LARGE_SIZE, "--dtype", "f16"]
        run.step(name, [program, "prune", network, "-o", folder / "large_slim.pt", *options, *one], 240)
        large["prune"] = re.findall(r"^.*\d+(?:\.\d+)? s\b.*$", run.log(name).read_text(), re.M)[-20:]
