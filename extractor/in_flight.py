"""What the workers are processing: reported to the supervisor, and limited by its pixels."""

import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from utils import MOST_PIXELS, parallel
from utils.images import Image

Listener = Callable[[str, bool], None]
"""Called with a name and True when its processing starts, False when it has ended."""


class WorkerDiedError(Exception):
    """Two workers died while processing this frame; it is not touched again in this run."""


class InFlight:
    """Frames pass through here whenever native code works on them.

    Ordinary frames never wait. Huge images, of which few fit into memory, wait for one another,
    and a suspect is processed while nothing else is.

    Parameters
    ----------
    listener : callable
        Is called from any thread when the processing of something starts or ends.
    suspects : collection of str
        What was being processed when a worker died.
    left_out : mapping of str to str
        What must not be touched, and why.
    """

    def __init__(
        self,
        listener: Listener = lambda name, started: None,
        suspects: Collection[str] = (),
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        self._listener, self._suspects, self._left_out = listener, suspects, left_out or {}
        self._capacity = MOST_PIXELS * max(1, parallel.cores() // 2)
        self._free, self._keepable = self._capacity, self._capacity * 3 // 4
        self._queue = threading.Lock()
        self._changed = threading.Condition(threading.RLock())

    @contextmanager
    def hold(self, name: str, pixels: int = 1) -> Iterator[None]:
        """Process something in this context.

        Raises
        ------
        WorkerDiedError
            If it is left out.
        """
        if name in self._left_out:
            raise WorkerDiedError(self._left_out[name])
        share = self._capacity if name in self._suspects else min(max(1, pixels), self._capacity)
        with self._queue, self._changed:  # in turn, or a large one would wait forever
            self._changed.wait_for(lambda: self._free >= share)
            self._free -= share
        self._listener(name, True)
        try:
            yield
        finally:
            self._listener(name, False)
            with self._changed:
                self._free += share
                self._changed.notify()

    def keep(self, image: Image) -> Image | None:
        """Return an image that may stay in memory; None if it is huge or too many are kept."""
        pixels = image.shape[0] * image.shape[1]
        with self._changed:
            if pixels > min(self._keepable, self._capacity // 4):
                return None
            self._keepable -= pixels
        weakref.finalize(image, self._release, pixels).atexit = False
        return image

    def ahead(self, usual: int, pixels: int) -> int:
        """Return how many decoded frames of a video, at most `usual`, may wait for a stage."""
        return max(1, min(usual, self._capacity // max(1, pixels)))

    def _release(self, pixels: int) -> None:
        with self._changed:  # an RLock: an image may be freed while this very thread holds it
            self._keepable += pixels
