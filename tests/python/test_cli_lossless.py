"""`--lossless`: planted channels go, no others, and the network says the same."""

import json

import photos
import pytest
import tiny_networks
import torch
from sirfp_program import good, refused


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """In the layer before the head: channel 3 is dead, 4 constant, 7 a copy of 5."""
    folder = tmp_path_factory.mktemp("lossless")
    net = tiny_networks.randomise(tiny_networks.Tiny(), 0)
    convolution, norm = net.fuse[0], net.fuse[1]
    with torch.no_grad():
        norm.weight[3], norm.bias[3] = 0, -1
        norm.weight[4], norm.bias[4] = 0, 2
        for tensor in (convolution.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var):
            tensor[7] = tensor[5]
    tiny_networks.write(net, folder / "net.pt")
    photos.folder(folder / "images", 4)
    return folder


def removed(plan) -> dict[str, set[int]]:
    groups = [g for g in json.loads(plan.read_text())["groups"] if not g["locked"]]
    return {g["name"]: set(range(g["channels"])) - set(g["kept"]) for g in groups if len(g["kept"]) < g["channels"]}


def expect_planted(plan):
    gone = removed(plan)
    assert set(gone) == {"fuse.0"}
    assert gone["fuse.0"] in ({3, 4, 5}, {3, 4, 7})


def test_exactly_the_planted_channels_go(work):
    result = good("prune", work / "net.pt", "--images", work / "images", "--lossless", "-o", work / "slim.pt", "--plan", work / "plan")
    expect_planted(work / "plan")
    assert result["notes"] == [
        "3 channels never vary at one of their readers; 2 of them are removed",
        "never vary, removed: fuse.0: 3, 4",
        "never vary, stay: stem.0: they vary at left.0: 7",  # dead behind the depthwise convolution only
    ]
    original, slim = (tiny_networks.load(work / name) for name in ("net.pt", "slim.pt"))
    with torch.inference_mode():
        for image in sorted((work / "images").iterdir()):
            x = photos.network_input(image)
            assert torch.allclose(original(x), slim(x), atol=1e-5)


def test_in_steps(work):
    good("observe", work / "net.pt", "--images", work / "images", "--exact", "--no-sensitivity", "-o", work / "exact.state")
    good("plan", work / "net.pt", work / "exact.state", "--lossless", "-o", work / "steps.plan")
    expect_planted(work / "steps.plan")


def test_a_state_of_single_precision_is_refused(work):
    good("observe", work / "net.pt", "--images", work / "images", "--no-sensitivity", "-o", work / "plain.state")
    assert "expected sirfp observe --exact" in refused(
        2, "plan", work / "net.pt", work / "plain.state", "--lossless", "-o", work / "no.plan"
    )


@pytest.mark.parametrize(
    "option",
    [("--flops", 0.5), ("--criterion", "l1"), ("--refit",), ("--keep", "fuse*=0.5"), ("--pixel-weights", "edge"), ("--sample-pixels", 0.5)],
    ids=lambda o: o[0],
)
def test_options_that_weigh_do_not_go_with_it(work, option):
    line = refused(2, "prune", work / "net.pt", "--images", work / "images", "--lossless", *option, "-o", work / "no.pt")
    assert "--lossless: expected with" in line
