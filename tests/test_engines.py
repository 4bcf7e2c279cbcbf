"""PyTorch computes what TensorFlow computes: every model, in every way that it can be trained."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support import engine_run
from support.training import make_people

from models import MODELS, checkpoint

HOUSE = Path(__file__).resolve().parent.parent
PROGRAM = HOUSE / "tests" / "support" / "toy_model.py"

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
QUICK = ("H64 recipe",)
WIDE = ("H64 recipe", "SAE")
"""Those that are compared over twenty steps in float64."""
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
    paths = os.pathsep.join([str(HOUSE), str(HOUSE / "tests")])
    with subprocess.Popen(
        [sys.executable, "-m", "support.engine_run", str(given), str(found)],
        env=os.environ
        | {"KERAS_BACKEND": "torch", "PYTHONPATH": paths, "OMP_WAIT_POLICY": "PASSIVE"},
        cwd=HOUSE,
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


def close_to(found, name, tolerance):
    ours, theirs = found[f"{name}/losses"]
    np.testing.assert_allclose(theirs, ours, rtol=tolerance, err_msg=name)


def test_the_first_step_is_the_same(tmp_path):
    """Losses within 1e-5, each gradient tensor within 1e-4 of its norm; by fast convolutions."""
    chosen = {name: jobs(accelerated=True)[name] for name in QUICK}
    found = both(chosen, tmp_path)
    for name in chosen:
        close_to(found, name, 1e-5)
    assert worst(found, "gradient") < (1e-4, "")


@pytest.mark.slow
@pytest.mark.parametrize("accelerated", [False, True])
def test_the_first_step_of_every_model_is_the_same(accelerated, tmp_path):
    chosen = jobs(accelerated=accelerated)
    found = both(chosen, tmp_path)
    for name in chosen:
        close_to(found, name, 1e-5)
    assert worst(found, "gradient") < (1e-3, "")


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"optimizer": "adam"}], ids=["descent", "adam"])
def test_twenty_steps_in_float64_move_weights_alike(how, tmp_path):
    """Rounding alone would move some weights another way: Adam divides by gradients' size."""
    chosen = {
        name: job for name, job in jobs(float64=True, steps=20, **how).items() if name in WIDE
    }
    for job in chosen.values():
        job["rate"] = RATES.get(job["model"], 1e-2) if not how else 1e-4
    found = both(chosen, tmp_path)
    for name in chosen:
        close_to(found, name, 1e-5)
    assert worst(found, "change") < (1e-3, "")


@pytest.mark.slow
def test_curves_of_adam_in_float32_stay_together(tmp_path):
    chosen = jobs(optimizer="adam", steps=20, rate=1e-4, accelerated=True)
    found = both(chosen, tmp_path)
    for name in chosen:
        close_to(found, name, 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--optimizer", "adabelief", "--average-weights", "0.9")])
def test_a_training_may_change_its_engine(more, tmp_path):
    """What one saved the other continues; curve and optimizer state are as if it had stayed."""
    make_people(tmp_path, 6)

    def train(engine, model_dir, target):
        subprocess.run(
            [
                sys.executable, str(PROGRAM), "train", "--model", "TOY", "--no-ask", "--no-preview",
                "--training-data-src-dir", str(tmp_path / "src"),
                "--training-data-dst-dir", str(tmp_path / "dst"),
                "--model-dir", str(model_dir), "--batch-size", "4", "--seed", "5",
                "--learning-rate", "0.001", "--target-iter", str(target), *more,
            ],
            env=os.environ | {"KERAS_BACKEND": engine, "PYTHONPATH": str(HOUSE)},
            check=True,
        )  # fmt: skip
        return checkpoint.load_newest(model_dir)

    for first, second in (("tensorflow", "torch"), ("torch", "tensorflow")):
        stays, changes = tmp_path / first / "stays", tmp_path / first / "changes"
        train(first, stays, 40)
        shutil.copytree(stays, changes)
        kept, changed = train(first, stays, 80), train(second, changes, 80)
        np.testing.assert_allclose(changed.history(), kept.history(), rtol=0.01)
        ours, theirs = kept.optimizer(), changed.optimizer()
        assert set(ours) == set(theirs)
        for name, array in ours.items():
            scale = np.abs(array).max()
            np.testing.assert_allclose(theirs[name], array, atol=0.02 * scale, err_msg=name)
