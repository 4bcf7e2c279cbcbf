"""Work on many items in threads: results in order, bounded look-ahead, failures item by item.

OpenCV, PyAV and TensorFlow release the interpreter while they compute, so threads use all cores.
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
"""Seconds between two looks for Ctrl-C while waiting; Windows cannot interrupt a plain wait."""
PATIENCE = 5.0
"""Seconds that leaving waits for items being worked on; a worker that hangs is left behind."""


@dataclass(frozen=True, eq=False)
class Failure(Generic[T]):
    """What takes the place of a result when an item could not be done."""

    item: T
    error: BaseException


def cores() -> int:
    """Return how many processor cores this process may use."""
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

    `items` is read lazily, in the caller's thread; if it raises, the results of what was read come
    first. When the loop is left early, also by Ctrl-C, items that wait are dropped and those being
    worked on are waited for, at most `PATIENCE` seconds.

    Parameters
    ----------
    workers : threads, at least 1
    ahead : how many items may be read beyond the results handed out (default: twice the workers)
    catch : exceptions that become a `Failure(item, error)`; others are raised at their item's turn
    """
    ahead = 2 * workers if ahead is None else ahead
    if workers < 1 or ahead < 1:
        raise ValueError(f"expected at least 1. Received: workers {workers}, ahead {ahead}")
    crew = _Crew(function, workers)
    try:
        for job in _in_order(crew, items, ahead):
            if job.error is None:
                yield job.result
            elif isinstance(job.error, catch):
                yield Failure(job.item, job.error)
            else:
                raise job.error
    finally:
        crew.leave()


def _in_order(crew: "_Crew[T, R]", items: Iterable[T], ahead: int) -> "Iterator[_Job[T, R]]":
    """Hand items to the crew and yield the jobs in order, each when it is done."""
    waiting: deque[_Job[T, R]] = deque()
    source = iter(items)
    broken: Exception | None = None
    more = True
    while more or waiting:
        while more and len(waiting) < ahead:
            try:
                waiting.append(crew.start(next(source)))
            except StopIteration:
                more = False
            except Exception as problem:  # noqa: BLE001 - raised below, after the results before it
                more, broken = False, problem
        if waiting:
            while not waiting[0].done.wait(POLL):
                pass  # each turn of the loop is a chance for Ctrl-C
            yield waiting.popleft()
    if broken is not None:
        raise broken


class _Job(Generic[T, R]):
    """One item and what became of it; as a context it keeps an exception for the caller."""

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


class _Crew(Generic[T, R]):
    """Threads that work through a queue; daemons, so that none can hold up the program's end."""

    def __init__(self, function: Callable[[T], R], workers: int) -> None:
        self._function = function
        self._jobs: queue.SimpleQueue[_Job[T, R] | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def start(self, item: T) -> _Job[T, R]:
        job: _Job[T, R] = _Job(item)
        self._jobs.put(job)
        return job

    def leave(self) -> None:
        self._stopped.set()
        for _ in self._threads:
            self._jobs.put(None)  # wakes a thread that waits for work
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None and not self._stopped.is_set():
            with job:
                job.result = self._function(job.item)
