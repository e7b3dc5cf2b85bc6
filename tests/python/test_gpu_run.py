"""`make gpu` without a GPU: what it says, and its steps, reports and limits, with programs of a few lines in place of the real ones."""

import json
import subprocess
import sys

import gpu
import gpu_node
import pytest

BENCH = {
    "benchmarks": [
        {
            "run_name": "row/C:64/iterations:1/repeats:12/manual_time",
            "aggregate_name": "median",
            "real_time": 5.5,
            "cpu_time": 1.0,
            "GB/s": 7.0,
        },
        {
            "run_name": "row/C:64/iterations:1/repeats:12/manual_time",
            "aggregate_name": "min",
            "real_time": 5.0,
            "cpu_time": 1.0,
            "GB/s": 8.0,
        },
        {"run_name": "row/C:64/iterations:1/repeats:12/manual_time", "aggregate_name": "stddev", "real_time": 0.1, "cpu_time": 1.0},
        {"run_name": "bad/iterations:1/repeats:12/manual_time", "error_occurred": True, "error_message": "out of device memory"},
    ]
}
TESTS = {"tests": 3, "testsuites": [{"name": "gram", "testsuite": [{"name": "right"}, {"name": "wrong", "failures": [{"failure": "!"}]}]}]}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "LOGS", tmp_path)
    monkeypatch.setattr(gpu_node, "facts", lambda: {"gpu": {"name": "NVIDIA Toy 1"}, "torch": None})
    return gpu.Run(tmp_path / "results", minutes=5)


def program(path, lines: str):
    path.write_text(f"#!{sys.executable}\nimport pathlib, sys\n{lines}\n")
    path.chmod(0o755)
    return path


def test_without_a_gpu_it_ends_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, gpu.__file__, "--results", tmp_path / "no"], capture_output=True, text=True, env={"PATH": str(tmp_path)}
    )
    assert done.returncode == 1
    assert done.stderr == "gpu: no GPU here: nvidia-smi is not on the PATH\n"
    assert not (tmp_path / "no").exists()


def test_a_driver_that_fails_is_quoted(tmp_path):
    program(tmp_path / "nvidia-smi", 'print("NVIDIA-SMI has failed"); sys.exit(9)')
    done = subprocess.run([sys.executable, gpu.__file__], capture_output=True, text=True, env={"PATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (1, "gpu: no GPU here: nvidia-smi says: NVIDIA-SMI has failed\n")


def test_a_failing_step_stops_nothing_but_fails_the_run(run, tmp_path, capfd):
    assert run.step("first", ["true"]) and run.passed()
    assert not run.step("second one", ["sh", "-c", "echo why; exit 3"])
    assert not run.step("third", [tmp_path / "absent"])
    assert run.step("fourth", ["sh", "-c", "echo $WORD"], WORD="given")
    run.skip("fifth", "no tool")
    assert not run.passed()
    assert (tmp_path / "second_one.log").read_text() == "why\n"
    assert (tmp_path / "fourth.log").read_text() == "given\n"
    steps = json.loads(run.file.read_text())["steps"]
    assert [s["passed"] for s in steps[:4]] == [True, False, False, True]
    assert steps[1]["why"] == "exit 3"
    assert "second one: FAILED (exit 3)" in capfd.readouterr().out


def test_a_step_has_a_limit_and_the_run_too(run):
    assert not run.step("slow", ["sleep", "30"], limit=1)
    run.end = run.began
    assert not run.step("late", ["sleep", "30"])
    assert [s["why"] for s in run.found["steps"]] == ["stopped after 1 s"] * 2


def test_rows_and_tests_are_kept(run, tmp_path):
    option = "out = next(a.split('=', 1)[1] for a in sys.argv if a.startswith('--benchmark_out='))"
    bench = program(tmp_path / "gpu_toy_bench", f"{option}\npathlib.Path(out).write_text({json.dumps(BENCH)!r})")
    gpu.measure(run, bench, {})
    assert run.found["benchmarks"]["gpu_toy_bench"] == {
        "row/C:64": {"median_us": 5.5, "GB/s": 7.0, "min_us": 5.0},
        "bad": {"error": "out of device memory"},
    }
    option = "out = next(a.split(':', 1)[1] for a in sys.argv if a.startswith('--gtest_output='))"
    test = program(tmp_path / "gpu_toy_test", f"{option}\npathlib.Path(out).write_text({json.dumps(TESTS)!r})\nsys.exit(1)")
    gpu.run_test(run, test, 20)
    assert run.found["tests"]["gpu_toy_test"] == {"tests": 3, "failed": ["gram.wrong"]}
    assert not run.passed()


@pytest.mark.parametrize(("capability", "built_for"), [("9.0", "90a-real"), ("8.0", "80-real"), ("12.0", "120-real")])
def test_only_the_device_is_built_for(capability, built_for):
    assert gpu_node.architecture(capability) == built_for
