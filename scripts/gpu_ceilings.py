"""What this GPU can do, by torch: {"GB/s": of a large copy, read and written, "TFLOP/s": of a large bf16 product}, medians, random data."""

import json
import statistics

import torch

REPEATS = 20


def seconds(work) -> float:
    for _ in range(3):
        work()
    times = []
    for _ in range(REPEATS):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) * 1e-3)
    return statistics.median(times)


def main() -> None:
    size = 2 << 30
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    copied = seconds(lambda: target.copy_(source))
    side = 8192
    a, b = (torch.randn(side, side, dtype=torch.bfloat16, device="cuda") for _ in range(2))
    multiplied = seconds(lambda: torch.matmul(a, b))
    print(json.dumps({"GB/s": 2e-9 * size / copied, "TFLOP/s": 2e-12 * side**3 / multiplied}))


if __name__ == "__main__":
    main()
