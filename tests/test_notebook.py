"""docs/notebook.ipynb is a valid notebook without outputs, and goes from two clips to a result."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import nbformat
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
FEW = ["--target-iter", "12", "--batch-size", "2", "--measure-minutes", "0"]
STEPS = ["extract", "sort", "train", "convert", "evaluate", "verify"]


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_format_is_valid_and_each_cell_has_a_name(notebook):
    nbformat.validate(notebook)
    names = [cell.id for cell in notebook.cells]
    assert len(set(names)) == len(names)


def test_nothing_that_was_run_is_kept(notebook):
    assert [cell.id for cell in code_cells(notebook) if cell.outputs or cell.execution_count] == []


def test_commands_come_in_the_order_of_the_work(notebook):
    words = [
        node.value
        for cell in code_cells(notebook)
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Constant) and node.value in STEPS
    ]
    assert list(dict.fromkeys(words)) == STEPS


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the notebook's kernel, not ours
def test_runs_from_drawn_clips_to_a_result(notebook, tmp_path):
    import nbclient

    checkout = tmp_path / "checkout"
    copy_checkout(checkout)
    (checkout / ".venv").symlink_to(sys.prefix)
    [settings] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    workspace = tmp_path / "workspace"
    settings.source += f"\nWORKSPACE, MINUTES, TRAIN_FLAGS = {str(workspace)!r}, 0, {FEW!r}"
    nbclient.NotebookClient(
        notebook, timeout=1200, resources={"metadata": {"path": str(checkout / "docs")}}
    ).execute()
    assert images_shown(notebook) == {"sort": "image/jpeg", "train": "image/png"}
    with av.open(str(workspace / "result.mp4")) as result:
        assert result.streams.video[0].frames == 80
    assert "1 file, 1 marked, unchanged and signed here" in text_of(notebook, "measure")


def copy_checkout(target):
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listing.stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    weights = Path(os.environ.get("FACESWAP_WEIGHTS", ROOT / "weights"))
    (target / "weights").symlink_to(weights.resolve())


def images_shown(notebook):
    return {
        cell.id: kind
        for cell in code_cells(notebook)
        for output in cell.outputs
        for kind in output.get("data", ())
        if kind.startswith("image/")
    }


def text_of(notebook, name):
    [cell] = [cell for cell in notebook.cells if cell.id == name]
    return "".join(output.get("text", "") for output in cell.outputs)
