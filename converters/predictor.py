"""Prediction of src faces from aligned dst faces: a saved model behind a plain function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from facelib.types import FaceType
from models import checkpoint, expression_gain
from models.backend import keras
from models.base import ModelBase
from models.engine import engine
from utils import console
from utils.errors import UserError


@dataclass(frozen=True, eq=False)
class Predictor:
    """A face swapper.

    Attributes
    ----------
    swap : callable
        (N, R, R, 3) float32 0..1 -> (N, R, R, 3) faces and (N, R, R, 1) masks or None, float32. If
        it morphs, a second argument is the factor for all of them.
    resolution : int
        The side R of the faces, in pixels.
    face_type : FaceType
        How much of the head is in its input and output.
    base_erode, base_blur : int
        The mask settings that suit it, in percent.
    name : str
        Model and iteration, for messages and to tell runs apart.
    has_mask : bool
        Whether it predicts masks.
    morphs : bool
        Whether a morph factor decides how much of the face is src's.
    """

    swap: Callable[..., tuple[np.ndarray, np.ndarray | None]]
    resolution: int
    face_type: FaceType
    base_erode: int = 0
    base_blur: int = 0
    name: str = "unnamed"
    has_mask: bool = True
    morphs: bool = False

    def __call__(
        self, crops: Sequence[np.ndarray], batch_size: int, factors: Sequence[float] = ()
    ) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """Return a predicted face and mask, 0..1, for each of some (R, R, 3) float32 faces.

        Parameters
        ----------
        factors : sequence of float
            The morph factor of each; 1 without any, and of no effect unless the model morphs.
        """
        swapped: list[tuple[np.ndarray, np.ndarray | None]] = []
        factors = factors if self.morphs and factors else [1.0] * len(crops)
        for factor, pairs in groupby(zip(factors, crops, strict=True), itemgetter(0)):
            alike = [crop for _, crop in pairs]
            more = (factor,) if self.morphs else ()
            for start in range(0, len(alike), batch_size):
                faces, masks = self.swap(np.stack(alike[start : start + batch_size]), *more)
                clipped = [None] * len(faces) if masks is None else np.clip(masks, 0, 1)
                swapped += zip(np.clip(faces, 0, 1), clipped, strict=True)
        return swapped


def load(model_dir: Path, name: str | None = None, gain: float = 1.0) -> Predictor:
    """Load the newest model of a folder.

    Parameters
    ----------
    name : str or None
        The model that it must hold.
    gain : float
        How far mouth and lids move, as in `models.expression_gain.choose`; without an expression
        head it has no effect.

    Raises
    ------
    ModelError
        If the folder holds no model, only damaged ones, or another model than `name`.
    """
    engine().tune()
    console.announce("loading the model")
    generation = checkpoint.trained_generation(model_dir, name)
    model = checkpoint.model_of(generation)
    title = f"{type(model).__name__} at iteration {generation.iteration}"
    if model.options.expression_head:
        gains = expression_gain.choose(gain, model_dir, generation.iteration)
        expression_gain.turn_up(model, gains)
        title += f", mouth x {gains['mouth']:.2f}, lids x {gains['eye']:.2f}"
    return of_model(model, title)


def of_model(model: ModelBase, name: str) -> Predictor:
    """Return the predictor of a model whose weights are final."""
    side = model.resolution
    has_mask = model.swap(keras.Input((side, side, 3))).mask is not None
    engine().accelerate_prediction(model.networks.values())
    factor: list[tuple[int, ...]] = [()] if model.morphs else []
    predict = engine().predictor(
        lambda *given: tuple(model.swap(*given)), (None, side, side, 3), *factor
    )

    def swap(crops: np.ndarray, *factor: float) -> tuple[np.ndarray, np.ndarray | None]:
        try:
            face, mask = predict(crops, *map(np.float32, factor))
        except engine().errors as problem:
            if not engine().is_out_of_memory(problem):
                raise
            raise UserError(
                f"the device has too little memory for {len(crops)} faces at once; "
                "use a smaller --batch-size, or --cpu-only"
            ) from None
        return face, mask

    return Predictor(
        swap,
        side,
        model.face_type,
        model.base_erode,
        model.base_blur,
        name,
        has_mask=has_mask,
        morphs=model.morphs,
    )
