"""What `make gpu` knows of the machine that it runs on: the GPU and its clocks, the toolkit, torch, and what the bundle brings."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import machine

BUNDLE = machine.ROOT / "build" / "bundle"
FACTS = (
    "name,driver_version,memory.total,compute_cap,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,temperature.gpu,power.draw,power.limit"
)
TOOLKIT = pathlib.Path("/usr/local/cuda/bin")


def stop(why: str) -> None:
    raise SystemExit(f"gpu: {why}")


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def version_of(*command: str, pattern: str = ".+") -> str | None:
    """The first that fits, of what the command prints; none where it prints nothing of the sort."""
    found = re.search(pattern, output_of(*command))
    return found[0] if found else None


def gpu() -> dict[str, str]:
    """The first GPU, as nvidia-smi has it now."""
    if shutil.which("nvidia-smi") is None:
        stop("no GPU here: nvidia-smi is not on the PATH")
    try:
        done = subprocess.run(["nvidia-smi", f"--query-gpu={FACTS}", "--format=csv,noheader"], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        stop("no GPU here: nvidia-smi says nothing for 60 s")
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        stop(f"no GPU here: nvidia-smi says: {' '.join((done.stdout + done.stderr).split()) or 'nothing'}")
    return dict(zip(FACTS.split(","), [field.strip() for field in lines[0].split(",")], strict=True))


def architecture(compute_capability: str) -> str:
    """What nvcc is to build for; sm_90a has instructions that sm_90 lacks."""
    number = compute_capability.replace(".", "")
    return "90a-real" if number == "90" else f"{number}-real"


def torch_folder() -> str | None:
    found = output_of(sys.executable, "-c", "import pathlib, torch; print(pathlib.Path(torch.__file__).parent)")
    return found or None


def commit() -> str:
    """A node may have the files and not the history: then the bundle's."""
    own = machine.commit()
    if not own.startswith("no git"):
        return own
    return (BUNDLE / "commit").read_text().strip() + " (the bundle's)" if (BUNDLE / "commit").exists() else own


def facts() -> dict[str, object]:
    compiler = os.environ.get("CXX", "c++")
    return {
        "gpu": gpu(),
        "cores": len(os.sched_getaffinity(0)),
        "toolkit": version_of("nvcc", "--version", pattern=r"V\d[\d.]+"),
        "compiler": version_of(compiler, "--version"),
        "cmake": version_of("cmake", "--version"),
        "python": sys.version.split()[0],
        "torch": version_of(sys.executable, "-c", "import torch; print(torch.__version__)"),
        "commit": commit(),
    }


def require_tools() -> None:
    if shutil.which("nvcc") is None and (TOOLKIT / "nvcc").exists():
        os.environ["PATH"] = f"{TOOLKIT}:{os.environ['PATH']}"
    for tool, bringer in (("nvcc", "the CUDA toolkit"), ("cmake", "cmake"), ("c++", "a C++20 compiler")):
        if shutil.which(tool) is None:
            stop(f"{tool} is not on the PATH: {bringer} must be on the node")


def unpack_bundle(folder: pathlib.Path) -> list[str]:
    """Unpacks the bundle's packages; returns what CMake has to know of them. Nothing without a bundle."""
    packages = sorted((BUNDLE / "packages").glob("*.deb"))
    if not packages:
        return []
    usr = folder / "usr"
    if not usr.exists():
        for package in packages:
            subprocess.run(["dpkg", "-x", package, folder], check=True)
    if shutil.which("ninja") is None:
        os.environ["PATH"] = f"{os.environ['PATH']}:{usr / 'bin'}"
    libraries = usr / "lib" / "x86_64-linux-gnu"
    blas = libraries / "openblas-pthread"
    return [
        f"-DCMAKE_PREFIX_PATH={usr}",
        f"-DCMAKE_LIBRARY_PATH={blas}",
        # What OpenBLAS needs itself is found there too, by the old kind of RPATH; LD_LIBRARY_PATH would reach every other program.
        f"-DCMAKE_BUILD_RPATH={libraries};{blas}",
        f"-DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags -Wl,-rpath-link,{libraries}",
    ]
