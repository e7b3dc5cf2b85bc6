"""From a live PyTorch model to a smaller one: `python examples/prune.py IMAGES OUT.pt [--flops 0.5]`.

Traces the example network of this folder; put your own model in its place.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "deeplabv3plus_camvid"))
import export  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", help="a folder of photos like those that the network will see")
    parser.add_argument("out")
    parser.add_argument("--flops", default="0.5")
    args = parser.parse_args()

    model = export.load()
    with tempfile.TemporaryDirectory() as folder:
        traced = pathlib.Path(folder) / "net.pt"
        torch.jit.trace(model.eval(), torch.rand(1, 3, 360, 480)).save(str(traced))
        sirfp = HERE.parent / "build" / "sirfp"
        subprocess.run(
            [sirfp, "prune", traced, "--images", args.images, "--size", "360x480", "--flops", args.flops, "-o", args.out], check=True
        )

    slim = torch.jit.load(args.out).eval()
    print("parameters:", sum(p.numel() for p in model.parameters()), "->", sum(p.numel() for p in slim.parameters()))


if __name__ == "__main__":
    main()
