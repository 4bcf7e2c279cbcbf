"""What native libraries print while they load: TensorFlow, LiteRT, Qt.

They write to file descriptor 2 before any setting of theirs applies; errors are raised as
exceptions.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from utils import console

_lock = threading.Lock()
_blocks = 0  # that are being executed, nested or in several threads
_terminal: TextIO  # what descriptor 2 was before the first of them


@contextmanager
def silenced() -> Iterator[None]:
    """Keep it from the terminal; what `utils.console` prints still arrives there.

    With `--debug` nothing is kept.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _blocks, _terminal  # noqa: PLW0603 - there is one descriptor 2
    with _lock:
        _blocks += 1
        if _blocks > 1:
            return
        console.flush()
        _terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
        if _is_on_descriptor_2(sys.stderr):
            console.keep_errors_on(_terminal)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def _leave() -> None:
    global _blocks  # noqa: PLW0603
    with _lock:
        _blocks -= 1
        if _blocks:
            return
        console.flush()  # what the libraries printed by Python's own streams
        os.dup2(_terminal.fileno(), 2)
        console.keep_errors_on(None)
        _terminal.close()


def _is_on_descriptor_2(stream: object) -> bool:
    with suppress(AttributeError, OSError, ValueError):
        return stream.fileno() == 2  # type: ignore[attr-defined]
    return False
