"""Requests to stop: Ctrl-C, SIGTERM, and SIGHUP, which says that the terminal is gone."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread, current_thread, main_thread

from utils import console

SIGHUP = getattr(signal, "SIGHUP", None)  # Windows has none
ENDS_WITH_STDIN = "FACESWAP_ENDS_WITH_STDIN"
"""Environment variable of commands that end with their stdin."""
PAUSE = 0.05
"""Seconds in which a program that ends at once says so itself."""

_requested = Event()
_held = False
"""Whether requests wait, within `held`."""
_waiting = Event()
"""Whether one waits."""
_rest: Callable[[], str] | None = str  # that is, ""; another one within `finishing`


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


def obey_stdin() -> None:
    """Take the end of stdin for a request to stop, if another process asks for that.

    However that process ends, it closes the pipe.
    """
    if ENDS_WITH_STDIN in os.environ:
        Thread(target=_stop_at_its_end, args=(sys.stdin.fileno(),), daemon=True).start()


def _stop_at_its_end(descriptor: int) -> None:
    while os.read(descriptor, 1 << 10):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def raise_interrupt(*_: object) -> None:
    """Handle a signal."""
    _requested.set()
    if _held:
        _waiting.set()
        return
    raise KeyboardInterrupt


def end_at_once() -> None:
    """Let each further request end the program: all is done, and an exception only prints lines."""
    for number in requests():
        if signal.getsignal(number) is raise_interrupt:
            signal.signal(number, signal.SIG_DFL)


def obey() -> None:
    """Stop if that was asked for: a library that is being imported may drop KeyboardInterrupt."""
    if _requested.is_set():
        raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """Let a request to stop wait for the end of the block, which must not be left half done.

    Handlers run in the main thread, so in others nothing needs to wait.
    """
    global _held  # noqa: PLW0603 - as handlers of signals, it belongs to the process
    if _held or current_thread() is not main_thread():
        yield
        return
    _held = True
    try:
        yield
    finally:
        _held = False
        if _waiting.is_set():
            _waiting.clear()
            raise KeyboardInterrupt


def became(problem: BaseException) -> bool:
    """Tell whether an error is what a request to stop became on its way out of a C extension.

    A library that is being imported may turn KeyboardInterrupt into an ImportError.
    """
    return _requested.is_set() and isinstance(problem, ImportError | SystemError)


def finishing_frames() -> str:
    """Return what a stage does, for `finishing`, that ends at the next frame."""
    return "finishing the frames in progress"


@contextmanager
def finishing(rest: Callable[[], str] | None) -> Iterator[None]:
    """Choose how a request to stop inside the block is acknowledged.

    Parameters
    ----------
    rest : callable or None
        Returns what is still done before the program ends, such as "finishing this step"; called
        in another thread. None: not at all, because another process says it.
    """
    global _rest  # noqa: PLW0603 - as handlers of signals, it belongs to the process
    before, _rest = _rest, rest
    try:
        yield
    finally:
        _rest = before


@contextmanager
def acknowledged() -> Iterator[None]:
    """Acknowledge requests to stop inside the block, also while the main thread is in C.

    Python's handlers wait until the main thread comes back from there, after a step of training,
    say. So the interpreter writes the signal's number to a socket at once, and a thread reads it.
    """
    if current_thread() is not main_thread():
        yield
        return
    pair = None
    with suppress(OSError):  # a sandbox may forbid it; then requests are only obeyed
        pair = socket.socketpair()
    if pair is None:
        yield
        return
    reading, written = pair
    written.setblocking(False)
    ended = Event()
    thread = Thread(target=_acknowledge, args=(reading, ended), name="acknowledge", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        ended.set()
        written.close()
        thread.join()
        reading.close()


def _acknowledge(numbers: socket.socket, ended: Event) -> None:
    """Print a line for each request; those of a closed terminal have no reader."""
    asked = 0
    while received := numbers.recv(64):
        asked += sum(number in requests() and number != SIGHUP for number in received)
        if asked and _rest is not None and not ended.wait(PAUSE):
            rest = _rest() if asked == 1 else "without waiting"
            console.announce(f"stopping: {rest}" if rest else "stopping", interjected=True)


@contextmanager
def ignored_by_children() -> Iterator[None]:
    """Have processes started inside the block ignore what a terminal sends to all processes.

    They hear of it from this process, which hears of it at the end of the block. Processes inherit
    which signals are blocked; if they were ignored here meanwhile, a request would be lost.
    """
    with held():
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            yield
            return
        from multiprocessing import resource_tracker  # not at the top: slows `--help`

        resource_tracker.ensure_running()  # its start, which would come now, unblocks SIGINT
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
