"""How far a swap moves the mouth and the lids: the numbers of the expression head, turned up.

A young model's head reads dst's face almost exactly, but src's decoder follows it only part of the
way: after 25 minutes Quick96's mouth makes 0.7 of dst's movement. Numbers that are spread about
their middle make up for that.
"""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

import numpy as np

from facelib.types import EXPRESSION
from facelib.validation_log import ValidationLog
from models.base import ModelBase
from models.blocks import LOUD, LOUDNESS

PARTS = {"mouth": ("lips", "mouth width"), "eye": ("right lids", "left lids")}
MIDDLE = 0.5  # stays as it is: half open
MOST = 1.5  # more leaves the range that the decoders have learned, and costs likeness
SHARE = 3 / 4  # of a change of the numbers arrives in the image; the rest the code decides


def choose(gain: float, model_dir: Path, iteration: int) -> dict[str, float]:
    """Return the gain of mouth and lids.

    Parameters
    ----------
    gain : float
        1 as the model does; 0 for what makes up for that which each part lacked when the training
        last measured it: 1 to `MOST`, and 1 if it never did.
    iteration : int
        Of the model; later measurements are of one that was given up.

    Returns
    -------
    gains : dict of str to float
        The keys are those of `PARTS`.
    """
    if gain:
        return dict.fromkeys(PARTS, gain)
    rows = ValidationLog.of(model_dir).until(iteration)
    return {part: _making_up([row[f"{part}_gain"] for row in rows]) for part in PARTS}


def _making_up(movements: list[float]) -> float:
    known = [movement for movement in movements if isfinite(movement)]
    if not known or known[-1] <= 0:
        return 1.0
    return float(np.clip(1 + (1 / known[-1] - 1) / SHARE, 1, MOST))


def turn_up(model: ModelBase, gains: Mapping[str, float]) -> None:
    """Spread what the decoders are told of each part by a gain; a model without a head is left."""
    scale = np.ones(len(EXPRESSION), np.float32)
    for part, gain in gains.items():
        scale[[EXPRESSION.index(name) for name in PARTS[part]]] = gain
    for network in model.networks.values():
        for layer in network.layers:
            if layer.name.endswith(LOUD):
                layer.scale = LOUDNESS * scale
                layer.offset = LOUDNESS * MIDDLE * (1 - scale)
