"""`--progress json`: what a command tells, as lines of JSON on stdout (docs/progress.md).

Whether it is wanted is in the environment, so that workers and the commands that `run` calls tell
theirs in the same way.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise, takewhile
from typing import Any

VERSION = 1
VARIABLE = "FACESWAP_PROGRESS"
"""Environment variable: the command that tells its progress in JSON; unset: none does."""

FLAG, JSON = "--progress", "json"
MOST = 100
"""Names of a list that an event has at most."""
SECONDS = 1.0
"""Between two events about one piece of work."""


def wanted() -> bool:
    """Whether events are told rather than text printed."""
    return VARIABLE in os.environ


@contextmanager
def asked_for(argv: Sequence[str]) -> Iterator[None]:
    """Tell events inside the block if a command line asks for it, or the command that calls it."""
    before = os.environ.get(VARIABLE)
    words = list(takewhile(lambda word: word != "--", argv))
    if before is not None or (FLAG, JSON) in pairwise(words) or f"{FLAG}={JSON}" in words:
        os.environ[VARIABLE] = ""
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before


def begin(stage: str) -> None:
    """Record which command tells the events from now on."""
    if wanted():
        os.environ[VARIABLE] = stage


def line(kind: str, **facts: object) -> str:
    """Return an event as a line without its end, in ASCII."""
    return json.dumps({"event": kind, "stage": os.environ.get(VARIABLE, ""), **facts})


def progress(
    item: int,
    of: int | None,
    rate: float | None,
    message: str,
    *,
    eta: float | None = None,
    unit: str = "",
    values: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return the facts of an event about how far something is.

    Parameters
    ----------
    item, of : int
        How many are done, and of how many; None when that is not known.
    rate : float or None
        Items per second.
    eta : float or None
        Seconds that are left; by default they follow from the rest.
    """
    if eta is None and of is not None and rate:
        eta = max(of - item, 0) / rate
    return {
        "item": item,
        "of": of,
        "unit": unit,
        "rate": None if rate is None else float(f"{rate:.4g}"),
        "eta": None if eta is None else round(eta, 1),
        "message": message,
        "values": {name: float(f"{value:.6g}") for name, value in (values or {}).items()},
    }


class Meter:
    """Says when it is time for an event about a loop, and how fast the loop is."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._last = -SECONDS

    def due(self, last: bool = False) -> bool:
        """Whether it is time for an event; if so, the next period starts."""
        now = time.monotonic()
        if now - self._last < SECONDS and not last:
            return False
        self._last = now
        return True

    def rate(self, count: int) -> float | None:
        """Return how many items were done in a second; None when that is not known yet."""
        seconds = time.monotonic() - self._begun
        return count / seconds if count and seconds > 0 else None
