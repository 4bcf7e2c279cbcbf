"""What the workers have in hand: told to whoever watches them, and bounded by its pixels."""

import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from utils import MOST_PIXELS, parallel
from utils.images import Image

Tell = Callable[[str, bool], None]
"""Called with the name of what is taken in hand (True) or finished with (False)."""


class WorkerDied(Exception):  # noqa: N818 - it is what happened to others
    """A frame was in hand twice when a worker died, and is not touched again in this run."""


class InFlight:
    """Frames pass through here whenever native code works on them.

    Ordinary frames never wait. Huge pictures, of which few fit into memory, wait for one another,
    and a suspect is worked on while nothing else is.

    Parameters
    ----------
    tell : hears what is taken in hand; called from any thread
    suspects : names of what was in hand when a worker died
    left_out : name -> why it must not be touched
    """

    def __init__(
        self,
        tell: Tell = lambda name, taken: None,
        suspects: Collection[str] = (),
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        self._tell, self._suspects, self._left_out = tell, suspects, left_out or {}
        self._all = MOST_PIXELS * max(1, parallel.cores() // 2)
        self._free, self._to_keep = self._all, self._all * 3 // 4
        self._door = threading.Lock()
        self._changed = threading.Condition(threading.RLock())

    @contextmanager
    def hold(self, name: str, pixels: int = 1) -> Iterator[None]:
        """Work on something.

        Raises
        ------
        WorkerDied
            If it is left out.
        """
        if name in self._left_out:
            raise WorkerDied(self._left_out[name])
        share = self._all if name in self._suspects else min(max(1, pixels), self._all)
        with self._door, self._changed:  # in turn, or a large one would wait for ever
            self._changed.wait_for(lambda: self._free >= share)
            self._free -= share
        self._tell(name, True)
        try:
            yield
        finally:
            self._tell(name, False)
            with self._changed:
                self._free += share
                self._changed.notify()

    def keep(self, image: Image) -> Image | None:
        """Return a picture that may stay in memory, or None if it is huge or there are too many."""
        pixels = image.shape[0] * image.shape[1]
        with self._changed:
            if pixels > min(self._to_keep, self._all // 4):
                return None
            self._to_keep -= pixels
        weakref.finalize(image, self._forget, pixels).atexit = False
        return image

    def ahead(self, usual: int, pixels: int) -> int:
        """Return how many decoded frames of a video, `usual` at most, may wait for a stage."""
        return max(1, min(usual, self._all // max(1, pixels)))

    def _forget(self, pixels: int) -> None:
        with self._changed:  # an RLock: a picture may go while this very thread holds it
            self._to_keep += pixels
