"""Requests of other programs to a running training: files in the model's folder."""

import time
from contextlib import suppress
from pathlib import Path

LOOK_SECONDS = 0.5
LARGEST = 1 << 16
"""Bytes of a request that are read."""


class RequestFiles:
    """Looks for NAME.request now and then, and removes it; older ones do not count."""

    def __init__(self, folder: Path, *names: str) -> None:
        self._files = {name: folder / f"{name}.request" for name in names}
        self._take()
        self._looked = time.monotonic()

    def taken(self) -> dict[str, bytes]:
        """Return what is asked for since the last call: what each file held, by its name."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return {}
        self._looked = now
        return self._take()

    def _take(self) -> dict[str, bytes]:
        found = {}
        for name, path in self._files.items():
            with suppress(OSError):  # there is none, or it cannot be removed and would come again
                content = _read(path)
                path.unlink()
                found[name] = content
        return found


def _read(path: Path) -> bytes:
    """Return what a file holds; nothing of what is no file, which could be endless."""
    if path.is_symlink() or not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(LARGEST)
