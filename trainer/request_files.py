"""Requests of other programs to a running training: empty files in the model's folder."""

import time
from contextlib import suppress
from pathlib import Path

LOOK_SECONDS = 0.5
FILES = {"save.request": "save", "backup.request": "backup"}


class RequestFiles:
    """Looks for such files now and then, and removes them; older ones do not count."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._take()
        self._looked = time.monotonic()

    def taken(self) -> set[str]:
        """Return what is asked for since the last call."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return set()
        self._looked = now
        return self._take()

    def _take(self) -> set[str]:
        found = set()
        for name, request in FILES.items():
            with suppress(OSError):  # there is none, or it cannot be removed and would come again
                (self._folder / name).unlink()
                found.add(request)
        return found
