"""Trains models for a few steps in one engine, in a process of its own, for another to compare.

    KERAS_BACKEND=torch python -m support.engine_run JOBS.json FOUND.npz

Weights and samples are drawn by NumPy, what models draw at random is not random, so every engine
computes the same.
"""

import functools
import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from support.small_models import small_class

from facelib.expression import NAMES
from models.base import Batch
from models.engine import engine
from utils import lazy

IN_FLOAT32 = ("Activation", "Concatenate", "Conv2D", "Dense", "Permute", "Reshape")
"""Layers that are float32 in some models whatever the rest is."""


def run(jobs):
    """Return what some jobs find, by the name of the job and of the array.

    A job has a model's name and options, and perhaps "optimizer" (or plain gradient descent),
    "rate", "steps", "float64", "accelerated" and "update".
    """
    found = {}
    for name, job in jobs.items():
        with pytest.MonkeyPatch.context() as patch:
            found |= {f"{name}/{key}": array for key, array in _train(job, patch).items()}
        keras.backend.clear_session()
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
    return found


def _train(job, patch):
    _without_chance(patch)
    if job.get("float64"):
        _in_float64(patch)
    cls = small_class(job["model"], patch)
    model = cls(cls.Options(**job.get("options", {})))
    model.add_critics()
    networks = model.trained.values()
    _draw_weights(networks)
    if job.get("accelerated"):
        engine().accelerate(networks)
    elif engine().name == "torch":  # Keras's own fail in float64: "grad_weight must be contiguous"
        lazy.load("models.engine.torch.fast_convolution").accelerate(networks, on_cpu=False)
    rate = job.get("rate", 1e-3)
    if plain := "optimizer" not in job:
        patch.setattr(engine().Step, "optimizer_class", _plain_descent(rate))
    before = [network.get_weights() for network in networks]
    step = engine().Step(model, rate)
    losses, gradients = [], {}
    for number in range(job.get("steps", 1)):
        result = step(*(_samples(model.resolution, (number, side)) for side in (0, 1)))
        assert result.finite
        losses.append(list(result.losses.values()))
        if plain and not number:
            moments = [m for each in step.optimizers for m, _ in each.moments]
            gradients = {f"gradient/{n}": m.numpy() for n, m in enumerate(moments)}
    changes = {
        f"change/{network.name}/{number}": new - old
        for network, weights in zip(networks, before, strict=True)
        for number, (new, old) in enumerate(zip(network.get_weights(), weights, strict=True))
    }
    return {"losses": np.array(losses), **gradients, **changes}


def _without_chance(patch):
    def spread(shape, *args, **kwargs):
        values = np.modf(np.arange(np.prod(shape)) * 0.618)[0]
        return keras.ops.convert_to_tensor(values.reshape(shape).astype(np.float32))

    patch.setattr(keras.random, "uniform", spread)


def _in_float64(patch):
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float64")
    for name in IN_FLOAT32:
        layer = getattr(keras.layers, name)
        wider = type(name, (layer,), {"__init__": functools.partialmethod(_wider, layer)})
        patch.setattr(keras.layers, name, wider)
    module = sys.modules[engine().Step.__module__]
    patch.setattr(
        module, "as_float", lambda batch: batch.map(lambda t: keras.ops.cast(t, "float64") / 255)
    )


def _wider(self, layer, *args, dtype=None, **kwargs):
    layer.__init__(self, *args, dtype="float64", **kwargs)


def _plain_descent(rate):
    class Descent(engine().Step.optimizer_class):
        """w -= rate * gradient; the first moments are the gradients."""

        def apply(self, gradients, *more):
            for weight, (kept, _), gradient in zip(
                self.variables, self.moments, gradients, strict=True
            ):
                kept.assign(gradient)
                weight.assign(weight.value - rate * gradient)

    return Descent


def _draw_weights(networks):
    rng = np.random.default_rng(1)
    for network in networks:
        for variable in network.trainable_variables:
            inputs = np.prod(variable.shape[:-1]) if len(variable.shape) > 1 else 100
            variable.assign(rng.standard_normal(variable.shape) * np.sqrt(1.5 / inputs))


@functools.cache
def _samples(side, seed, count=2):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, side // 8, side // 8, 3))
    faces = np.repeat(np.repeat(coarse, 8, 1), 8, 2) + rng.integers(-20, 20, (count, side, side, 3))
    faces = np.clip(faces, 0, 255).astype(np.uint8)
    mask = np.zeros((count, side, side, 1), np.uint8)
    mask[:, side // 8 : -side // 8, side // 8 : -side // 8] = 255
    numbers = rng.integers(0, 256, (count, len(NAMES)), np.uint8)
    return Batch(np.roll(faces, 1, 1), faces, mask, np.full_like(mask, 255), mask, numbers)


if __name__ == "__main__":
    np.savez(sys.argv[2], **run(json.loads(Path(sys.argv[1]).read_text())))
