"""The program explains itself."""

import pytest
from sirfp_program import run

COMMANDS = ["prune", "observe", "plan", "apply", "verify", "merge", "inspect", "bench"]


def test_version():
    done = run("--version")
    assert done.returncode == 0 and done.stdout.startswith("sirfp 0.") and done.stdout.count("\n") == 1


def test_help_lists_every_command_with_an_example():
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert "torch.jit.trace" in done.stdout and "Exit codes" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_an_example_and_fits_the_screen(name):
    done = run(name, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert f"sirfp {name} " in done.stdout and "Example" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 140


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_line_of_help(name):
    text = run(name, "--help").stdout.splitlines()
    for number, line in enumerate(text):
        if line.startswith("  -"):
            described = line[34:].strip() or text[number + 1].strip()
            assert described, line
