"""Whether a model is alive: only such a state is saved, and only to such a one training returns."""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from models.base import Batch, ModelBase, Prediction, is_adversarial
from models.engine import engine

RECENT = 50  # iterations whose loss must stay high
BASELINE = 500  # iterations before them, for comparison
MIN_BASELINE = 100  # ... of which so many must exist
JUMP = 2.0
CHECK_EVERY = 100  # iterations between two checks of the predictions
CHECKED_FACES = 4  # of each side: far less work and memory than a step
CHECKED_BATCHES = 3  # whose losses must all have doubled: one may hold a damaged face
MIN_SLOPE = 1e-4  # of y (1 - y), the slope of a sigmoid; 0.15 to 0.25 for images of faces
MASK_ERROR = 0.1  # mean difference from the target of a mask that is wrong


class CollapseDetector:
    """Notices a loss that has doubled and stays high; single spikes are ignored."""

    def __init__(self) -> None:
        self._losses: deque[float] = deque(maxlen=BASELINE + RECENT)

    def collapsed(self, loss: float) -> bool:
        """Add the loss of one more iteration and tell whether training has collapsed."""
        self._losses.append(loss)
        if not self.knows_usual or loss < JUMP * self._losses[-RECENT - 1]:
            return False  # nearly always, without sorting anything
        recent = np.array(self._losses)[-RECENT:]
        return bool(np.quantile(recent, 0.25) > JUMP * self._usual())

    def doubled(self, loss: float) -> bool:
        """Tell whether a loss is more than twice what is usual, or not a number."""
        return self.knows_usual and not loss <= JUMP * self._usual()

    @property
    def knows_usual(self) -> bool:
        """Whether there are enough losses to compare with."""
        return len(self._losses) >= MIN_BASELINE + RECENT

    def reset(self) -> None:
        """Forget all losses: those that follow are not comparable."""
        self._losses.clear()

    def _usual(self) -> float:
        return float(np.median(np.array(self._losses)[:-RECENT]))


class Problem(NamedTuple):
    """Why a state of a model must not be saved.

    Attributes
    ----------
    reason : str
        What is wrong with it: "the predictions are entirely black or white".
    certain : bool
        Whether it is over; a loss that has doubled may be a passing spike.
    """

    reason: str
    certain: bool


class HealthGuard:
    """Watches the losses of a training and looks at the predictions of its model."""

    def __init__(self) -> None:
        self._detector = CollapseDetector()
        self._batches: deque[tuple[Batch, Batch]] = deque(maxlen=CHECKED_BATCHES)
        self._loss = 0.0

    def collapsed(self, losses: Mapping[str, float], src: Batch, dst: Batch) -> bool:
        """Add a step, its losses and its batches; tell whether the training has collapsed."""
        self._batches.append((src, dst))
        self._loss = measured(losses)
        return self._detector.collapsed(self._loss)

    def spike(self) -> bool:
        """Whether the loss of the last step was more than twice what is usual."""
        return self._detector.doubled(self._loss)

    def reset(self) -> None:
        """Forget all losses: those that follow are not comparable."""
        self._detector.reset()

    def death(self, model: ModelBase) -> Problem | None:
        """Return why a model can no longer learn, None if it can or if no step was done yet."""
        if not self._batches:
            return None
        variables = [v for net in model.trained.values() for v in net.trainable_variables]
        if not engine().all_finite(variables):
            return Problem("weights are not numbers", certain=True)  # a ReLU may hide that
        if what := saturated(model, *map(_few, self._batches[-1])):
            return Problem(f"the {what} are entirely black or white", certain=True)
        return None

    def problem(self, model: ModelBase) -> Problem | None:
        """Return why a model must not be saved, None if it may."""
        if (problem := self.death(model)) is not None:
            return problem
        if not (self._batches and self._detector.knows_usual):
            return None
        losses = (_loss(model, *map(_few, batches)) for batches in reversed(self._batches))
        if all(map(self._detector.doubled, losses)):
            return Problem("the loss has more than doubled", certain=False)
        return None


def saturated(model: ModelBase, src: Batch, dst: Batch) -> str:
    """Name a decoder's output that is black or white in every pixel: "predictions" or "masks".

    No gradient passes a sigmoid whose output y is 0 or 1: its slope is y (1 - y). So the network
    never recovers, at a loss that need not be much higher than before. A mask may be like that when
    it is right: where the face fills the image.

    Returns
    -------
    what : str
        Empty when nothing is.
    """
    predictions = engine().evaluate(
        lambda *sides: model.reconstruct(*(side.warped for side in sides)), src, dst
    )
    if any(_slope(prediction.image) < MIN_SLOPE for prediction in predictions):
        return "predictions"
    wrong = map(_wrong_mask, predictions, (src, dst))
    return "masks" if any(wrong) else ""


def _wrong_mask(prediction: Prediction, batch: Batch) -> bool:
    if prediction.mask is None or _slope(prediction.mask) >= MIN_SLOPE:
        return False
    target = np.float32(batch.mask) / 255
    return float(np.abs(prediction.mask - target).mean()) > MASK_ERROR


def _slope(output: np.ndarray) -> float:
    """Return the mean slope of the sigmoids that gave an output."""
    values = np.clip(output, 0, 1)
    return float(np.mean(values * (1 - values)))


def _few(batch: Batch) -> Batch:
    """Return the first faces of a batch."""
    return batch.map(lambda array: array[:CHECKED_FACES])


def measured(losses: Mapping[str, float]) -> float:
    """Return the sum of the losses that tell how far predictions are from what they should be."""
    return sum(float(loss) for name, loss in losses.items() if not is_adversarial(name, losses))


def _loss(model: ModelBase, src: Batch, dst: Batch) -> float:
    return measured(engine().evaluate(model.losses, src, dst))
