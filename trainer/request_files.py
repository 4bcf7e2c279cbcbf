"""Requests of other programs to a running training: files in the model's folder."""

import math
import time
from contextlib import suppress
from pathlib import Path

LOOK_SECONDS = 0.5
LARGEST = 1 << 16
"""Bytes of a request that are read."""


def forget(folder: Path, *names: str) -> None:
    """Remove what an earlier training was asked for and has not done."""
    for name in names:
        with suppress(OSError):
            _file(folder, name).unlink()


class RequestFiles:
    """Looks for NAME.request now and then, and removes it."""

    def __init__(self, folder: Path, *names: str) -> None:
        self._files = {name: _file(folder, name) for name in names}
        self._looked = -math.inf

    def taken(self) -> dict[str, bytes]:
        """Return what is asked for since the last call: what each file held, by its name."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return {}
        self._looked = now
        found = {}
        for name, path in self._files.items():
            with suppress(OSError):  # there is none, or it cannot be removed and would come again
                taken = path.replace(path.with_suffix(".taken"))  # one that comes now is the next
                content = _read(taken)
                taken.unlink()
                found[name] = content
        return found


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.request"


def _read(path: Path) -> bytes:
    """Return what a file holds; nothing of what is no file, which could be endless."""
    if path.is_symlink() or not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(LARGEST)
