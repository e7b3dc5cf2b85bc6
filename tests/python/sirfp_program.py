"""Runs the program under test (SIRFP_PROGRAM, or build/sirfp) and the C++ tests that write files for Python (in SIRFP_BUILD, or build)."""

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SIRFP_BUILD", ROOT / "build"))
PROGRAM = os.environ.get("SIRFP_PROGRAM", str(ROOT / "build" / "sirfp"))


def command(*arguments, program=PROGRAM) -> list[str]:
    return [str(program), *map(str, arguments)]


def run(*arguments, program=PROGRAM, **more) -> subprocess.CompletedProcess:
    return subprocess.run(command(*arguments, program=program), capture_output=True, text=True, timeout=600, **more)


def good(*arguments, program=PROGRAM) -> dict:
    """The JSON answer of a command that must succeed."""
    done = run(*arguments, "--json", "--quiet", program=program)
    assert done.returncode == 0, f"{done.args}\n{done.stderr}"
    assert done.stderr == "", "--quiet leaves stderr empty"
    return json.loads(done.stdout)


def refused(status: int, *arguments, **more) -> str:
    """The one line on stderr of a command that must fail with that exit code and print no result."""
    done = run(*arguments, "--quiet", **more)
    assert done.returncode == status, f"{done.args}\nexit {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.stdout == ""
    assert done.stderr.startswith("sirfp: ") and done.stderr.count("\n") == 1 and len(done.stderr) < 700, done.stderr
    return done.stderr


def contents(folder: pathlib.Path) -> set[str]:
    """Names of everything in a folder, hidden files too: what a failed command must leave as it was."""
    return {entry.name for entry in folder.iterdir()}


def cpp_samples(test: str, folder_variable: str, folder: pathlib.Path) -> pathlib.Path:
    """`folder`, with what the C++ test program's *for_python test writes to the folder that this environment variable names."""
    program = BUILD / test
    if not program.exists():
        pytest.skip(f"{program} is not built")
    environment = {**os.environ, folder_variable: str(folder)}
    subprocess.run([program, "--gtest_filter=*for_python"], env=environment, check=True, capture_output=True)
    return folder
