"""Rank 0 of a cluster: it tells the others before each step what is to be done."""

from collections.abc import Iterator
from contextlib import contextmanager

from trainer.cluster import state
from trainer.cluster.group import Group, StepFailed
from trainer.data.loader import BatchLoader
from trainer.session import TrainingSession
from utils.errors import UserError


class Leader:
    """Has the others follow a session.

    Parameters
    ----------
    loader : BatchLoader
        Makes this member's share of the batches.
    """

    def __init__(self, group: Group, loader: BatchLoader) -> None:
        self._group, self._loader = group, loader
        self._restored = -1

    @contextmanager
    def step(self, session: TrainingSession, rate: float) -> Iterator[None]:
        """Do a step with all others.

        Raises
        ------
        MemoryError
            If the batch is too large for one of them.
        UserError
            If one has failed, has left or is lost.
        """
        if self._restored < 0:
            for peer in self._group.peers:  # who builds a network reads nothing meanwhile
                peer.receive()
        if session.restored != self._restored:
            state.send(self._group, session.step)
            self._restored = session.restored
        loader = self._loader
        self._group.tell({
            "do": "step",
            "iteration": session.iteration,
            "batch": loader.last,
            "samples": loader.size,
            "warp": loader.warp,
            "swapped": session.sides_swapped,
            "rate": rate,
            "powers": {name: float(power.numpy()) for name, power in session.model.powers.items()},
        })
        try:
            with self._group.step():
                yield
        except StepFailed as problem:
            kind = MemoryError if problem.failure.memory else UserError
            raise kind(problem.failure.why) from None
