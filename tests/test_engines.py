"""PyTorch computes what TensorFlow computes: every model, in every way that it can be trained."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support import engine_run

from models import MODELS

pytestmark = pytest.mark.skipif(
    find_spec("torch") is None or os.environ.get("KERAS_BACKEND") == "torch",
    reason="PyTorch is not installed beside TensorFlow: pip install -r requirements-torch.txt",
)

SMALL = {
    "SAE": {"resolution": 64, "ae_dims": 32, "ed_ch_dims": 10, "lighter_encoder": True},
    "SAEHD": {"resolution": 64, "ae_dims": 32, "e_dims": 16, "d_dims": 16, "d_mask_dims": 16},
    "AMP": {"resolution": 64, "ae_dims": 32, "inter_dims": 64, "e_dims": 16, "d_dims": 16},
}
VARIANTS = {
    "SAE liae": ("SAE", {"archi": "liae", "multiscale_decoder": True, "face_style_power": 10.0}),
    "SAEHD gan": ("SAEHD", {"archi": "df", "gan_power": 0.1, "true_face_power": 0.01}),
    "SAEHD liae-udt": ("SAEHD", {"archi": "liae-udt", "bg_style_power": 10.0}),
    "AMP gan": ("AMP", {"gan_power": 0.1}),
    "H64 recipe": ("H64", {"eyes_mouth_priority": 3.0}),
}
RATES = {"SAE": 1e-5, "SAEHD": 1e-3, "AMP": 1e-3}
"""With which plain gradient descent is stable; 1e-2 for the others."""


def jobs(**how):
    """A job for each model and variant."""
    models = {name: (name, {}) for name in MODELS.names} | VARIANTS
    return {
        name: {"model": model, "options": SMALL.get(model, {}) | options, **how}
        for name, (model, options) in models.items()
    }


def both(jobs, folder):
    """What TensorFlow finds, here, and PyTorch, in a process of its own."""
    given, found = folder / "jobs.json", folder / "found.npz"
    given.write_text(json.dumps(jobs))
    house = Path(__file__).resolve().parent.parent
    paths = os.pathsep.join([str(house), str(house / "tests")])
    with subprocess.Popen(
        [sys.executable, "-m", "support.engine_run", str(given), str(found)],
        env=os.environ | {"KERAS_BACKEND": "torch", "PYTHONPATH": paths},
        cwd=house,
    ) as other:
        ours = engine_run.run(jobs)
    assert other.returncode == 0
    with np.load(found) as theirs:
        assert set(ours) == set(theirs)
        return {name: (array, theirs[name]) for name, array in ours.items()}


def apart(pair):
    """How far two arrays are apart, beside the norm of the first."""
    ours, theirs = pair
    return np.linalg.norm(theirs - ours) / max(np.linalg.norm(ours), 1e-30)


def worst(found, kind):
    """The largest distance of arrays of a kind, and where it is."""
    return max((apart(pair), name) for name, pair in found.items() if f"/{kind}" in name)


def test_the_first_step_of_every_model(tmp_path):
    """Losses within 1e-5, each gradient tensor within 1e-4 of its norm."""
    found = both(jobs(), tmp_path)
    for name, (ours, theirs) in found.items():
        if name.endswith("/losses"):
            np.testing.assert_allclose(theirs, ours, rtol=1e-5, err_msg=name)
    assert worst(found, "gradient") < (1e-4, "")
