"""Writes paper.json and paper_maps.safetensors: the `paper` preset on a small random network, by an independent numpy transcription
of METHOD 1, 2, 3, 5, 6, 7 and 9 (every step as it is defined, nothing clever), in fp64.

    python tests/golden/make_paper_golden.py        # rewrites the two files beside it

tests/core/paper_golden_test.cpp feeds the same feature maps through the library and compares.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

SEED = 20260112
IMAGES = 4
SIZE = (12, 16)
NEAREST = 2e-5  # decisions closer than this (relative) are not asked of a backend that computes in fp32
STEP = 1 / 16  # feature maps are stored as int8 multiples of it: exact in every float type
EPSILON = 1e-5
EDGE_WEIGHT = 0.4
FLOOR = 0.02
HERE = Path(__file__).resolve().parent

# One line an operator: kind, place, inputs, and for convolutions outputs, kernel, stride. Tensors are named by place; "x" is the image.
NETWORK = [
    ("conv", "backbone.conv1", ["x"], 12, 3, 1),
    ("norm", "backbone.bn1", ["backbone.conv1"]),
    ("relu", "backbone.relu1", ["backbone.bn1"]),
    ("conv", "backbone.block1.conv1", ["backbone.relu1"], 10, 3, 1),
    ("norm", "backbone.block1.bn1", ["backbone.block1.conv1"]),
    ("relu", "backbone.block1.relu1", ["backbone.block1.bn1"]),
    ("conv", "backbone.block1.conv2", ["backbone.block1.relu1"], 12, 3, 1),
    ("norm", "backbone.block1.bn2", ["backbone.block1.conv2"]),
    ("add", "backbone.block1.add", ["backbone.relu1", "backbone.block1.bn2"]),
    ("relu", "backbone.block1.relu2", ["backbone.block1.add"]),
    ("conv", "backbone.block2.conv1", ["backbone.block1.relu2"], 16, 3, 2),
    ("norm", "backbone.block2.bn1", ["backbone.block2.conv1"]),
    ("relu", "backbone.block2.relu1", ["backbone.block2.bn1"]),
    ("conv", "backbone.block2.conv2", ["backbone.block2.relu1"], 20, 3, 1),
    ("norm", "backbone.block2.bn2", ["backbone.block2.conv2"]),
    ("conv", "backbone.block2.down", ["backbone.block1.relu2"], 20, 1, 2),
    ("norm", "backbone.block2.bn3", ["backbone.block2.down"]),
    ("add", "backbone.block2.add", ["backbone.block2.bn2", "backbone.block2.bn3"]),
    ("relu", "backbone.block2.relu2", ["backbone.block2.add"]),
    ("conv", "head.low", ["backbone.block1.relu2"], 8, 1, 2),
    ("norm", "head.low_bn", ["head.low"]),
    ("relu", "head.low_relu", ["head.low_bn"]),
    ("conv", "head.aspp", ["backbone.block2.relu2"], 14, 3, 1),
    ("norm", "head.aspp_bn", ["head.aspp"]),
    ("relu", "head.aspp_relu", ["head.aspp_bn"]),
    ("cat", "head.cat", ["head.low_relu", "head.aspp_relu"]),
    ("conv", "head.fuse", ["head.cat"], 12, 3, 1),
    ("norm", "head.fuse_bn", ["head.fuse"]),
    ("relu", "head.fuse_relu", ["head.fuse_bn"]),
    ("conv", "head.classifier", ["head.fuse_relu"], 5, 1, 1),
]
# Written by hand from the list above: which layers share their channels, and which layer's channels each convolution reads.
GROUPS = {
    "backbone.conv1": ["backbone.conv1", "backbone.block1.conv2"],
    "backbone.block1.conv1": ["backbone.block1.conv1"],
    "backbone.block2.conv1": ["backbone.block2.conv1"],
    "backbone.block2.conv2": ["backbone.block2.conv2", "backbone.block2.down"],
    "head.low": ["head.low"],
    "head.aspp": ["head.aspp"],
    "head.fuse": ["head.fuse"],
}
READS = {
    "backbone.conv1": [],
    "backbone.block1.conv1": ["backbone.conv1"],
    "backbone.block1.conv2": ["backbone.block1.conv1"],
    "backbone.block2.conv1": ["backbone.conv1"],
    "backbone.block2.conv2": ["backbone.block2.conv1"],
    "backbone.block2.down": ["backbone.conv1"],
    "head.low": ["backbone.conv1"],
    "head.aspp": ["backbone.block2.conv2"],
    "head.fuse": ["head.low", "head.aspp"],
    "head.classifier": ["head.fuse"],
}
TARGETS = [("flops", 0.5), ("flops", 0.25), ("flops", 0.1), ("flops", 0.03), ("parameters", 0.2), ("parameters", 0.08)]
ABSORBED = "head.fuse"  # the convolution whose constant absorption is written out


def convolve(x, weight, stride):
    out, _, k, _ = weight.shape
    pad = k // 2
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    height = (x.shape[1] + 2 * pad - k) // stride + 1
    width = (x.shape[2] + 2 * pad - k) // stride + 1
    y = np.zeros((out, height, width))
    for i in range(height):
        for j in range(width):
            patch = padded[:, i * stride : i * stride + k, j * stride : j * stride + k]
            y[:, i, j] = np.tensordot(weight, patch, 3)
    return y


def quantised(x):
    return np.clip(np.round(x / STEP), -127, 127).astype(np.int8)


def run_network(rng):
    """Maps after every normalisation (int8 steps) and after every operator, per image; weights in int8 steps of 1/64."""
    weights, norms = {}, {}
    images = [rng.normal(size=(3, *SIZE)) for _ in range(IMAGES)]
    tensors = {"x": images}
    maps = {}
    for kind, place, inputs, *shape in NETWORK:
        first = tensors[inputs[0]]
        if kind == "conv":
            out, k, stride = shape
            spread = np.sqrt(2 / (first[0].shape[0] * k * k))
            steps = np.clip(np.round(rng.normal(scale=spread, size=(out, first[0].shape[0], k, k)) * 64), -127, 127)
            weights[place] = steps.astype(np.int8)
            tensors[place] = [convolve(x, steps / 64, stride) for x in first]
        elif kind == "norm":
            channels = first[0].shape[0]
            norms[place] = rng.uniform(0.3, 1.5, channels), rng.normal(scale=0.4, size=channels)
            mean = np.mean([x.mean(axis=(1, 2)) for x in first], axis=0)
            spread = np.mean([x.std(axis=(1, 2)) for x in first], axis=0) + 1e-3
            gamma, beta = (v[:, None, None] for v in norms[place])
            steps = [quantised((x - mean[:, None, None]) / spread[:, None, None] * gamma + beta) for x in first]
            maps[inputs[0]] = np.stack(steps)  # by the convolution that it follows
            tensors[place] = [s * STEP for s in steps]
        elif kind == "relu":
            tensors[place] = [np.maximum(x, 0) for x in first]
        elif kind == "add":
            tensors[place] = [a + b for a, b in zip(first, tensors[inputs[1]], strict=True)]
        elif kind == "cat":
            tensors[place] = [np.concatenate(parts) for parts in zip(*(tensors[i] for i in inputs), strict=True)]
    return weights, maps, tensors


def redundancy(x):
    """METHOD 1, one image [C, H, W]."""
    flat = x.reshape(x.shape[0], -1)
    norm = np.abs(flat).sum(axis=1) + EPSILON
    return np.einsum("ip,jp->ij", flat, flat) / norm[:, None] / norm[None, :]


def edge_score(x):
    """METHOD 2, one image [C, H, W]."""
    kernel = np.array([[-0.5, 0, 0.5], [-1, 0, 1], [-0.5, 0, 0.5]])
    scores = []
    for channel in x:
        padded = np.pad(channel, 1)
        v = np.zeros(channel.shape)
        for i in range(v.shape[0]):
            for j in range(v.shape[1]):
                patch = padded[i : i + 3, j : j + 3]
                v[i, j] = np.hypot((patch * kernel).sum(), (patch * kernel.T).sum())
        scores.append(np.sqrt(max(0.0, ((v - v.mean()) ** 2).mean())))
    return np.array(scores)


def eliminate(matrix):
    """METHOD 3: row sums anew at each step; lowest index first among equals. Also the least gap between the two largest degrees."""
    a = np.abs(matrix).copy()
    alive = list(range(len(a)))
    order, marginals, least_gap = [], [], np.inf
    while alive:
        degrees = [a[i, alive].sum() for i in alive]
        best = int(np.argmax(degrees))
        if len(alive) > 1:
            least_gap = min(least_gap, degrees[best] - sorted(degrees)[-2])
        order.append(alive[best])
        marginals.append(degrees[best])
        del alive[best]
    return order, marginals, least_gap


def is_backbone(layer):
    return layer.startswith("backbone")


def costs(widths):
    """FLOPs (2 per multiply-add of a convolution) and trained parameters, from the widths of every layer."""
    flops = parameters = 0
    sizes = {"x": SIZE}
    for kind, place, inputs, *shape in NETWORK:
        sizes[place] = sizes[inputs[0]]
        if kind == "conv":
            _, k, stride = shape
            sizes[place] = tuple((s + 2 * (k // 2) - k) // stride + 1 for s in sizes[inputs[0]])
            ins = sum(widths[layer] for layer in READS[place]) if READS[place] else 3
            flops += 2 * widths[place] * ins * k * k * sizes[place][0] * sizes[place][1]
            parameters += widths[place] * ins * k * k
        elif kind == "norm":
            parameters += 2 * widths[inputs[0]]
    parameters += widths["head.classifier"]  # its bias
    return {"flops": flops, "parameters": parameters}


def widths_of(masks):
    widths = {layer: len(masks[group]) if masks is None else int(sum(masks[group])) for group, layers in GROUPS.items() for layer in layers}
    return {**widths, "head.classifier": 5}


def scan(scores, budget, fraction):
    """METHOD 6 and 9: the authors' scan. Returns percentile, thresholds, one mask per group."""
    dense = costs(widths_of({group: [1] * len(scores[layers[0]]) for group, layers in GROUPS.items()}))[budget]
    for step in range(26):
        percent = 50 + 2 * step
        thresholds = []
        for backbone in (True, False):
            pool = np.sort(np.concatenate([scores[layer] for layer in scores if is_backbone(layer) == backbone]))
            at = min(len(pool) - 1, len(pool) * percent // 100)
            assert np.all(np.diff(pool[max(0, at - 1) : at + 2]) > NEAREST * np.abs(pool).max()), f"{percent}%: two scores are too near"
            thresholds.append(pool[at])
        masks = {}
        for group, layers in GROUPS.items():
            union = np.zeros(len(scores[layers[0]]), dtype=bool)
            for layer in layers:
                mask = scores[layer] > thresholds[0 if is_backbone(layer) else 1]
                least = max(1, int(FLOOR * len(mask)))
                if mask.sum() < least:
                    mask[np.argsort(-scores[layer])[:least]] = True
                union |= mask
            masks[group] = [int(v) for v in union]
        cost = costs(widths_of(masks))[budget]
        if cost <= fraction * dense:
            return percent, thresholds, masks
    raise SystemExit(f"{budget} {fraction} is unreachable")


def absorbed_constant(masks, weights, tensors):
    """METHOD 7, constant absorption: what the removed channels' means bring to the outputs of ABSORBED."""
    site = next(inputs[0] for _, place, inputs, *_ in NETWORK if place == ABSORBED)
    mean = np.mean([x.mean(axis=(1, 2)) for x in tensors[site]], axis=0)
    removed = [not kept for layer in READS[ABSORBED] for kept in masks[layer]]
    taps = (weights[ABSORBED] / 64).sum(axis=(2, 3))
    return mean, taps[:, removed] @ mean[removed]


def main():
    rng = np.random.default_rng(SEED)
    weights, maps, tensors = run_network(rng)
    layers, scores = {}, {}
    for layer, steps in maps.items():
        images = steps * STEP
        mean = np.mean([redundancy(x) for x in images], axis=0)
        edges = np.mean([edge_score(x) for x in images], axis=0)
        order, marginals, gap = eliminate(mean)
        assert gap > NEAREST * marginals[0], f"{layer}: two degrees are too near for a golden order: {gap / marginals[0]}"
        scores[layer] = np.zeros(len(order))
        for channel, marginal in zip(order, marginals, strict=True):
            scores[layer][channel] = (EDGE_WEIGHT * edges[channel] if is_backbone(layer) else 0) - marginal
        layers[layer] = {
            "redundancy": mean[np.tril_indices(len(mean))].tolist(),
            "edge": edges.tolist(),
            "order": order,
            "marginals": marginals,
            "scores": scores[layer].tolist(),
        }
    targets = []
    for budget, fraction in TARGETS:
        percent, thresholds, masks = scan(scores, budget, fraction)
        mean, constant = absorbed_constant(masks, weights, tensors)
        targets.append(
            {
                "budget": budget,
                "fraction": fraction,
                "percent": percent,
                "thresholds": [float(t) for t in thresholds],
                "masks": masks,
                "cost": costs(widths_of(masks)),
                "absorbed": constant.tolist(),
            }
        )
    dense = costs(widths_of({group: [1] * len(scores[members[0]]) for group, members in GROUPS.items()}))
    golden = {
        "seed": SEED,
        "images": IMAGES,
        "size": SIZE,
        "step": STEP,
        "network": [{"kind": k, "place": p, "inputs": i, "shape": s} for k, p, i, *s in NETWORK],
        "groups": GROUPS,
        "layers": layers,
        "dense": dense,
        "site_mean": mean.tolist(),
        "absorbed_layer": ABSORBED,
        "targets": targets,
    }
    compact = json.dumps(golden, separators=(",", ":"))
    (HERE / "paper.json").write_text(compact.replace('"layers":', '\n"layers":').replace('"targets":', '\n"targets":') + "\n")
    save_file({**maps, "weight": weights[ABSORBED]}, HERE / "paper_maps.safetensors")
    for target in targets:
        print(target["budget"], target["fraction"], target["percent"], [sum(m) for m in target["masks"].values()], target["cost"])


if __name__ == "__main__":
    main()
