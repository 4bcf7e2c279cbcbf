"""The workflows are valid YAML, and the one for Windows goes from clips to a verified result."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".github" / "workflows"
STAGES = ["--help", "drawn_clips", "extract", "extract", "sort", "train", "convert", "verify"]


def read(name):
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yml")), ids=lambda path: path.stem)
def test_every_step_does_something_and_no_token_may_write(path):
    workflow = read(path.name)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
        assert all(("run" in step) != ("uses" in step) for step in job["steps"])


def test_bundle_that_was_built_goes_from_clips_to_a_verified_result_on_windows():
    jobs = read("windows.yml")["jobs"]
    assert "--system windows" in str(jobs["build"])
    swap = jobs["swap"]
    assert (swap["runs-on"], swap["needs"]) == ("windows-latest", "build")
    lines = [line for step in swap["steps"] for line in step.get("run", "").splitlines()]
    begun = [line for line in lines if line.startswith(("call", '"%HOSTILE%'))]
    assert "check_bundle.py" in begun.pop(0)
    assert len(begun) == len(STAGES)
    assert [line for line, stage in zip(begun, STAGES, strict=True) if stage not in line] == []


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        (FOLDER / "windows.yml", r"%HOSTILE%\\([^\\]+)\.bat"),
        (ROOT / "docs" / "windows.md", r"`(\d[^`]*\) [^`]+)`"),
    ],
    ids=["workflow", "docs"],
)
def test_scripts_that_are_named_are_there(path, pattern):
    names = set(re.findall(pattern, path.read_text(encoding="utf-8")))
    assert len(names) >= 6
    assert names - {script.stem for script in (ROOT / "scripts" / "windows").glob("*.bat")} == set()
