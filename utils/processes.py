"""Parallel map in processes, for many short steps that hold the GIL.

For few long steps threads suffice (`utils/parallel.py`); a thousand short ones per second would
wait for each other. Starting processes takes about a second.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from utils import allocator, native_output, parallel, signals
from utils.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

MANY = 4_000  # items from which processes pay off
CHUNK = 64  # items per message

_pool: ProcessPoolExecutor | None = None  # within `kept`


def worth_it(count: int) -> bool:
    """Whether processes pay off for so many items; a daemonic process cannot start any."""
    return count >= MANY and not multiprocessing.current_process().daemon


def in_chunks(function: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T]) -> Iterator[R]:
    """Apply `function` to all items, `CHUNK` at a time, and yield the results in order.

    Few items are processed here, in one call. When the loop is left early, also by Ctrl-C, queued
    chunks are dropped.

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
        with signals.ignored_by_children(), native_output.heard_from_children():
            futures = [pool.submit(function, chunk) for chunk in chunks]
        try:
            for future in futures:
                yield from future.result()
        except BrokenProcessPool:
            raise UserError(
                "a worker process was killed, perhaps for lack of memory; close other programs "
                "and run this again"
            ) from None
        finally:
            for future in futures:
                future.cancel()


@contextmanager
def kept() -> Iterator[ProcessPoolExecutor]:
    """Reuse the processes for all `in_chunks` within the block."""
    global _pool  # noqa: PLW0603 - who begins the block need not know who works in it
    if _pool is not None:
        yield _pool
        return
    _pool = ProcessPoolExecutor(
        parallel.cores(),
        multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(native_output.silent(),),
    )
    try:
        yield _pool
    finally:
        _pool.shutdown(cancel_futures=True)
        _pool = None


def _begin(silent: bool) -> None:
    """Set up a worker process: it leaves signals to its parent, and ends with it."""
    (native_output.silence if silent else native_output.hear)()
    allocator.keep_buffers()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
