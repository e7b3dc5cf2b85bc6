"""Gathers what `make gpu` needs on a machine without internet: `make bundle`, on one that has it and runs Debian or Ubuntu.

Into build/bundle go Debian packages of libraries and headers as they are packed (scripts/gpu.py unpacks them), a few photos and a
small trained network from ../shared (or SIRFP_DATA) where those are at hand, and the commit. The GPU node brings the CUDA toolkit,
Python with torch, cmake and a C++ compiler. What is there already is not fetched again.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import machine

FOLDER = machine.ROOT / "build" / "bundle"
WANTED = (
    "libgtest-dev",
    "libbenchmark-dev",
    "libopenblas-pthread-dev",
    "libcli11-dev",
    "nlohmann-json3-dev",
    "libjpeg-dev",
    "libpng-dev",
    "ninja-build",
)
# Of what those depend on: not the C library, the compiler or Debian's own tools.
NEEDED = re.compile(r"gtest|googletest|benchmark|openblas|gfortran|quadmath|cli11|nlohmann|jpeg|png16|png-dev|zlib1g|ninja")
PHOTOS = {"train": 64, "val": 4}
LARGEST = 25e6  # bytes, in all


def apt(*arguments: str, folder: pathlib.Path) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=folder)
    if done.returncode != 0:
        sys.exit(f"bundle: {' '.join(arguments[:2])} failed: {done.stderr.strip().splitlines()[-1]} (apt-get update first?)")
    return done.stdout


def packages() -> list[str]:
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    text = apt("apt-cache", "depends", "--recurse", *(f"--no-{k}" for k in kinds), *WANTED, folder=FOLDER)
    names = {line for line in text.splitlines() if re.match(r"[a-z0-9]", line) and ":" not in line}
    return sorted(n for n in names if NEEDED.search(n))


def fetch(names: list[str]) -> list[pathlib.Path]:
    """The packages' files, fetched where they are missing; files of former versions go."""
    with tempfile.TemporaryDirectory() as empty:  # in FOLDER those that are there are left out
        lines = apt("apt-get", "download", "--print-uris", *names, folder=pathlib.Path(empty)).splitlines()
    files = {name: FOLDER / "packages" / line.split()[1] for name, line in zip(names, lines, strict=True)}
    missing = [name for name, file in files.items() if not file.exists()]
    if missing:
        apt("apt-get", "download", "-o", "APT::Sandbox::User=root", *missing, folder=FOLDER / "packages")
    for file in (FOLDER / "packages").iterdir():
        if file not in files.values():
            file.unlink()
    return sorted(files.values())


def copy(source: pathlib.Path, target: pathlib.Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.stat().st_size != source.stat().st_size:
        shutil.copyfile(source, target)


def copy_shared(shared: pathlib.Path) -> list[str]:
    copied = []
    for part, count in PHOTOS.items():
        photos = sorted((shared / "data" / "camvid" / part / "images").glob("*"))
        for photo in photos[:: max(1, len(photos) // count)][:count]:
            copied.append(f"data/camvid/{part}/images/{photo.name}")
    copied += [f"nets/{f.name}" for f in sorted((shared / "nets").glob("*.py"))] + ["nets/espnet_camvid.safetensors"]
    for name in copied:
        copy(shared / name, FOLDER / "shared" / name)
    return copied


def main() -> None:
    (FOLDER / "packages").mkdir(parents=True, exist_ok=True)
    files = fetch(packages())
    shared = pathlib.Path(os.environ.get("SIRFP_DATA", machine.ROOT.parent / "shared"))
    copied = copy_shared(shared) if (shared / "data" / "camvid").is_dir() else []
    (FOLDER / "commit").write_text(machine.commit() + "\n")
    for file in files:
        print(f"bundle: {file.name}: {file.stat().st_size / 1e3:,.0f} kB")
    print(f"bundle: {len(copied)} files of {shared}" if copied else f"bundle: {shared} holds no photos: without them")
    size = sum(f.stat().st_size for f in FOLDER.rglob("*") if f.is_file())
    print(f"bundle: {size / 1e6:.1f} MB in {FOLDER.relative_to(machine.ROOT)}; on the GPU node: make gpu")
    if size > LARGEST:
        sys.exit(f"bundle: more than {LARGEST / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
