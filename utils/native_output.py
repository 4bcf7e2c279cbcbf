"""What libraries print, which a user can do nothing about; errors are raised as exceptions.

Native ones (TensorFlow, LiteRT, Qt, libjpeg, libpng) write to file descriptor 2, many before any
setting of theirs applies.
"""

import faulthandler
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_silent = False


def silence() -> None:
    """Keep it from the terminal for good; Python's stderr still leads there, on a descriptor of
    its own.

    Nothing changes where the program is called as a part of another one, which has replaced stderr.
    """
    global _silent  # noqa: PLW0603 - there is one descriptor 2
    stream = sys.__stderr__
    if stream is None or sys.stderr is not stream or stream.fileno() != 2:
        return
    stream.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", 1, encoding=stream.encoding, errors=stream.errors)
    _lead_nowhere()
    faulthandler.enable(file=sys.stderr)  # a crash is no library's line
    _silent = True
    warnings.simplefilter("ignore")
    logging.disable()


def hear() -> None:
    """Let what libraries print reach the terminal, and the traceback of a crash, too."""
    stream = sys.__stderr__
    if stream is not None and sys.stderr is stream:
        faulthandler.enable(file=stream)


def silent() -> bool:
    """Whether `silence` was called."""
    return _silent


@contextmanager
def heard_from_children() -> Iterator[None]:
    """Let processes that are started inside the block have the terminal for their stderr."""
    if not _silent:
        yield
        return
    os.dup2(sys.stderr.fileno(), 2)
    try:
        yield
    finally:
        _lead_nowhere()


def _lead_nowhere() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
