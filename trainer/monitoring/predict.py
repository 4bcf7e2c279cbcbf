"""Predictions during training: a few faces at a time, always as many, so that one graph serves."""

from typing import NamedTuple

import numpy as np

from models.backend import Tensor
from models.base import ModelBase, Prediction
from models.engine import engine

CHUNK = 4  # faces of each side at once: far less work than a training step
FACTORS = (0.25, 0.5, 0.75)
"""Morph factors that are shown between dst's own face and the whole swap."""


class Predicted(NamedTuple):
    """Predictions for some src and dst faces, as float32 arrays 0..1."""

    src: Prediction
    dst: Prediction
    swap: Prediction


class FacePredictor:
    """Runs faces through a model in its current state."""

    def __init__(self, model: ModelBase) -> None:
        self.model = model
        shape = (CHUNK, model.resolution, model.resolution, 3)
        self._compiled = engine().predictor(self._predict, shape, shape)
        self._compiled_morph = engine().predictor(self._morph, shape)

    def __call__(self, src: np.ndarray, dst: np.ndarray) -> Predicted:
        """Predict n <= CHUNK faces of each side, (n, R, R, 3) float32 0..1."""
        outputs = self._compiled(_padded(src), _padded(dst))
        return Predicted(*(_to_arrays(prediction, len(dst)) for prediction in outputs))

    def morphed(self, dst: np.ndarray) -> list[Prediction]:
        """Swap n <= CHUNK dst faces at each of FACTORS; empty for a model that does not morph."""
        if not self.model.morphs:
            return []
        outputs = self._compiled_morph(_padded(dst))
        return [_to_arrays(prediction, len(dst)) for prediction in outputs]

    def _predict(self, src: Tensor, dst: Tensor) -> Predicted:
        return Predicted(*self.model.reconstruct(src, dst), self.model.swap(dst))

    def _morph(self, dst: Tensor) -> list[Prediction]:
        return [self.model.swap(*[dst, factor]) for factor in FACTORS]


def _padded(faces: np.ndarray) -> np.ndarray:
    """Repeat faces up to CHUNK: another size would mean compiling another graph."""
    return faces[np.arange(CHUNK) % len(faces)]


def _to_arrays(prediction: Prediction, count: int) -> Prediction:
    image, mask = (
        None if part is None else np.asarray(part, np.float32)[:count] for part in prediction
    )
    return Prediction(image, mask)
