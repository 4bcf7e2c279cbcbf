"""A machine with few packages trains, sorts and says what is there: no TensorFlow, dlib or PyAV.

Here these packages are hidden from a child process. `make test-lean` runs the same in an
environment that has never had them, whose Python LEAN_PYTHON names.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.synthetic import make_faceset

ROOT = Path(__file__).parent.parent
PYTHON = os.environ.get("LEAN_PYTHON", sys.executable)
ABSENT = (
    "tensorflow", "dlib", "av", "c2pa", "mtcnn", "tf2onnx", "onnx", "onnxscript", "tensorboardX",
    "ai_edge_litert", "cryptography", "platformdirs", "pi_heif", "starlette", "uvicorn",
    "websockets", "ray",
)  # fmt: skip
HIDE = f"""
import sys
class Hiding:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        hidden = name.split(".")[0] in {ABSENT!r}
        return None if hidden else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = map(Hiding, sys.meta_path)
import main
"""
torch = pytest.mark.skipif(
    "LEAN_PYTHON" not in os.environ and find_spec("torch") is None,
    reason="PyTorch is not installed",
)


def program(code, *words):
    """Run code in a Python that lacks most packages; returns what it wrote."""
    done = subprocess.run(
        [PYTHON, "-c", HIDE + code, *map(str, words)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"},
    )  # fmt: skip
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


MANY = """
import contextlib, importlib, io, json
from pathlib import Path
said = {}
def run(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main.main([*words])
        except SystemExit as end:
            status = end.code
    said[" ".join(words[:3] if "--help" in words else words[:2])] = [
        status, out.getvalue() + err.getvalue()
    ]
for stage in main.STAGES:
    run(*stage.split(), "--help")
for module in ("trainer.train", "trainer.swap_task", "trainer.mask_task", "trainer.pretrain_task",
               "tools.mask.apply", "tools.util.export", "tools.util.pack", "tools.util.masks"):
    importlib.import_module(module)
home, faces = sys.argv[1:]
run("status", "--workspace", home)
run("sort", "--input-dir", faces, "--by", "hist", "--no-ask")
run("verify", faces)
print(json.dumps(said))
"""


def test_every_help_and_what_needs_few_packages(tmp_path):
    make_faceset(tmp_path / "faces", 3)
    said = json.loads(program(MANY, tmp_path, tmp_path / "faces").splitlines()[-1])
    status, text = said.pop(f"verify {tmp_path / 'faces'}")
    assert status == 1
    assert "c2pa is not installed; run: pip install -r requirements-" in text
    assert {name: text for name, (status, text) in said.items() if status} == {}
    assert "3 faces sorted" in said["sort --input-dir"][1]


@pytest.mark.slow
@torch
def test_a_training_needs_pytorch_and_no_other_engine(tmp_path):
    for side in ("src", "dst"):
        make_faceset(tmp_path / side, 4)
    train = (
        "status = main.main(['train', *sys.argv[1:]]);"
        "print(sorted({'torch', 'keras', 'tensorflow', 'av'} & set(sys.modules))); sys.exit(status)"
    )
    words = [
        "--training-data-src-dir", tmp_path / "src", "--training-data-dst-dir", tmp_path / "dst",
        "--model-dir", tmp_path / "model", "--model", "Quick96", "--batch-size", 2, "--no-ask",
        "--no-preview", "--target-iter", 2,
    ]  # fmt: skip
    said = program(train, *words)
    assert "PyTorch" in said
    assert "['keras', 'torch']" in said
    assert (tmp_path / "model" / "generations" / "000000002").is_dir()
