"""Requests to stop: Ctrl-C, SIGTERM, and SIGHUP, which says that the terminal is gone."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, current_thread, main_thread
from typing import NoReturn

SIGHUP = getattr(signal, "SIGHUP", None)  # Windows has none
_requested = Event()


def requests() -> list[signal.Signals]:
    """Return the signals that ask the program to stop; under nohup SIGHUP does not."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    known = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return [n for n in known if n != SIGHUP or signal.getsignal(n) is not signal.SIG_IGN]


def raise_on_request() -> None:
    """Let each request to stop raise KeyboardInterrupt in the main thread."""
    _requested.clear()
    for number in requests():
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell's background job
            signal.signal(number, raise_interrupt)


def raise_interrupt(*_: object) -> NoReturn:
    """Handle a signal."""
    _requested.set()
    raise KeyboardInterrupt


def became(problem: BaseException) -> bool:
    """Tell whether an error is what a request to stop became on its way out of a C extension.

    A library that is being imported may turn KeyboardInterrupt into an ImportError.
    """
    return _requested.is_set() and isinstance(problem, ImportError | SystemError)


@contextmanager
def ignored_by_children() -> Iterator[None]:
    """Have processes started inside the block ignore what a terminal sends to all processes.

    They hear of it from this process. Outside the main thread, which alone can do so, nothing
    happens.
    """
    if current_thread() is not main_thread():
        yield
        return
    terminal = [signal.SIGINT, *([] if SIGHUP is None else [SIGHUP])]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in terminal}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
