"""Kills at any change of the file system, without the cost of a process for each.

From a certain change on none succeeds any more, so that `finally` and `except` clean up nothing:
what is on the disk then is what a process that was killed leaves there.
"""

import os
import sys
from contextlib import contextmanager

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR


class Killed(BaseException):
    """The process ends here."""


class _State:
    left = None
    begin = None


def _hook(event, args):
    if _State.left is None or str(args[0]).endswith(".lock"):  # the system releases locks
        return
    if event in CHANGES or (event == "open" and args[2] & WRITING):
        if _State.begin is not None:
            if not _State.begin(event, args):
                return
            _State.begin = None
        if _State.left == 0:
            raise Killed
        _State.left -= 1


sys.addaudithook(_hook)  # there is no way to remove it


@contextmanager
def killed_after(changes, begin=None):
    """Let so many changes succeed, counted from the first one that `begin(event, args)` accepts.

    Yields a list that is empty unless the block came to its end.
    """
    ended = []
    _State.left, _State.begin = changes, begin
    try:
        yield ended
        ended.append(True)
    except Killed:
        pass
    finally:
        _State.left = _State.begin = None


def naming(path):
    """Accepts the renaming of a file to `path`, for `killed_after`."""
    return lambda event, args: event == "os.rename" and os.fspath(args[1]) == os.fspath(path)
