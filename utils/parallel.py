"""Parallel map in threads: ordered results, bounded look-ahead, failures per item.

OpenCV, PyAV and TensorFlow release the GIL while they compute, so threads use all cores.
"""

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from utils.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

POLL = 0.2
"""Seconds between checks for Ctrl-C while waiting; on Windows a plain wait is uninterruptible."""
PATIENCE = 5.0
"""Seconds to wait for running items when leaving; a hanging worker is abandoned."""


@dataclass(frozen=True, eq=False)
class Failure(Generic[T]):
    """Replaces the result of an item that raised an exception."""

    item: T
    error: BaseException


def cores() -> int:
    """Return how many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux: containers and taskset may allow fewer
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered_map(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    workers: int,
    ahead: int | None = None,
    catch: type[BaseException] | tuple[type[BaseException], ...] = UserError,
) -> Iterator[R | Failure[T]]:
    """Apply `function` to every item in threads and yield the results in the items' order.

    `items` is consumed lazily in the caller's thread; if it raises, the results of earlier items
    come first. When the loop is left early, also by Ctrl-C, queued items are dropped and running
    ones are awaited for at most `PATIENCE` seconds.

    Parameters
    ----------
    workers : int
        Number of threads.
    ahead : int
        Largest number of items in progress or waiting to be yielded (default: twice the workers).
    catch : exception type or tuple of them
        These become a `Failure(item, error)`; others are raised at their item's turn.
    """
    ahead = 2 * workers if ahead is None else ahead
    if workers < 1 or ahead < 1:
        raise ValueError(f"expected at least 1. Received: workers {workers}, ahead {ahead}")
    pool = _ThreadPool(function, workers)
    try:
        for task in _in_order(pool, items, ahead):
            if task.error is None:
                yield task.result
            elif isinstance(task.error, catch):
                yield Failure(task.item, task.error)
            else:
                raise task.error
    finally:
        pool.leave()


def _in_order(pool: "_ThreadPool[T, R]", items: Iterable[T], ahead: int) -> "Iterator[_Task[T, R]]":
    """Submit items and yield their tasks in order, each when it is done."""
    waiting: deque[_Task[T, R]] = deque()
    source = iter(items)
    broken: Exception | None = None
    more = True
    while more or waiting:
        while more and len(waiting) < ahead:
            try:
                waiting.append(pool.submit(next(source)))
            except StopIteration:
                more = False
            except Exception as problem:  # noqa: BLE001 - raised below, after the results before it
                more, broken = False, problem
        if waiting:
            while not waiting[0].done.wait(POLL):
                pass  # each iteration is a chance for Ctrl-C
            yield waiting.popleft()
    if broken is not None:
        raise broken


class _Task(Generic[T, R]):
    """One item and its result; as a context manager it stores an exception for the caller."""

    result: R

    def __init__(self, item: T) -> None:
        self.item = item
        self.error: BaseException | None = None
        self.done = threading.Event()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.error = error
        self.done.set()
        return True


class _ThreadPool(Generic[T, R]):
    """Threads that process a queue; daemons, so that none can block the program's exit."""

    def __init__(self, function: Callable[[T], R], workers: int) -> None:
        self._function = function
        self._tasks: queue.SimpleQueue[_Task[T, R] | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, item: T) -> _Task[T, R]:
        task: _Task[T, R] = _Task(item)
        self._tasks.put(task)
        return task

    def leave(self) -> None:
        self._stopped.set()
        for _ in self._threads:
            self._tasks.put(None)  # wakes an idle thread
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None and not self._stopped.is_set():
            with task:
                task.result = self._function(task.item)
