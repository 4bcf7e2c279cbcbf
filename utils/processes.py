"""Parallel map in processes, for many short steps that hold the GIL.

For few long steps threads suffice (`utils/parallel.py`); a thousand short ones per second would
wait for each other. Starting processes takes about a second.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from utils import allocator, native_output, parallel, signals
from utils.errors import UserError, portable

T = TypeVar("T")
R = TypeVar("R")

MANY = 4_000  # items from which processes pay off
CHUNK = 64  # items per message
GRACE = 0.5
"""Seconds until a worker that died is a failure; it may have been asked to stop just before us."""

_pool: "_ProcessPool | None" = None  # within `kept`


def worth_it(count: int) -> bool:
    """Whether processes pay off for so many items; a daemonic process cannot start any."""
    return count >= MANY and not multiprocessing.current_process().daemon


def in_chunks(function: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T]) -> Iterator[R]:
    """Apply `function` to all items, `CHUNK` at a time, and yield the results in order.

    Few items are processed here, in one call. When the loop is left early, also by Ctrl-C, what is
    still being processed is dropped.

    Parameters
    ----------
    function : callable
        Takes a sequence of items and returns a result for each; picklable.

    Raises
    ------
    UserError
        If a process was killed.
    """
    if not worth_it(len(items)):
        yield from function(items)
        return
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    with kept() as pool:
        for results in pool.in_order(function, chunks):
            yield from results


@contextmanager
def kept() -> Iterator["_ProcessPool"]:
    """Reuse the processes for all `in_chunks` within the block."""
    global _pool  # noqa: PLW0603 - who begins the block need not know who works in it
    if _pool is not None:
        yield _pool
        return
    _pool = _ProcessPool()
    try:
        yield _pool
    finally:
        ended, _pool = _pool, None
        ended.end(ended.workers)


class _ProcessPool:
    """Processes that each have a pipe of their own, and so can be killed at any moment.

    One that is killed while it uses a queue that all share may leave it locked, or half a message
    in it: then `concurrent.futures` waits for ever.
    """

    def __init__(self) -> None:
        self.workers: list[_ChunkWorker] = []

    def in_order(
        self, function: Callable[[Sequence[T]], Sequence[R]], chunks: Sequence[Sequence[T]]
    ) -> Iterator[Sequence[R]]:
        """Yield the results of each chunk; an error is raised at its chunk's turn."""
        while len(self.workers) < min(parallel.cores(), len(chunks)):
            with signals.held():
                self.workers.append(_ChunkWorker())
        done: dict[int, tuple[bool, Any]] = {}
        begun = turn = 0
        try:
            while turn < len(chunks):
                for worker in self.workers:
                    if worker.chunk is None and begun < len(chunks):
                        worker.begin(begun, function, chunks[begun])
                        begun += 1
                done |= self._answers(0 if turn in done else parallel.POLL)
                if turn in done:
                    worked, result = done.pop(turn)
                    if not worked:
                        raise result
                    yield result
                    turn += 1
        finally:
            self.end([worker for worker in self.workers if worker.chunk is not None])

    def _answers(self, seconds: float) -> dict[int, tuple[bool, Any]]:
        """Wait for results, at most so long; return what there is, by the number of the chunk."""
        ready = wait([worker.pipe for worker in self.workers if worker.chunk is not None], seconds)
        return dict(worker.answer() for worker in self.workers if worker.pipe in ready)

    def end(self, workers: "Sequence[_ChunkWorker]") -> None:
        """Kill workers, whatever they are doing."""
        with signals.held():
            self.workers = [worker for worker in self.workers if worker not in workers]
            for worker in workers:
                worker.process.kill()
            for worker in workers:
                worker.process.join(parallel.PATIENCE)
                worker.pipe.close()


class _ChunkWorker:
    """A process that waits for chunks of items.

    Attributes
    ----------
    chunk : int or None
        The number of the one that it is processing.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.chunk: int | None = None
        with signals.ignored_by_children(), native_output.heard_from_children():
            self.pipe, theirs = context.Pipe()
            arguments = (theirs, native_output.silent())
            self.process = context.Process(target=_work, args=arguments, daemon=True)
            self.process.start()
            theirs.close()  # so that the pipe ends with the process

    def begin(self, number: int, function: Callable[[Any], Any], chunk: Sequence[Any]) -> None:
        self.chunk = number
        with _death_told():
            self.pipe.send((function, chunk))

    def answer(self) -> tuple[int, tuple[bool, Any]]:
        """Return the number of its chunk, and: whether it could be processed, result or error."""
        with _death_told():
            outcome = self.pipe.recv()
        number, self.chunk = self.chunk, None
        assert number is not None
        return number, outcome


@contextmanager
def _death_told() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        time.sleep(GRACE)
        raise UserError(
            "a worker process was killed, perhaps for lack of memory; close other programs "
            "and run this again"
        ) from None


# ------------------------------------------------------------------------------ in the worker


def _work(pipe: Connection, silent: bool) -> None:
    """Process chunks; signals are for the parent, with which this ends."""
    (native_output.silence if silent else native_output.hear)()
    allocator.keep_buffers()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):  # the parent is gone
        while True:
            pipe.send(_outcome(*pipe.recv()))


def _outcome(function: Callable[[T], R], chunk: T) -> tuple[bool, R | Exception]:
    try:
        return True, function(chunk)
    except Exception as problem:  # noqa: BLE001 - the parent raises it again
        return False, portable(problem)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
