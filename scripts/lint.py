"""Checks how the code is written, or mends it.

`lint.py format` runs clang-format, ruff and bash -n, `lint.py tidy [-jN]` clang-tidy, `lint.py fix` reformats in place. `tidy --quick` is
for CI: without clang's static analyzer, which takes more than half of the time, and with version 14 only.

tidy looks at the sources that do not include Torch, takes their compile commands from build/, and skips a file when neither it nor anything
that it includes has changed since it last passed (build/tidy/passed.json).
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY_VERSION = 14  # Debian 12's
BIN = pathlib.Path(sys.executable).parent
CODE = ("core", "cuda", "bindings", "bench", "tests", "examples")
TIDIED = ("core", "cuda", "bindings", "examples")
INCLUDE_FOLDERS = ("core/include", "core/src", "bindings/torch/include", "cuda/include", "cuda/src", "tests")


def run(*command):
    return subprocess.run([str(c) for c in command], cwd=ROOT).returncode == 0


def cpp_files():
    return sorted(f for folder in CODE for suffix in ("cpp", "hpp", "cu", "cuh") for f in (ROOT / folder).rglob(f"*.{suffix}"))


def unformatted():
    """The C++ files that clang-format would change."""
    result = subprocess.run([BIN / "clang-format", "--dry-run", "-Werror", *cpp_files()], capture_output=True, text=True)
    return sorted({line.split(":")[0] for line in result.stderr.splitlines() if ": error:" in line})


def check_format():
    wrong = unformatted()
    for file in wrong:
        print(f"{pathlib.Path(file).relative_to(ROOT)}: not as clang-format has it", file=sys.stderr)
    scripts = [ROOT / ".ci/run", *(s for s in (ROOT / "scripts").iterdir() if s.is_file())]
    shell = [s for s in scripts if s.read_bytes().startswith(b"#!/usr/bin/env bash")]
    checks = [
        not wrong,
        run(BIN / "ruff", "check", "--quiet"),
        run(BIN / "ruff", "format", "--check", "--quiet"),
        *[run("bash", "-n", s) for s in shell],
    ]
    return all(checks) or print("lint: `make format` reformats", file=sys.stderr)


def fix():
    return all([run(BIN / "clang-format", "-i", *cpp_files()), run(BIN / "ruff", "check", "--fix"), run(BIN / "ruff", "format")])


def included(source):
    """All project files that `source` reaches by #include "...", itself included, and whether it reaches Torch."""
    seen, todo, torch = set(), [source], False
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        text = file.read_text()
        torch = torch or bool(re.search(r"#include <(torch|ATen|c10)/", text))
        for name in re.findall(r'#include "([^"]+)"', text):
            places = [file.parent / name, *(ROOT / folder / name for folder in INCLUDE_FOLDERS)]
            todo += [p.resolve() for p in places if p.is_file()][:1]
    return sorted(seen), torch


def compile_command(entry):
    """The command without its launcher, its precompiled header, which clang cannot read, and -Werror: clang has warnings of its own."""
    words = shlex.split(entry["command"])
    if pathlib.Path(words[0]).name == "ccache":
        words = words[1:]
    while "-include" in words:
        at = words.index("-include")
        del words[at : at + 2]
    return [w for w in words if w not in ("-Winvalid-pch", "-Werror")]


def tidy(jobs, quick):
    folder = ROOT / "build/tidy"
    folder.mkdir(parents=True, exist_ok=True)
    passed_file = folder / "passed.json"
    passed = set(json.loads(passed_file.read_text())) if passed_file.exists() else set()
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True).stdout
    if quick and f"version {TIDY_VERSION}." not in version:
        print(f"clang-tidy: skipped: its findings differ by version and are kept clean for {TIDY_VERSION} (`make lint` runs the one here)")
        return True
    checks = ["--checks=-clang-analyzer-*"] if quick else []
    common = version + (ROOT / ".clang-tidy").read_text() + "".join(checks)

    commands, todo, now = [], [], set()
    for entry in json.loads((ROOT / "build/compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"])
        if not any(source.is_relative_to(ROOT / f) for f in TIDIED):
            continue
        files, torch = included(source)
        if torch:
            continue
        words = compile_command(entry)
        commands.append({"directory": entry["directory"], "file": entry["file"], "arguments": words})
        key = hashlib.sha256((common + " ".join(words)).encode() + b"".join(f.read_bytes() for f in files)).hexdigest()
        if key in passed:
            now.add(key)
        else:
            todo.append((source, key))
    (folder / "compile_commands.json").write_text(json.dumps(commands, indent=1))

    checker = ["clang-tidy", "--quiet", *checks, "--extra-arg=-Wno-unknown-warning-option", "-p", folder]  # GCC has warnings of its own

    def one(job):
        source, key = job
        result = subprocess.run([*checker, source], cwd=ROOT, capture_output=True, text=True)
        return source, key, result.returncode, result.stdout

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(one, job) for job in todo]):
            source, key, status, output = done.result()
            if status == 0:
                now.add(key)
                passed_file.write_text(json.dumps(sorted(now)))  # an interrupted run is not lost
            else:
                failed += 1
                print(f"{source.relative_to(ROOT)}:\n{output}", flush=True)
    passed_file.write_text(json.dumps(sorted(now)))
    print(f"clang-tidy: {len(commands)} files, {len(todo)} looked at, {failed} with findings")
    return failed == 0


if __name__ == "__main__":
    action, *rest = sys.argv[1:]
    jobs = next((int(r[2:]) for r in rest if r.startswith("-j")), os.cpu_count() or 1)
    sys.exit(0 if {"format": check_format, "fix": fix, "tidy": lambda: tidy(jobs, "--quick" in rest)}[action]() else 1)
