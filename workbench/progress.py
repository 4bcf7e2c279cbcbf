"""What a command tells of itself with `--progress json`, read from its log (docs/progress.md)."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

TAIL = 1 << 16
"""Bytes of a log that a page is told at once."""
LONGEST = 1 << 20
"""Bytes of the longest line."""


def event(line: str) -> dict[str, Any]:
    """Return a line of a log as an event; what a library printed becomes a message."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    known = isinstance(found, dict) and isinstance(found.get("event"), str)
    return found if known else {"event": "message", "text": line}


def tail(path: Path, offset: int = 0, most: int = TAIL) -> tuple[list[dict[str, Any]], int]:
    """Return the events at the end of a log, behind an offset, and the next offset."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size < offset:  # begun again
                offset = 0
            skipped = max(offset, size - most)
            file.seek(skipped)
            data = file.read(most)
    except OSError:
        return [], 0
    whole, _, rest = data.rpartition(b"\n")
    if skipped > offset:  # the first line is a part of one
        whole = whole.partition(b"\n")[2]
    lines = whole.decode("utf-8", "replace").splitlines() if whole else []
    return [event(line) for line in lines if line.strip()], skipped + len(data) - len(rest)


def note(path: Path, event: str, text: str = "") -> None:
    """Add an event to a log, unless the disk is full."""
    with suppress(OSError), path.open("ab") as file:
        file.write(json.dumps({"event": event, "text": text}).encode() + b"\n")


def ended_with(path: Path) -> int | None:
    """Return the exit status that the last line of a log states, None if there is none."""
    events, _ = tail(path, most=LONGEST)
    last = events[-1] if events else {}
    status = last.get("status") if last.get("event") == "end" else None
    return status if isinstance(status, int) else None
