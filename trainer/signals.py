"""Requests to stop during training: the current step is finished and the model saved first."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

from utils import signals


class StopRequest:
    """Whether the user asked to stop; asking twice interrupts at once.

    Ctrl-C after any other request counts as asking twice, and so does a second SIGTERM. SIGHUP
    never does: a terminal that is closed sends it more than once.
    """

    def __init__(self) -> None:
        self._numbers: list[int] = []

    @property
    def count(self) -> int:
        """How often someone asked; a terminal that is closed does not count."""
        return sum(number != signals.SIGHUP for number in self._numbers)

    @property
    def received(self) -> bool:
        """Whether there was a request."""
        return bool(self._numbers)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        repeated = number in self._numbers or (self.received and number == signal.SIGINT)
        self._numbers.append(number)
        if repeated and number != signals.SIGHUP:
            raise KeyboardInterrupt


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Collect stop requests inside the block; only the main thread can receive signals."""
    request = StopRequest()
    if current_thread() is not main_thread():
        yield request
        return
    before = {number: signal.signal(number, request) for number in signals.requests()}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
