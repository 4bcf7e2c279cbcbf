"""Steps that recover from faults: losses that are not finite, collapse, too little memory."""

from collections import deque

import numpy as np

from models.backend import tf
from models.base import Batch, ModelBase
from trainer.data.loader import BatchLoader
from trainer.progress import ProgressLine
from trainer.session import TrainingSession
from utils import console
from utils.errors import UserError
from utils.images import to_float

RECENT = 50  # iterations whose loss must stay high
BASELINE = 500  # iterations before them, for comparison
MIN_BASELINE = 100  # ... of which so many must exist
JUMP = 2.0
CHECK_EVERY = 100  # iterations between two checks of the predictions
CHECKED_FACES = 4  # of each side: far less work and memory than a step
MIN_SLOPE = 1e-4  # of y (1 - y), the slope of a sigmoid; 0.15 to 0.25 for images of faces
OUT_OF_MEMORY = ("out of memory", "out_of_memory", "failed to allocate", "oom when")


class CollapseDetector:
    """Notices a loss that has doubled and stays high; single spikes are ignored."""

    def __init__(self) -> None:
        self._losses: deque[float] = deque(maxlen=BASELINE + RECENT)

    def collapsed(self, loss: float) -> bool:
        """Add the loss of one more iteration and tell whether training has collapsed."""
        self._losses.append(loss)
        if len(self._losses) < MIN_BASELINE + RECENT or loss < JUMP * self._losses[-RECENT - 1]:
            return False  # nearly always, without sorting anything
        losses = np.array(self._losses)
        return bool(np.quantile(losses[-RECENT:], 0.25) > JUMP * np.median(losses[:-RECENT]))

    def reset(self) -> None:
        """Forget all losses: those that follow are not comparable."""
        self._losses.clear()


class StepRunner:
    """Runs the steps of a session and recovers from those that go wrong."""

    def __init__(self, session: TrainingSession, loader: BatchLoader, line: ProgressLine) -> None:
        self._session, self._loader, self._line = session, loader, line
        self._detector = CollapseDetector()

    def step(self) -> bool:
        """Do one step; False when it went wrong and the session has recovered.

        Raises
        ------
        UserError
            When it cannot recover.
        """
        session = self._session
        swapped = session.sides_swapped
        try:
            src, dst = self._loader.next()
            result = session.train(src, dst)
        except (MemoryError, tf.errors.OpError) as problem:
            if not is_out_of_memory(problem):
                raise
            self._halve_batch()
            return False
        iteration = session.iteration
        if not result.finite:
            self._roll_back(f"the loss of iteration {iteration + 1} is not a number", iteration)
            return False
        if self._detector.collapsed(sum(result.losses.values())):
            reason = f"the loss has more than doubled around iteration {iteration - RECENT}"
            # generations saved since then may be affected
            self._roll_back(f"{reason} and stays high", iteration - 2 * RECENT)
            return False
        if iteration % CHECK_EVERY == 0 and is_saturated(session.model, src, dst):
            reason = f"the predictions of iteration {iteration} are entirely black or white"
            # they were not at the previous check
            self._roll_back(reason, iteration - CHECK_EVERY)
            return False
        if session.sides_swapped != swapped:
            self._detector.reset()
            self._line.say("src and dst are no longer swapped")
        return True

    def _roll_back(self, reason: str, healthy: int) -> None:
        self._line.say(reason)
        self._session.roll_back(healthy)
        self._detector.reset()
        self._line.restart()
        self._line.say(f"went back to iteration {self._session.iteration}")

    def _halve_batch(self) -> None:
        size = self._session.batch_size
        if size == 1:
            raise UserError(
                "there is not enough memory for a batch of one face of each side; close other "
                "programs, or train a smaller model (--lightweight, a lower resolution) in another "
                "--model-dir"
            )
        self._session.set_batch_size(size // 2)
        self._loader.resize(size // 2)
        self._line.restart()
        console.warn(f"not enough memory for a batch size of {size}; continuing with {size // 2}")


def is_saturated(model: ModelBase, src: Batch, dst: Batch) -> bool:
    """Tell whether a decoder's output is black or white in every pixel.

    No gradient passes a sigmoid whose output y is 0 or 1: its slope is y (1 - y). So the network
    never recovers, at a loss that need not be much higher than before.
    """
    inputs = (to_float(batch.warped[:CHECKED_FACES]) for batch in (src, dst))
    images = (np.clip(prediction.image, 0, 1) for prediction in model.reconstruct(*inputs))
    return any(float(np.mean(image * (1 - image))) < MIN_SLOPE for image in images)


def is_out_of_memory(problem: BaseException) -> bool:
    """Tell whether an error means that memory ran out; for cuDNN and XLA only its text tells."""
    if isinstance(problem, (MemoryError, tf.errors.ResourceExhaustedError)):
        return True
    return any(phrase in str(problem).lower() for phrase in OUT_OF_MEMORY)
