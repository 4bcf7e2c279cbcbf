"""Samples for steps that are only measured."""

import numpy as np

from facelib.expression import NAMES
from models.base import Batch


def samples(batch_size: int, side: int) -> Batch:
    """Return one side's uint8 samples."""
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (batch_size, side, side, 3), np.uint8)
    mask = np.zeros((batch_size, side, side, 1), np.uint8)
    mask[:, side // 8 : -side // 8, side // 8 : -side // 8] = 255
    expression = rng.integers(0, 256, (batch_size, len(NAMES)), np.uint8)
    return Batch(np.roll(faces, 1, 1), faces, mask, np.full_like(mask, 255), mask, expression)
