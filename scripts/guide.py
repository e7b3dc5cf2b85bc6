"""Runs the commands of docs/guide.md and writes what they print under them: `guide.py` (`make guide`)."""

import os
import pathlib
import re
import shutil
import subprocess

import demo_frames
import networks
from program import PROGRAM, ROOT

GUIDE = ROOT / "docs" / "guide.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def run(command: str, folder: pathlib.Path, program: pathlib.Path) -> str:
    """What the command prints, as a terminal would show it; `program` is called sirfp."""
    bin_folder = folder / ".bin"
    bin_folder.mkdir(exist_ok=True)
    link = bin_folder / "sirfp"
    if not link.exists():
        link.symlink_to(program)
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout


def prepare(folder: pathlib.Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    calibration, held_out = demo_frames.prepare(demo_frames.video_frames(), folder)
    calibration.rename(folder / "photos")
    held_out.rename(folder / "street")
    networks.export_example(folder / "net.pt")


def main() -> None:
    folder = ROOT / "out" / "guide"
    prepare(folder)

    def with_output(found: re.Match) -> str:
        lines = []
        for command in commands(found.group(1)):
            print(f"guide: {command}", flush=True)
            lines += [f"$ {command}", *(line.rstrip() for line in run(command, folder, PROGRAM).splitlines())]
        return "```console\n" + "\n".join(lines) + "\n```"

    GUIDE.write_text(BLOCK.sub(with_output, GUIDE.read_text()))


if __name__ == "__main__":
    main()
