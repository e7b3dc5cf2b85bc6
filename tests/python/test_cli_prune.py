"""`sirfp prune`, end to end on a small network, and the same in steps."""

import hashlib
import json
import shutil

import numpy as np
import photos
import pytest
import tiny_networks
import torch
from safetensors.torch import load_file
from sirfp_program import contents, good, refused, run


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prune")
    tiny_networks.tiny(folder / "net.pt")
    photos.folder(folder / "images", 6)
    return folder


@pytest.fixture(scope="module")
def pruned(work):
    result = good(
        "prune", work / "net.pt", "--images", work / "images", "--flops", 0.5, "-o", work / "slim.pt", "--plan", work / "net.plan"
    )
    return work, result


def outputs(path, images):
    net = tiny_networks.load(path)
    with torch.inference_mode():
        return torch.cat([net(photos.network_input(image)) for image in sorted(images.iterdir())])


def test_slim_loads_in_plain_torch_and_equals_masked(pruned):
    work, result = pruned
    good("apply", work / "net.pt", work / "net.plan", "--mask", "-o", work / "masked.pt")
    original, masked, slim = (outputs(work / name, work / "images") for name in ("net.pt", "masked.pt", "slim.pt"))
    difference = ((masked - slim).abs().max() / original.abs().max()).item()
    assert difference <= 1e-4
    assert result["masked_vs_slim"]["relative"] <= 1e-4 and result["masked_vs_slim"]["images"] == 4
    assert not torch.equal(slim, original)
    assert tiny_networks.parameters(work / "masked.pt") >= tiny_networks.parameters(work / "net.pt")


def test_costs_are_those_of_the_files(pruned):
    work, result = pruned
    assert result["flops"]["after"] <= 0.5 * result["flops"]["before"]
    assert result["parameters"]["before"] == tiny_networks.parameters(work / "net.pt")
    assert result["parameters"]["after"] == tiny_networks.parameters(work / "slim.pt")
    for which, name in (("before", "net.pt"), ("after", "slim.pt")):
        assert result["file_bytes"][which] == (work / name).stat().st_size
        assert result["latency_seconds"][which] > 0
    assert {f["path"] for f in result["files"]} == {str(work / n) for n in ("slim.pt", "net.plan", "net.plan.safetensors")}


def test_agreement_is_that_of_the_predictions(pruned):
    work, result = pruned
    original, slim = (outputs(work / name, work / "images").argmax(1) for name in ("net.pt", "slim.pt"))
    assert result["agreement"]["images"] == 6
    assert result["agreement"]["share"] == pytest.approx((original == slim).double().mean().item(), abs=2e-4)


def test_output_error_is_that_of_the_outputs(pruned):
    work, result = pruned
    before, after = (outputs(work / name, work / "images").double() for name in ("net.pt", "slim.pt"))
    expected = ((after - before).square().sum() / (before - before.mean()).square().sum()).item()
    assert result["output_error"]["measured"] == pytest.approx(expected, rel=1e-3)
    verified = good("verify", work / "net.pt", work / "slim.pt", work / "net.plan", "--images", work / "images")
    assert verified["output_error"]["measured"] == pytest.approx(expected, rel=1e-3)
    assert verified["output_error"]["predicted"] == result["output_error"]["predicted"]
    by_group = [group["predicted_error"] for group in result["groups"] if group["predicted_error"] is not None]
    assert result["output_error"]["predicted"] == pytest.approx(sum(by_group))
    assert verified["groups"] == result["groups"]


def test_groups_name_the_best_predicted_channels(pruned):
    _, result = pruned
    for group in result["groups"]:
        removed = group["channels"] - group["kept"]
        assert len(group["best_predicted"]) == min(removed, 3)
        shares = [one["explained"] for one in group["best_predicted"]]
        assert shares == sorted(shares, reverse=True) and all(0 <= share <= 1 for share in shares)
        assert all(1 <= len(one["by"]) <= 3 for one in group["best_predicted"])
    assert sum(len(group["best_predicted"]) for group in result["groups"]) > 0


def test_plan_names_widths_weights_and_options(pruned):
    work, _ = pruned
    plan = json.loads((work / "net.plan").read_text())
    text = json.dumps(plan)
    assert plan["version"] == 1 and "net.plan.safetensors" in text
    assert load_file(work / "net.plan.safetensors")
    widths = {name: tuple(p.shape) for name, p in tiny_networks.load(work / "slim.pt").named_parameters()}
    assert widths["head.weight"][0] == tiny_networks.CLASSES
    assert sum(shape[0] for name, shape in widths.items() if name.endswith("0.weight")) < 16 + 24 + 16 + 24 + 20


def test_steps_give_what_prune_gives(pruned):
    work, _ = pruned
    good("observe", work / "net.pt", "--images", work / "images", "-o", work / "net.state")
    good("plan", work / "net.pt", work / "net.state", "--images", work / "images", "--flops", 0.5, "-o", work / "steps.plan")
    good("apply", work / "net.pt", work / "steps.plan", "--images", work / "images", "-o", work / "steps.pt")
    one, other = (tiny_networks.load(work / name).state_dict() for name in ("slim.pt", "steps.pt"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    weights = [hashlib.sha256((work / f"{name}.plan.safetensors").read_bytes()).hexdigest() for name in ("net", "steps")]
    assert weights[0] == weights[1]


def test_verify_accepts_the_slim_network_and_finds_a_changed_one(pruned):
    work, result = pruned
    verified = good("verify", work / "net.pt", work / "slim.pt", work / "net.plan", "--images", work / "images")
    assert verified["masked_vs_slim"]["relative"] <= 1e-4
    assert verified["agreement"]["share"] == pytest.approx(result["agreement"]["share"], abs=1e-9)
    changed = tiny_networks.load(work / "slim.pt")
    with torch.no_grad():
        next(p for n, p in changed.named_parameters() if n == "head.weight").mul_(1.01)
    changed.save(str(work / "changed.pt"))
    done = run("verify", work / "net.pt", work / "changed.pt", work / "net.plan", "--images", work / "images", "--quiet")
    assert done.returncode == 1
    assert "masked and slim network differ by 0.0" in done.stderr and done.stderr.count("\n") == 1


def test_weights_made_anew_are_told_and_verify_keeps_to_the_plan(pruned, tmp_path):
    work, _ = pruned
    good("observe", work / "net.pt", "--images", work / "images", "--no-sensitivity", "-o", tmp_path / "net.state")
    anew = good("apply", work / "net.pt", work / "net.plan", "--state", tmp_path / "net.state", "-o", tmp_path / "plain.pt")
    assert any("compensated anew (ls)" in note for note in anew["notes"])
    verified = good(
        "verify", work / "net.pt", work / "slim.pt", work / "net.plan", "--state", tmp_path / "net.state", "--images", work / "images"
    )
    assert verified["masked_vs_slim"]["relative"] <= 1e-4


def test_weights_of_another_plan_are_refused(pruned, tmp_path):
    work, _ = pruned
    shutil.copy(work / "net.plan", tmp_path / "net.plan")
    data = bytearray((work / "net.plan.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "net.plan.safetensors").write_bytes(data)
    assert "net.plan.safetensors" in refused(2, "apply", work / "net.pt", tmp_path / "net.plan", "-o", tmp_path / "slim.pt")
    (tmp_path / "net.plan.safetensors").unlink()
    assert "net.plan.safetensors" in refused(2, "apply", work / "net.pt", tmp_path / "net.plan", "-o", tmp_path / "slim.pt")
    assert contents(tmp_path) == {"net.plan"}


def test_apply_without_moments_says_what_is_missing(pruned, tmp_path):
    work, _ = pruned
    good("plan", work / "net.pt", work / "net.state", "--flops", 0.5, "--compensate", "none", "-o", tmp_path / "bare.plan")
    assert contents(tmp_path) == {"bare.plan"}
    done = good("apply", work / "net.pt", tmp_path / "bare.plan", "-o", tmp_path / "bare.pt")
    assert done["masked_vs_slim"]["on_noise"]
    line = refused(2, "apply", work / "net.pt", tmp_path / "bare.plan", "--compensate", "ls", "-o", tmp_path / "ls.pt")
    assert "--state STATE" in line and "--images DIR" in line
    ls = ("apply", work / "net.pt", tmp_path / "bare.plan", "--compensate", "ls")
    from_state = good(*ls, "--state", work / "net.state", "-o", tmp_path / "a.pt")
    from_images = good(*ls, "--images", work / "images", "-o", tmp_path / "b.pt")
    assert from_state["masked_vs_slim"]["on_noise"] and not from_images["masked_vs_slim"]["on_noise"]
    one, other = (tiny_networks.load(tmp_path / name).state_dict() for name in ("a.pt", "b.pt"))
    assert all(torch.allclose(one[key], other[key], atol=1e-6) for key in one)


@pytest.mark.parametrize("compensation", ["ls", "none"])
def test_recalibration_goes_into_the_plan_and_is_what_apply_and_verify_use(pruned, tmp_path, compensation):
    work, _ = pruned
    options = ("--images", work / "images", "--flops", 0.5, "--compensate", compensation, "--recalibrate")
    result = good("prune", work / "net.pt", *options, "-o", tmp_path / "slim.pt", "--plan", tmp_path / "net.plan")
    assert result["options"]["selection"]["recalibrate"] and result["masked_vs_slim"]["relative"] <= 1e-4
    good("apply", work / "net.pt", tmp_path / "net.plan", "-o", tmp_path / "applied.pt")
    good("verify", work / "net.pt", tmp_path / "slim.pt", tmp_path / "net.plan", "--images", work / "images")
    one, other = (tiny_networks.load(tmp_path / name).state_dict() for name in ("slim.pt", "applied.pt"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    inputs = [photos.network_input(image) for image in sorted((work / "images").iterdir())]
    with torch.inference_mode():
        stem = torch.cat([torch.conv2d(image, one["stem.0.weight"], None, 2, 1) for image in inputs]).transpose(0, 1).flatten(1)
    assert torch.allclose(one["stem.1.running_mean"], stem.mean(1), atol=1e-5)
    assert torch.allclose(one["stem.1.running_var"], stem.var(1), rtol=1e-5)
    plain = load_file(work / "net.plan.safetensors")
    assert (load_file(tmp_path / "net.plan.safetensors").keys() - plain.keys()) >= {"stem.1.running_mean", "stem.1.running_var"}


def test_recalibration_needs_images(pruned, tmp_path):
    work, _ = pruned
    good("observe", work / "net.pt", "--images", work / "images", "-o", tmp_path / "state")
    line = refused(2, "plan", work / "net.pt", tmp_path / "state", "--flops", 0.5, "--recalibrate", "-o", tmp_path / "plan")
    assert "--recalibrate: expected with --images DIR" in line
    assert contents(tmp_path) == {"state"}


@pytest.mark.parametrize("memory", ["0", "0.3M", "64g"])
def test_result_does_not_depend_on_memory(pruned, tmp_path, memory):
    work, _ = pruned
    made = ("--flops", 0.5, "--memory", memory, "-o", tmp_path / "slim.pt", "--plan", tmp_path / "net.plan")
    good("prune", work / "net.pt", "--images", work / "images", *made)
    assert (tmp_path / "net.plan.safetensors").read_bytes() == (work / "net.plan.safetensors").read_bytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_result_does_not_depend_on_threads(pruned, tmp_path, threads):
    work, _ = pruned
    good("observe", work / "net.pt", "--images", work / "images", "--threads", threads, "-o", tmp_path / "state")
    good("plan", work / "net.pt", tmp_path / "state", "--flops", 0.5, "--threads", threads, "-o", tmp_path / "plan")
    kept = [json.loads(p.read_text())["groups"] for p in (tmp_path / "plan", work / "net.plan")]
    assert [g["kept"] for g in kept[0]] == [g["kept"] for g in kept[1]]


@pytest.mark.parametrize(
    "options",
    [
        ("--preset", "paper", "--backbone", "stem"),
        ("--params", 0.6, "--compensate", "constant"),
        ("--criterion", "pairwise", "--allocate", "threshold", "--redundancy-scale", "cosine", "--round-to", 4),
        ("--keep", "stem.0=0.75", "--lock", "fuse*"),
        ("--criterion", "l1", "--allocate", "measured", "--no-refit"),
        ("--criterion", "bn", "--allocate", "uniform"),
        ("--criterion", "fpgm", "--allocate", "joint"),
        ("--criterion", "random", "--seed", 3),
        ("--pixel-weights", "edge", "--batch", 4, "--compensate", "none"),
        ("--dtype", "bf16", "--size", "40x56", "--limit", 3, "--bgr", "--mean", "0.1,0.2,0.3", "--std", "1,2,3", "--scale", "0.01"),
    ],
    ids=lambda options: options[0].strip("-"),
)
def test_options(work, tmp_path, options):
    target = () if "--params" in options else ("--flops", 0.7)
    result = good("prune", work / "net.pt", "--images", work / "images", *target, *options, "-o", tmp_path / "slim.pt")
    share = result["parameters"] if "--params" in options else result["flops"]
    assert share["after"] <= (0.6 if "--params" in options else 0.7) * share["before"]
    groups = {g["name"]: g for g in result["groups"]}
    if "--keep" in options:
        assert groups["stem.0"]["kept"] == 12 and groups["fuse.0"]["kept"] == 20 and groups["fuse.0"]["locked"]
    if "--size" in options:
        assert result["calibration_images"] == 3
        recorded = {"size": "40x56", "bgr": True, "scale": 0.01, "mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]}
        assert result["options"]["calibration"]["images"] == recorded


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_network(work, tmp_path, dtype):
    net = tiny_networks.half(tmp_path / "half.pt", dtype)
    result = good("prune", net, "--images", work / "images", "--flops", 0.5, "-o", tmp_path / "slim.pt", "--plan", tmp_path / "plan")
    assert result["masked_vs_slim"]["relative"] <= 1e-4
    slim = tiny_networks.load(tmp_path / "slim.pt")
    assert {p.dtype for p in slim.parameters()} == {dtype}
    with torch.inference_mode():
        assert slim(torch.rand(1, 3, *tiny_networks.SIZE).to(dtype)).isfinite().all()
    verified = good("verify", net, tmp_path / "slim.pt", tmp_path / "plan", "--images", work / "images")
    assert verified["masked_vs_slim"]["relative"] <= 1e-4


def test_text_report_ends_with_python_that_runs(work, tmp_path):
    done = run("prune", work / "net.pt", "--images", work / "images", "--flops", 0.5, "-o", tmp_path / "slim.pt", "--limit", 2)
    assert done.returncode == 0
    assert "observing 2/2 images" in done.stderr and "\r" not in done.stderr
    for word in ("FLOPs", "multiply-adds", "parameters", "file", "latency", "agreement", "masked vs slim", "written:"):
        assert word in done.stdout
    program = "\n".join(line.strip() for line in done.stdout.splitlines()[-3:])
    names = {"image": torch.rand(1, 3, *tiny_networks.SIZE)}
    exec(program, names)
    assert names["output"].shape == (1, tiny_networks.CLASSES, *tiny_networks.SIZE)


def test_existing_output_is_replaced_and_mask_keeps_the_size(work, tmp_path):
    (tmp_path / "out.pt").write_text("something else")
    result = good("prune", work / "net.pt", "--images", work / "images", "--flops", 0.5, "--mask", "-o", tmp_path / "out.pt")
    assert result["masked"] and contents(tmp_path) == {"out.pt"}
    shapes = {name: p.shape for name, p in tiny_networks.load(work / "net.pt").named_parameters()}
    masked = {name: p.shape for name, p in tiny_networks.load(tmp_path / "out.pt").named_parameters()}
    assert shapes.items() <= masked.items()


def test_inspect_needs_no_images(work):
    result = good("inspect", work / "net.pt", "--size", "x".join(map(str, tiny_networks.SIZE)))
    assert result["input"] == [1, 3, 48, 64]
    assert result["parameters"] == tiny_networks.parameters(work / "net.pt")
    assert sum(layer["flops"] for layer in result["layers"]) == pytest.approx(result["flops"])
    stem = next(layer for layer in result["layers"] if layer["place"] == "stem.0")
    assert stem["flops"] == 2 * 16 * 3 * 9 * 24 * 32
    groups = {g["name"]: g for g in result["groups"]}
    assert groups["head"]["locked"] and not groups["stem.0"]["locked"]
    assert "stem.0" in run("inspect", work / "net.pt", "--size", "x".join(map(str, tiny_networks.SIZE))).stdout


def scores_of(network) -> dict[str, np.ndarray]:
    """An importance of every channel of every group: its index, so that low channels go first."""
    groups = good("inspect", network, "--size", "x".join(map(str, tiny_networks.SIZE)))["groups"]
    return {g["name"]: np.arange(g["channels"], dtype=np.float32 if i % 2 else np.float64) for i, g in enumerate(groups) if not g["locked"]}


def prune_by_scores(work, folder):
    given = ("--flops", 0.6, "--scores", folder / "scores.npz")
    return run("prune", work / "net.pt", "--images", work / "images", *given, "-o", folder / "o")


def test_scores_of_ones_own(work, tmp_path):
    np.savez(tmp_path / "scores.npz", **scores_of(work / "net.pt"))
    target = ("--flops", 0.6, "--scores", tmp_path / "scores.npz", "--allocate", "uniform", "--plan", tmp_path / "plan")
    good("prune", work / "net.pt", "--images", work / "images", *target, "-o", tmp_path / "slim.pt")
    cut = [g for g in json.loads((tmp_path / "plan").read_text())["groups"] if not g["locked"]]
    assert any(g["kept"] != list(range(g["channels"])) for g in cut)
    assert all(g["kept"] == list(range(g["channels"] - len(g["kept"]), g["channels"])) for g in cut)


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda scores: scores.pop("stem.0"), "no scores of group stem.0; expected 16"),
        (lambda scores: scores.update({"stem.0": np.zeros(15)}), "group stem.0: 15 scores, expected 16"),
        (lambda scores: scores.update({"stm.0": np.zeros(16)}), "scores of stm.0, which is no group; nearest: stem.0"),
        (lambda scores: scores.update({"stem.0": np.full(16, np.nan)}), "group stem.0: score nan, expected a finite number"),
        (lambda scores: scores.update({"stem.0": np.zeros((4, 4))}), "array stem.0: expected float32 or float64 of one dimension"),
        (lambda scores: scores.update({"stem.0": np.zeros(16, int)}), "array stem.0: expected float32 or float64 of one dimension"),
    ],
    ids=["missing", "short", "unknown", "nan", "square", "integers"],
)
def test_bad_scores_are_named(work, tmp_path, change, expected):
    scores = scores_of(work / "net.pt")
    change(scores)
    np.savez(tmp_path / "scores.npz", **scores)
    done = run(
        "prune", work / "net.pt", "--images", work / "images", "--flops", 0.6, "--scores", tmp_path / "scores.npz", "-o", tmp_path / "o"
    )
    assert done.returncode == 2 and expected in done.stderr.splitlines()[-1], done.stderr
    assert not (tmp_path / "o").exists()


def test_scores_that_are_no_npz(work, tmp_path):
    np.savez_compressed(tmp_path / "compressed", **scores_of(work / "net.pt"))
    whole = (tmp_path / "compressed.npz").read_bytes()
    files = {"is compressed: expected what np.savez writes": whole, "not an .npz file": whole[:100], "not an .npz": b""}
    for expected, content in files.items():
        (tmp_path / "scores.npz").write_bytes(content)
        done = run(
            "prune", work / "net.pt", "--images", work / "images", "--flops", 0.6, "--scores", tmp_path / "scores.npz", "-o", tmp_path / "o"
        )
        assert done.returncode == 2 and expected in done.stderr.splitlines()[-1], done.stderr


def test_the_scores_are_never_written_over(work, tmp_path):
    np.savez(tmp_path / "scores.npz", **scores_of(work / "net.pt"))
    before = (tmp_path / "scores.npz").read_bytes()
    given = ("--flops", 0.6, "--scores", tmp_path / "scores.npz", "-o", tmp_path / "scores.npz")
    assert "scores.npz" in refused(2, "prune", work / "net.pt", "--images", work / "images", *given)
    assert (tmp_path / "scores.npz").read_bytes() == before
