"""The timestamps of a video's packets, where they number its frames without decoding them."""

from bisect import bisect_right
from typing import NamedTuple


class PacketTimes(NamedTuple):
    """Timestamps of all frames, in time base units, and numbers of the key frames; sorted."""

    all: list[int]
    keys: list[int]

    def key_before(self, index: int) -> int:
        """Return the number of the last key frame up to a frame, or 0."""
        place = bisect_right(self.keys, index)
        return self.keys[place - 1] if place else 0

    def entry_to(self, index: int) -> int:
        """Return a key frame from which a frame is decoded exactly as from the beginning.

        It is the last but one: where an image is refreshed in strips, and where frames after a key
        frame refer to others before it, only the next interval is whole.
        """
        return self.key_before(self.key_before(index) - 1)
