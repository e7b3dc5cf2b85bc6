"""sirfp bench: the figures hang together, and bad input is refused. No time is judged: machines differ, and this one is busy."""

import json

import pytest
from sirfp_program import contents, refused, run

QUICK = ("--size", "32x64", "--seconds", 0.01, "--quiet")


def bench(tmp_path, *arguments):
    done = run("bench", *arguments, "--json", tmp_path / "bench.json")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path) == {"bench.json"}
    return json.loads((tmp_path / "bench.json").read_text()), done


def check_row(row, rates, value_bytes):
    """A row of one map: its figures follow from its shape, and both ways are right."""
    channels, pixels = row["channels"], row["height"] * row["width"]
    assert row["bytes"] == channels * pixels * value_bytes
    assert row["operations"] == channels * (channels + 1) * pixels
    memory, products = row["bytes"] / rates["bytes_per_second"], row["operations"] / rates["operations_per_second"]
    assert row["floor_seconds"] == pytest.approx(max(memory, products))
    assert row["bound_by"] == ("memory" if memory >= products else "products")
    for way in ("ours", "hook"):
        time = row[way]
        assert 0 < time["minimum_seconds"] <= time["median_seconds"] and time["samples"] >= 1
        assert 0 < time["error"] < 1e-4
    assert "cublas" not in row


@pytest.mark.parametrize(("dtype", "value_bytes"), [("f32", 4), ("bf16", 2)])
def test_one_layer(tmp_path, dtype, value_bytes):
    answer, done = bench(tmp_path, "--network", "deeplabv3plus_r50", "--only", "layer1.0.conv3", "--dtype", dtype, *QUICK)
    assert done.stderr == ""
    assert answer["network"] == "deeplabv3plus_r50 at 32x64" and answer["dtype"] == dtype
    assert answer["version"] in done.stdout and answer["device"] in done.stdout
    assert [row["operation"] for row in answer["rows"]] == ["similarity", "moments"]
    for row in answer["rows"]:
        assert any("layer1.0.conv3" in layer for layer in row["layers"])
        assert (row["channels"], row["height"], row["width"], row["order"]) == (256, 8, 16, "nchw")
        check_row(row, answer["rates"], value_bytes)
        assert f"{row['operation']}  {row['layers'][0]}" in done.stdout
    assert answer["one_image"] == [], "a part is not a network"


def test_a_whole_network_is_the_sum_of_its_layers(tmp_path):
    answer, done = bench(tmp_path, "--network", "deeplabv3plus_r50", *QUICK, "--seed", 1, "--threads", 1)
    totals = {total["operation"]: total for total in answer["one_image"]}
    assert list(totals) == ["similarity", "moments", "similarity in one call", "moments in one call", "elimination"]
    for operation in ("similarity", "moments"):
        rows = [row for row in answer["rows"] if row["operation"] == operation]
        layers = [layer for row in rows for layer in row["layers"]]
        assert len(layers) == len(set(layers)) == totals[operation]["layers"] > 50
        for way in ("ours", "hook"):
            assert totals[operation][f"{way}_seconds"] == pytest.approx(sum(r[way]["median_seconds"] * len(r["layers"]) for r in rows))
        (together,) = [row for row in answer["rows"] if row["operation"] == f"{operation} in one call"]
        assert sorted(together["layers"]) == sorted(layers) and together["bytes"] == sum(r["bytes"] * len(r["layers"]) for r in rows)
        assert together["operations"] == sum(r["operations"] * len(r["layers"]) for r in rows)
        assert 0 < together["ours"]["error"] < 1e-4
        assert totals[together["operation"]]["ours_seconds"] == together["ours"]["median_seconds"]
    (elimination,) = [row for row in answer["rows"] if row["operation"] == "elimination"]
    assert elimination["ours"]["error"] == 0, "the order is the reference backend's"
    assert totals["elimination"]["ours_seconds"] == elimination["ours"]["median_seconds"]
    assert "one image of deeplabv3plus_r50 at 32x64:" in done.stdout


def test_tokens_and_progress(tmp_path):
    answer, done = bench(
        tmp_path, "--network", "segformer_b2", "--only", "moments encoder.block1.0.mlp.fc1", "--size", "64x64", "--seconds", 0.01
    )
    (row,) = answer["rows"]
    assert row["order"] == "channels_last" and (row["height"], row["width"]) == (16, 16)
    check_row(row, answer["rates"], 4)
    assert "benchmarking 1/1 rows" in done.stderr


def test_bad_use_is_one_line(tmp_path):
    assert "did you mean hrnet_w48?" in refused(2, "bench", "--network", "hrnet_w84")
    assert "--size" in refused(2, "bench", "--size", "64x64")
    assert "--only nothing: no row" in refused(2, "bench", "--only", "nothing")
    assert "--dtype f64" in refused(2, "bench", "--dtype", "f64")
    assert "--seconds 0" in refused(2, "bench", "--seconds", 0)
    assert "cuda:77" in refused(2, "bench", "--device", "cuda:77"), "no machine has so many"
    refused(1, "bench", "--only", "similarity", "--json", tmp_path / "nowhere" / "bench.json")
    assert contents(tmp_path) == set()
