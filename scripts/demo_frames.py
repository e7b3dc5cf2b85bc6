"""The demo's images: frames of a real pedestrian-area video (vtest.avi of Debian's opencv-doc package), or those of a folder."""

import pathlib
import shutil
import subprocess
import tempfile

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "demo"
SIZE = (480, 360)
CALIBRATION, HELD_OUT = 32, 16
SUFFIXES = {".jpg", ".jpeg", ".png"}


def spaced(items: list, count: int) -> list:
    """At most `count` of the items, evenly spaced."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def split(items: list) -> tuple[list, list]:
    """Calibration from the first two thirds, held out from the last third, so that no judged frame stands beside one that was used."""
    cut = max(1, 2 * len(items) // 3)
    return spaced(items[:cut], CALIBRATION), spaced(items[cut:], HELD_OUT)


def download_video() -> pathlib.Path:
    """vtest.avi by `apt-get download`, unpacked without being installed. Needs no root."""
    ask = "demo: no network or no package lists for opencv-doc; give a folder of street images instead: make demo IMAGES=DIR"
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise SystemExit(ask)
    with tempfile.TemporaryDirectory() as folder:
        print("demo: downloading opencv-doc (96 MB)", flush=True)
        got = subprocess.run(["apt-get", "download", "-qq", "opencv-doc"], cwd=folder, stderr=subprocess.DEVNULL)
        packages = list(pathlib.Path(folder).glob("opencv-doc*.deb"))
        if got.returncode != 0 or not packages:
            raise SystemExit(ask)
        subprocess.run(["dpkg-deb", "-x", packages[0], folder], check=True)
        found = [*pathlib.Path(folder).rglob("vtest.avi"), *pathlib.Path(folder).rglob("vtest.avi.gz")]
        if not found:
            raise SystemExit(f"demo: {packages[0].name} holds no vtest.avi; give a folder of street images instead: make demo IMAGES=DIR")
        CACHE.mkdir(parents=True, exist_ok=True)
        video = CACHE / found[0].name
        shutil.copy(found[0], video)
    if video.suffix == ".gz":
        subprocess.run(["gunzip", "-f", video], check=True)
    return CACHE / "vtest.avi"


def video_frames() -> list[pathlib.Path]:
    """96 frames of the video as PNG files, decoded once."""
    folder = CACHE / "frames"
    if not folder.is_dir():
        import av

        video = CACHE / "vtest.avi"
        if not video.exists():
            video = download_video()
        partial = CACHE / "frames.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with av.open(str(video)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number % 8 == 0:
                    frame.to_image().resize(SIZE, Image.Resampling.BILINEAR).save(partial / f"{number:04}.png")
        partial.rename(folder)
    return sorted(folder.glob("*.png"))


def folder_images(folder: pathlib.Path) -> list[pathlib.Path]:
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if len(files) < 3:
        raise SystemExit(f"demo: {folder} holds {len(files)} JPEG or PNG images, at least 3 were expected")
    return files


def prepare(source: list[pathlib.Path], out: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes the calibration and the held-out images, resized to 480x360, into two folders of `out`."""
    folders = out / "calibration", out / "held_out"
    for folder, files in zip(folders, split(source)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in files:
            Image.open(file).convert("RGB").resize(SIZE, Image.Resampling.BILINEAR).save(folder / f"{file.stem}.png")
    return folders
