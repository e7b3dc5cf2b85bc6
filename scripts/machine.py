"""Where numbers come from: one line for the head of a results page."""

import datetime
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def has_avx512() -> bool:
    return "avx512f" in pathlib.Path("/proc/cpuinfo").read_text()


def cpu_name() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip() + ("" if has_avx512() else " without AVX-512")
    return "unknown CPU"


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def commit() -> str:
    """Of what computes: a page of results that is being written does not count as a change."""
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/results", ":!bench/results")
    return (git("describe", "--always") or "no git") + ("-dirty" if changed else "")


def line() -> str:
    import torch

    cores = len(os.sched_getaffinity(0))
    return f"{datetime.date.today()}, commit {commit()}, {cores} cores of {cpu_name()}, torch {torch.__version__}"
