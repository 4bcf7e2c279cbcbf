"""`benchmarks/gpu.sh` measures every installed engine, and a row that fails stops none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import gpu
from utils import engines, gpus, requirements

ROOT = Path(__file__).parent.parent
PYTHON = os.environ.get("LEAN_PYTHON", sys.executable)


def cells(line):
    return [cell.strip() for cell in line.strip("|\n").split("|")]


def test_a_row_that_fails_says_why_and_the_table_goes_on():
    row = gpu.Row("tensorflow", "no such model", mixed=False, batch=1)
    found = gpu._in_a_process(row._replace(engine="torch"), 30, cpu_only=True)
    assert len(found) == len(gpu.COLUMNS)
    assert found[1:6][:4] == ("PyTorch", "no such model", "float32", "1")
    assert "Error" in found[5]
    lines = gpu.as_text([gpu.COLUMNS, found]).splitlines()
    assert [len(cells(line)) for line in lines] == [len(gpu.COLUMNS)] * 3


def test_a_gpu_is_measured_in_both_kinds_of_numbers(monkeypatch):
    monkeypatch.setattr(engines, "usable_gpus", lambda name: {gpus.NVIDIA} & {gpus.NVIDIA})
    monkeypatch.setattr(sys, "argv", ["gpu", "--engines", "torch"])
    found = gpu.rows(gpu._arguments())
    assert {row.model for row in found} == set(gpu.MODELS)
    assert [row.mixed for row in found] == [False, True] * len(gpu.MODELS)
    monkeypatch.setattr(sys, "argv", ["gpu", "--engines", "torch", "--cpu-only"])
    assert [row.model for row in gpu.rows(gpu._arguments())] == list(gpu.ON_CPU)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_the_whole_script_runs_on_a_processor():
    words = ["--models", "Quick96", "--batch-size", "1", "--minutes", "2"]
    done = subprocess.run(
        [ROOT / "benchmarks" / "gpu.sh", *words],
        env=os.environ | {"PYTHON": PYTHON}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    table = [cells(line) for line in done.stdout.splitlines() if line.startswith("| ")]
    assert table[0] == list(gpu.COLUMNS)
    rows = table[2:]
    if sys.executable == PYTHON:
        installed = [title for n, title in engines.TITLES.items() if requirements.is_installed(n)]
        assert [row[1] for row in rows] == installed
    assert rows
    for row in rows:
        step, peak, rate, first = map(float, row[5:])
        assert min(step, peak, first) > 0
        assert rate == pytest.approx(2 / step, rel=0.1)
