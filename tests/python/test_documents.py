"""What the documents say: their snippets run, their links lead somewhere."""

import pathlib
import re
import subprocess

import export
import guide
import photos
import pytest
import torch
from conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def blocks(document: pathlib.Path, *languages: str) -> list[tuple[str, str]]:
    found = re.findall(r"^```(\w+)\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)
    return [(language, code) for language, code in found if language in languages]


def test_readme_snippets_run_in_order(program, tmp_path, monkeypatch):
    """The shell lines but `make`, in a folder with net.pt, photos and build/sirfp; the Python in one namespace."""
    monkeypatch.chdir(tmp_path)
    photos.folder(tmp_path / "photos", 2)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "sirfp").symlink_to(program)
    model, example = export.load(), torch.rand(1, 3, 360, 480)
    torch.jit.trace(model, example).save("net.pt")
    names = {"model": model, "image": example}
    for language, code in blocks(ROOT / "README.md", "sh", "python"):
        if language == "python":
            exec(code, names)
            continue
        for line in code.splitlines():
            if not line.startswith("make "):
                done = subprocess.run(line, shell=True, capture_output=True, text=True)
                assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert names["output"].shape == (1, 11, 360, 480)


def test_guide_commands_run(program, tmp_path):
    """With other frames than `make guide` has; what they print there is in the page."""
    photos.folder(tmp_path / "photos", 2)
    photos.folder(tmp_path / "street", 1)
    torch.jit.trace(export.load(), torch.rand(1, 3, 360, 480)).save(str(tmp_path / "net.pt"))
    for _, block in blocks(ROOT / "docs" / "guide.md", "console"):
        for command in guide.commands(block):
            printed = guide.run(command, tmp_path, program)
            refused = "none.plan" in command
            assert printed.startswith("sirfp: ") == refused, f"{command}\n{printed}"
            assert not refused or printed.count("\n") == 1


def test_readme_names_every_command(program):
    text = subprocess.run([program, "--help"], capture_output=True, text=True).stdout
    commands = set(re.findall(r"^\| `(\w+) ", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert commands == {"inspect", "observe", "merge", "plan", "apply", "verify", "prune", "bench"}
    assert all(re.search(rf"^\s+{command}\b", text, re.MULTILINE) for command in commands), text
