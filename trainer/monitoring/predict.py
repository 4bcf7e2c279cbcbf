"""Predictions while training: a few faces at a time, always as many, so that one graph serves."""

from typing import Any, NamedTuple

import numpy as np

from models.backend import tf
from models.base import ModelBase, Prediction

CHUNK = 4  # faces of each side at once: far less work than a training step


class Predicted(NamedTuple):
    """What the model makes of some src and some dst faces, as float32 arrays of 0..1."""

    src: Prediction
    dst: Prediction
    swap: Prediction


class FacePredictor:
    """Puts faces through a model as it is now."""

    def __init__(self, model: ModelBase) -> None:
        self.model = model
        self._graph = tf.function(self._predict)

    def __call__(self, src: np.ndarray, dst: np.ndarray) -> Predicted:
        """Predict n <= CHUNK faces of each side, (n, R, R, 3) float32 0..1."""
        made = self._graph(*(tf.constant(_filled(faces)) for faces in (src, dst)))
        return Predicted(*(_arrays(faces, len(dst)) for faces in made))

    def _predict(self, src: Any, dst: Any) -> Predicted:  # noqa: ANN401 - tensors
        return Predicted(*self.model.reconstruct(src, dst), self.model.swap(dst))


def _filled(faces: np.ndarray) -> np.ndarray:
    """Repeat faces up to CHUNK: a graph of another size would be compiled anew."""
    return faces[np.arange(CHUNK) % len(faces)]


def _arrays(faces: Prediction, count: int) -> Prediction:
    image, mask = (None if part is None else np.asarray(part, np.float32)[:count] for part in faces)
    return Prediction(image, mask)
