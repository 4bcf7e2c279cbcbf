"""Work in processes of their own, for many small steps, each of which needs the interpreter.

Threads suffice for a few long steps (`utils/parallel.py`); a thousand short ones a second spend
their time waiting for one another. Starting processes takes a second or so.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from utils import allocator, parallel
from utils.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

MANY = 4_000  # items from which on it is worth it
CHUNK = 64  # items that are sent at a time

_pool: ProcessPoolExecutor | None = None  # inside `kept`


def worth_it(count: int) -> bool:
    """Whether so many items are worth processes; a process that somebody watches may start none."""
    return count >= MANY and not multiprocessing.current_process().daemon


def in_chunks(function: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T]) -> Iterator[R]:
    """Apply `function` to all items, `CHUNK` at a time, and yield the results in order.

    Items that are not worth it are done here, all at once.
    When the loop is left early, also by Ctrl-C, chunks that wait are dropped.

    Parameters
    ----------
    function : of a module, or a `functools.partial` of one: returns a result for each item

    Raises
    ------
    UserError
        If a process was ended from outside.
    """
    if not worth_it(len(items)):
        yield from function(items)
        return
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    with kept() as pool:
        futures = [pool.submit(function, chunk) for chunk in chunks]
        try:
            for future in futures:
                yield from future.result()
        except BrokenProcessPool:
            raise UserError(
                "a process that looks at faces was ended from outside, or there is too little "
                "memory; run this again"
            ) from None
        finally:
            for future in futures:
                future.cancel()


@contextmanager
def kept() -> Iterator[ProcessPoolExecutor]:
    """Keep the processes from one `in_chunks` to the next while inside the block."""
    global _pool  # noqa: PLW0603 - who begins the block need not know who works in it
    if _pool is not None:
        yield _pool
        return
    _pool = ProcessPoolExecutor(
        parallel.cores(), multiprocessing.get_context("spawn"), initializer=_begin
    )
    try:
        yield _pool
    finally:
        _pool.shutdown(cancel_futures=True)
        _pool = None


def _begin() -> None:
    """Prepare a process: Ctrl-C is its parent's business, and without a parent it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    allocator.keep_pictures()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
