"""`util export` without TensorFlow: PyTorch's files do what the model does."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.util import onnx_file
from utils import engines, requirements
from utils.errors import UserError

ROOT = Path(__file__).parent.parent
PROGRAM = """
import sys
import numpy as np
import onnxruntime
from support.small_models import small_class
from support.training import save_model
from pytest import MonkeyPatch
from models import checkpoint
from models.engine import engine
from tools.util import dfm, export
from tools.util.options import ExportOptions
from pathlib import Path

def outputs(path, **inputs):
    session = onnxruntime.InferenceSession(path)
    names = [port.name for port in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs)))

def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, atol=2e-6)

folder, rng = Path(sys.argv[1]), np.random.default_rng(0)
for name, morph in (("Quick96", {}), ("SAEHD", {}), ("AMP", {"morph": np.float32([0.5])})):
    with MonkeyPatch.context() as patch:
        cls = small_class(name, patch)
        save_model(name, cls(cls.Options()), folder / name)
        for suffix in (".onnx", ".dfm"):
            export.run(ExportOptions(model_dir=folder / name, output=folder / (name + suffix)))
        assert "tensorflow" not in sys.modules
        model = checkpoint.model_of(checkpoint.trained_generation(folder / name))
    side = model.resolution
    faces = rng.random((3, side, side, 3), np.float32)
    factors = [value[0] for value in morph.values()]
    ours = engine().predictor(model.swap, faces.shape, *[()] * len(factors))(faces, *factors)
    found = outputs(folder / (name + ".onnx"), face=faces, **morph)
    close(ours[0], found["swapped"])
    close(ours[1], found["mask"])
    network = dfm.swap_network(model, dfm.CROPS["facefusion"])
    crops = rng.random((2, *network.inputs[0].shape[1:]), np.float32)
    given = {dfm.INPUT: crops} | {dfm.MORPH: value for value in morph.values()}
    found = outputs(folder / (name + ".dfm"), **given)
    assert tuple(found) == dfm.OUTPUTS, found.keys()
    assert found[dfm.OUTPUTS[1]].shape == crops.shape
    arrays = engine().predictor(
        lambda *values: network(list(values) if len(values) > 1 else values[0]), *[()] * len(given)
    )(*given.values())
    for mine, theirs in zip(arrays, found.values(), strict=True):
        close(mine, theirs)
    print("equal", name)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("torch") is None or find_spec("onnxscript") is None,
    reason="PyTorch or onnxscript is not installed",
)
def test_files_written_by_pytorch_do_what_the_model_does(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {
            "KERAS_BACKEND": "torch",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests"), *sys.path]),
        },
    )  # fmt: skip
    assert not done.returncode, done.stdout + done.stderr
    assert done.stdout.count("equal") == 3


@pytest.mark.parametrize(
    ("engine", "lacks", "file"),
    [
        ("tensorflow", "tf2onnx", "requirements-cpu"),
        ("torch", "onnxscript", "requirements-torch"),
        ("torch", "onnx", "requirements-cpu"),
    ],
)
def test_a_missing_package_is_named_at_the_start(monkeypatch, engine, lacks, file):
    monkeypatch.setattr(requirements, "is_installed", lambda name: name != lacks)
    monkeypatch.setenv(engines.VARIABLE, engine)
    with pytest.raises(UserError, match=rf"{lacks} is not installed; run: .*{file}.*as \.keras"):
        onnx_file.check(".dfm")
