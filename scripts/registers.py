"""What every kernel takes of a multiprocessor, by ptxas: `registers.py check` or `registers.py write`.

Compiles cuda/src/*.cu for each architecture and compares registers, static shared memory, stack and spills with the table in
docs/performance/registers.md. Any spill fails, and any difference (with another nvcc than the table's: spills only). Without nvcc
it skips by name. A result is kept in build/registers.json until a source, a header or nvcc changes.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs/performance/registers.md"
CACHE = ROOT / "build/registers.json"
ARCHITECTURES = ("80", "90a")
INCLUDES = ("cuda/src", "cuda/include", "core/include", "core/src")
FLAGS = ("-std=c++20", "-O3")


def nvcc_version():
    text = subprocess.run(["nvcc", "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"V([\d.]+)", text)[1]


def kernel_name(symbol):
    """`edge_score_kernel<float>` of a mangled name with its namespaces and arguments."""
    full = subprocess.run(["c++filt", symbol], capture_output=True, text=True, check=True).stdout.strip()
    full = re.sub(r"sirfp::(\([^)]*\)::|_GLOBAL__N__\w+::)?", "", full).removeprefix("void ").replace("device::", "")
    return re.match(r"\w+(<.*?>(?=\())?", full)[0]


def figures_of(source, arch):
    """Kernel -> (registers, shared bytes, stack bytes, spilled bytes)."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "kernels"
        whole = "-c" if arch == ARCHITECTURES[-1] else "-cubin"  # once with the host's part, which g++ may take and nvcc refuse
        includes = [f"-I{ROOT / i}" for i in INCLUDES]
        target = f"-gencode=arch=compute_{arch},code=sm_{arch}"
        command = ["nvcc", *FLAGS, target, "-Xptxas", "-v", *includes, whole, "-o", out, source]
        result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"registers: nvcc fails on {source.relative_to(ROOT)} for sm_{arch}:\n{result.stderr}")
    found, kernel = {}, None
    for line in result.stderr.splitlines():
        if entry := re.search(r"Compiling entry function '(\w+)'", line):
            kernel = kernel_name(entry[1])
        elif spills := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            stack, stored, loaded = (int(n) for n in spills.groups())
        elif used := re.search(r"Used (\d+) registers", line):
            shared = re.search(r"(\d+) bytes smem", line)
            found[kernel] = [int(used[1]), int(shared[1]) if shared else 0, stack, max(stored, loaded)]
    return found


def fingerprint():
    digest = hashlib.sha256((nvcc_version() + str(FLAGS) + str(ARCHITECTURES)).encode())
    for folder in INCLUDES:
        for file in sorted(f for s in ("cu", "cuh", "hpp") for f in (ROOT / folder).rglob(f"*.{s}")):
            digest.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    digest.update(pathlib.Path(__file__).read_bytes())
    return digest.hexdigest()


def measured(jobs):
    key = fingerprint()
    if CACHE.exists() and (kept := json.loads(CACHE.read_text()))["key"] == key:
        return kept["kernels"]
    sources = sorted((ROOT / "cuda/src").rglob("*.cu"))
    work = [(source, arch) for source in sources for arch in ARCHITECTURES if arch == "90a" or not source.stem.endswith("_wgmma")]
    kernels = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for (source, arch), found in zip(work, pool.map(lambda job: figures_of(*job), work), strict=True):
            for kernel, figures in found.items():
                kernels.setdefault(f"{source.name}: {kernel}", {})[arch] = figures
    CACHE.parent.mkdir(exist_ok=True)
    CACHE.write_text(json.dumps({"key": key, "kernels": kernels}))
    return kernels


def table_of(kernels):
    heads = " | ".join(f"sm_{a} registers | shared | stack | spilled" for a in ARCHITECTURES)
    lines = [
        "# Registers, shared memory and spills",
        "",
        "By `scripts/registers.py write`; `make test` fails on a spill or a difference. Sizes in bytes; of shared memory the static part,",
        f"the dynamic part stands in the plans. nvcc {nvcc_version()}.",
        "",
        f"| file: kernel | {heads} |",
        "|---|" + "---|" * (4 * len(ARCHITECTURES)),
    ]
    for kernel, by_arch in sorted(kernels.items()):
        cells = [str(n) for a in ARCHITECTURES for n in by_arch.get(a, ["-"] * 4)]
        lines.append(f"| {kernel} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def check(kernels):
    spilling = [f"{kernel} on sm_{a}: {f[3]} bytes" for kernel, by in kernels.items() for a, f in by.items() if f[3] > 0]
    for each in spilling:
        print(f"registers: spills: {each}", file=sys.stderr)
    written = TABLE.read_text() if TABLE.exists() else ""
    if f"nvcc {nvcc_version()}." not in written:
        print(f"registers: the table is of another nvcc than {nvcc_version()}: looked for spills only")
        return not spilling
    for line in set(written.splitlines()) ^ set(table_of(kernels).splitlines()):
        print(f"registers: {'only in the table' if line in written else 'now'}: {line}", file=sys.stderr)
    if written != table_of(kernels):
        print("registers: `scripts/registers.py write` takes the new figures", file=sys.stderr)
        return False
    print(f"registers: {len(kernels)} kernels as in {TABLE.relative_to(ROOT)}")
    return not spilling


if __name__ == "__main__":
    if shutil.which("nvcc") is None:
        print("registers: skipped: no nvcc here")
        sys.exit(0)
    jobs = next((int(r[2:]) for r in sys.argv[2:] if r.startswith("-j")), os.cpu_count() or 1)
    found = measured(jobs)
    if sys.argv[1] == "write":
        TABLE.write_text(table_of(found))
    sys.exit(0 if check(found) else 1)
