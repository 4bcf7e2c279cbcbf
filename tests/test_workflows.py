"""The workflows are valid YAML, and the one for Windows goes from clips to a verified result."""

import re
import subprocess
import sys
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


def test_one_version_of_pytorch_is_tested_everywhere():
    named = {
        path: set(re.findall(pattern, (ROOT / path).read_text(encoding="utf-8")))
        for path, pattern in (
            (".ci/run", r"torch==([\d.]+)\+cpu"),
            (".github/workflows/test.yml", r"torch==([\d.]+)\+cpu"),
            ("Makefile", r"TORCH +\?= ([\d.]+)\+cpu"),
            ("requirements-torch.txt", r"torch(?:==|~=)([\d.]+)"),
            ("docs/gpu.md", r"torch==([\d.]+)"),
        )
    }
    assert len(set.union(*named.values())) == 1, named
    assert all(named.values())


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
@pytest.mark.parametrize("there", [True, False])
def test_ci_goes_on_without_pytorch_and_says_so(tmp_path, there):
    """The script itself, with a pip and a make that only note what they are called with."""
    bin_, log = tmp_path / ".venv" / "bin", tmp_path / "log"
    ci = tmp_path / ".ci" / "run"
    for path, text in (
        (ci, (ROOT / ".ci" / "run").read_text(encoding="utf-8")),
        (bin_ / "python", f'#!/bin/sh\necho "$@" >> "{log}"\nexit {0 if there else 1}\n'),
        *((bin_ / name, f'#!/bin/sh\necho {name} "$@" >> "{log}"\n')
          for name in ("make", "Xvfb", "xdotool", "chromium")),
    ):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    done = subprocess.run(
        [ci], env={"PATH": f"{bin_}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    first, *pip, last = log.read_text(encoding="utf-8").splitlines()
    assert (first, last) == ("make install", "make test")
    assert len(pip) == (1 if there else 2)
    assert all("pip install" in words and "torch==2.13.0+cpu" in words for words in pip)
    assert ("cannot be had here" in done.stdout) != there
