"""Calls build/sirfp and reads what it answers."""

import json
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build" / "sirfp"


class RefusedError(Exception):
    """sirfp's one line on stderr, and its exit status."""

    def __init__(self, line: str, status: int):
        super().__init__(line)
        self.status = status


def sirfp(*arguments, timeout: float | None = None) -> tuple[dict, float]:
    """Runs a command with --json; its answer and the seconds it took."""
    start = time.monotonic()
    done = subprocess.run([PROGRAM, *map(str, arguments), "--json", "--quiet"], capture_output=True, text=True, timeout=timeout)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise RefusedError(lines[-1] if lines else f"no message (exit {done.returncode})", done.returncode)
    return json.loads(done.stdout), seconds
