"""Steps that survive what goes wrong: losses that are no number, collapse, too little memory."""

from collections import deque
from typing import Any

import numpy as np

from models.backend import tf
from models.base import Batch, ModelBase
from trainer.data.loader import BatchLoader
from trainer.progress import Progress
from trainer.session import TrainingSession
from utils import console
from utils.errors import UserError
from utils.images import to_float

RECENT = 50  # iterations that must stay high
BEFORE = 500  # iterations they are compared with
FEWEST = 100  # ... of which so many must be there
JUMP = 2.0
LOOK_EVERY = 100  # iterations between two looks at the pictures
LOOKED_AT = 4  # faces of each side: far less work and memory than a step
ALIVE = 1e-4  # of y (1 - y), the slope of a sigmoid; 0.15 to 0.25 in pictures of faces
PHRASES = ("out of memory", "out_of_memory", "failed to allocate", "oom when")


class CollapseWatch:
    """Notices that the loss has jumped and stays: it was twice as low before, and not only once."""

    def __init__(self) -> None:
        self._losses: deque[float] = deque(maxlen=BEFORE + RECENT)

    def collapsed(self, loss: float) -> bool:
        """Take the loss of one more iteration and say whether training has collapsed."""
        self._losses.append(loss)
        if len(self._losses) < FEWEST + RECENT or loss < JUMP * self._losses[-RECENT - 1]:
            return False  # nearly always: no need to sort anything
        losses = np.array(self._losses)
        return bool(np.quantile(losses[-RECENT:], 0.25) > JUMP * np.median(losses[:-RECENT]))

    def forget(self) -> None:
        """Begin anew: what comes cannot be compared with what was."""
        self._losses.clear()


class StepGuard:
    """Does the steps of a session."""

    def __init__(self, session: TrainingSession, feed: BatchLoader, progress: Progress) -> None:
        self._session, self._feed, self._progress = session, feed, progress
        self._watch = CollapseWatch()

    def step(self) -> bool:
        """Do one step; False when it went wrong and was put right.

        Raises
        ------
        UserError
            When it cannot be put right.
        """
        session = self._session
        exchanged = session.exchanged
        try:
            src, dst = self._feed.next()
            result = session.train(src, dst)
        except (MemoryError, tf.errors.OpError) as problem:
            if not is_memory(problem):
                raise
            self._halve()
            return False
        if not result.finite:
            reason = f"the loss of iteration {session.iteration + 1} is not a number"
            self._roll_back(reason, session.iteration)
            return False
        if self._watch.collapsed(sum(result.losses.values())):
            reason = f"the loss has more than doubled around iteration {session.iteration - RECENT}"
            # what was saved since may be spoiled already
            self._roll_back(f"{reason} and stays", session.iteration - 2 * RECENT)
            return False
        if session.iteration % LOOK_EVERY == 0 and dead(session.model, src, dst):
            reason = f"the pictures of iteration {session.iteration} are black or white throughout"
            # at the look before they were not
            self._roll_back(
                f"{reason}, from which nothing is learned", session.iteration - LOOK_EVERY
            )
            return False
        if session.exchanged != exchanged:
            self._watch.forget()
            self._progress.say("src and dst are back in their places")
        return True

    def _roll_back(self, reason: str, healthy: int) -> None:
        self._progress.say(reason)
        self._session.roll_back(healthy)
        self._watch.forget()
        self._progress.restart()
        self._progress.say(f"went back to iteration {self._session.iteration}")

    def _halve(self) -> None:
        size = self._session.batch_size
        if size == 1:
            raise UserError(
                "there is not enough memory for a batch of one face of each side; close other "
                "programs, or make a smaller model (--lightweight, a lower resolution) in another "
                "--model-dir"
            )
        self._session.set_batch_size(size // 2)
        self._feed.resize(size // 2)
        self._progress.restart()
        console.warn(f"not enough memory for batches of {size}: from now on they are {size // 2}")


def dead(model: ModelBase, src: Batch, dst: Batch) -> bool:
    """Tell whether what a side's decoder makes is black or white in every pixel.

    No gradient passes a sigmoid whose output y is 0 or 1: its slope is y (1 - y). So the network
    stays as it is for ever, at a loss that need not be much higher than before.
    """
    made = model.reconstruct(*(to_float(batch.warped[:LOOKED_AT]) for batch in (src, dst)))
    pictures = (np.clip(faces.image, 0, 1) for faces in made)
    return any(float(np.mean(picture * (1 - picture))) < ALIVE for picture in pictures)


def is_memory(problem: Any) -> bool:  # noqa: ANN401 - an exception
    """Tell whether an error means that memory ran out; cuDNN and XLA only say so in words."""
    if isinstance(problem, (MemoryError, tf.errors.ResourceExhaustedError)):
        return True
    return any(phrase in str(problem).lower() for phrase in PHRASES)
