"""When the faces of each side changed last, by whatever program."""

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from utils.workspace import SIDES, Workspace

QUIET_SECONDS = 2.0
"""A folder that changes all the time, as while faces are extracted, is not told until then."""


class FacesWatch:
    """Looks at the folders of faces."""

    def __init__(self, home: Workspace) -> None:
        self.home = home
        self._seen = dict.fromkeys(SIDES, (0, 0.0))
        self._stamps = dict.fromkeys(SIDES, 0)

    def look(self) -> Mapping[str, int]:
        """Return the stamp of each side; a page reads a table that has an older one again."""
        now = time.monotonic()
        for side in SIDES:
            found = changed_at(self.home.faces(side))
            known, since = self._seen[side]
            if found != known:
                self._seen[side] = found, now
            elif now - since >= QUIET_SECONDS:
                self._stamps[side] = found
        return dict(self._stamps)


def changed_at(folder: Path) -> int:
    """Return when files were added to a folder or taken away, in milliseconds; 0: there is none."""
    with suppress(OSError):
        return folder.stat().st_mtime_ns // 1_000_000
    return 0
