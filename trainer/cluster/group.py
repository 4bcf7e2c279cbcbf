"""A member's side of a cluster: common steps, the mean of all gradients, and the end."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np

from models.engine.step import Members
from trainer.cluster.addresses import Address
from trainer.cluster.ring import Ring
from trainer.cluster.wire import AGAIN, LostMemberError, Peer
from utils.errors import UserError

DONE, STOPPED, FAILED = "done", "stopped", "failed"
"""How a training ends."""


class StepFailure(NamedTuple):
    """Why a member could not do its part of a step.

    Attributes
    ----------
    why : str
        What it says itself.
    memory : bool
        Whether it is only that its share of the batch is too large.
    """

    why: str
    memory: bool = False


class StepFailed(Exception):  # noqa: N818 - what is to be done depends on the reason
    """No member did this step, because one could not."""

    def __init__(self, failure: StepFailure) -> None:
        super().__init__(failure.why)
        self.failure = failure


class Ended(Exception):  # noqa: N818 - it is no error
    """Rank 0 has ended the training.

    Attributes
    ----------
    how : str
        DONE, STOPPED or FAILED.
    """

    def __init__(self, how: str, why: str) -> None:
        super().__init__(why)
        self.how = how


class Group:
    """The members as one of them sees them.

    Before gradients are averaged, all say whether they have theirs. So a step is done by all or by
    none, and that one is slow is no reason for the others to take it for lost.

    Parameters
    ----------
    peers : sequence of Peer
        Of rank 0: all others, by rank. Of another: rank 0.

    Attributes
    ----------
    rank, count : int
        The number of this member, and how many there are.
    local : bool
        Whether all are processes that rank 0 has started, see `trainer.cluster.local`.
    """

    def __init__(
        self, addresses: Sequence[Address], rank: int, peers: Sequence[Peer], ring: Ring
    ) -> None:
        self.rank, self.count = rank, len(addresses)
        self.addresses, self.peers = addresses, peers
        self.local = False
        self._ring = ring
        self._numbers = np.empty(0, np.float32)
        self._agreed = False
        self._problem: Exception | None = None

    def tell(self, message: Mapping[str, Any], arrays: Sequence[np.ndarray] = ()) -> None:
        """Send a message to all peers."""
        for peer in self.peers:
            peer.send(message, arrays)

    def hear(self) -> dict[str, Any]:
        """Return the next message of rank 0.

        Raises
        ------
        Ended
            If it says that the training has ended.
        """
        message = self.peers[0].receive()
        if "end" in message:
            raise Ended(str(message["end"]), str(message.get("why")))
        return message

    @contextmanager
    def step(self) -> Iterator[None]:
        """Do a step together with all others; inside, `mean` is called once.

        Raises
        ------
        StepFailed
            If another member could not.
        """
        self._agreed, self._problem = False, None
        try:
            yield
        except Exception as problem:
            if self._problem is not None:
                raise self._problem from None
            if not self._agreed:
                with suppress(StepFailed):  # that is this one
                    self._agree(_failure(problem))
            raise

    def of_step(self) -> Members:
        """Return what a training step takes means with."""
        if not self.local:
            return self
        from models.engine import engine  # not at the top: what connects members needs no engine

        return engine().on_one_machine(self, self.addresses[0].port)

    def leave(self, why: str) -> None:
        """Take no part in a step, because this member ends."""
        name = f"rank {self.rank} ({self.addresses[self.rank]})"
        with suppress(StepFailed):
            self._agree(StepFailure(f"{name} {why}; {AGAIN}"))

    def mean(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Return the means of float32 arrays over all members.

        They are views of a buffer that the next call uses again.

        Raises
        ------
        StepFailed, LostMemberError
        """
        self.ready()
        with self._noted():
            return self._mean(arrays)

    def ready(self) -> None:
        """Wait until all members have their gradients.

        Raises
        ------
        StepFailed, LostMemberError
        """
        with self._noted():
            self._agree(None)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Keep an error as it is, for `step`: engines make errors of their own of it."""
        try:
            yield
        except Exception as problem:
            self._problem = problem
            raise

    def _mean(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        ends = np.cumsum([array.size for array in arrays])
        if len(self._numbers) != ends[-1]:
            self._numbers = np.empty(ends[-1], np.float32)
        np.concatenate([array.ravel() for array in arrays], out=self._numbers)
        try:
            self._ring.add(self._numbers)
        except OSError as problem:
            raise LostMemberError(
                f"another member is lost in the middle of a step; {AGAIN}"
            ) from problem
        self._numbers /= self.count
        parts = np.split(self._numbers, ends[:-1])
        return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]

    def _agree(self, failure: StepFailure | None) -> None:
        """Hear whether all can go on.

        Raises
        ------
        StepFailed
            If one cannot.
        """
        self._agreed = True
        if self.rank:
            self.peers[0].send({"failure": failure})
            failure = _read(self.hear())
        else:
            heard = [_read(peer.receive()) for peer in self.peers]
            failures = [each for each in (failure, *heard) if each is not None]
            # an error counts more than a batch that is too large
            failure = min(failures, key=lambda each: each.memory, default=None)
            self.tell({"failure": failure})
        if failure is not None:
            raise StepFailed(failure)

    def end(self, how: str, why: str = "") -> None:
        """End the training of all, if this is rank 0, and the connections."""
        for peer in self.peers:
            if not self.rank:
                with suppress(LostMemberError):
                    peer.send({"end": how, "why": why})
            peer.close()
        self._ring.close()


def _read(message: Mapping[str, Any]) -> StepFailure | None:
    found = message.get("failure")
    return StepFailure(str(found[0]), bool(found[1])) if isinstance(found, list) else None


def _failure(problem: Exception) -> StepFailure:
    if isinstance(problem, UserError):
        return StepFailure(str(problem))
    from models.engine import engine  # not at the top: what connects members needs no engine

    memory = isinstance(problem, MemoryError) or engine().is_out_of_memory(problem)
    return StepFailure(f"{type(problem).__name__}: {problem}", memory)
