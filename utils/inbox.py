"""Events that another program sends on stdin, a JSON object a line."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from queue import Empty, Queue
from threading import Thread
from typing import Any

LONGEST_EVENT, CHUNK = 1 << 16, 1 << 16  # bytes

GivenEvent = Mapping[str, Any]
WAKE: GivenEvent = {}
"""Ends a wait for events; not one itself."""


class Inbox:
    """The events on stdin, read in a thread of their own.

    Attributes
    ----------
    ended : bool
        Whether there will be no more.
    """

    def __init__(self) -> None:
        self.ended = False
        self._events: Queue[GivenEvent | None] = Queue()
        Thread(target=self._read, args=(sys.stdin.fileno(),), daemon=True).start()

    def wake(self) -> None:
        """End the wait: there is something else to do."""
        self._events.put(WAKE)

    def wait(self, seconds: float) -> Iterator[GivenEvent]:
        """Yield the events that came; wait for one, or for `wake`, some time."""
        try:
            event = self._events.get(timeout=seconds)
            while event is not None:
                if event is not WAKE:
                    yield event
                event = self._events.get_nowait()
            self.ended = True
        except Empty:
            return

    def _read(self, descriptor: int) -> None:
        """Put the events into the queue, and None at their end.

        The file object is not used: its lock would be held while the interpreter shuts down.
        """
        rest = b""
        while len(rest) < LONGEST_EVENT and (data := os.read(descriptor, CHUNK)):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._events.put(_event(line))
        self._events.put(None)


def _event(line: bytes) -> GivenEvent:
    """Return a line as an event; one that is none does nothing but cause a message."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"line": ""}
