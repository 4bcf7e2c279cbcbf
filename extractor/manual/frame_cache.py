"""The frames that a person goes through, forward and back; a video is decoded once on the way."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from extractor.frames import Pending, SampledSource
from extractor.in_flight import InFlight

MOST_BYTES = 256 << 20  # of decoded frames kept for going back; about 40 of 1080p


class FrameCache:
    """Frames of a source by position, from 0, counting only those that are wanted.

    Image files are kept as paths. Of a video the last frames stay in memory; going back further
    decodes it again from its beginning.

    Parameters
    ----------
    footage : SampledSource
        Where the frames come from.
    wanted : callable
        Whether the frame of a name is shown.
    """

    def __init__(self, footage: SampledSource, wanted: Callable[[str], bool]) -> None:
        self.failures: list[str] = []
        self._footage, self._wanted = footage, wanted
        self._cached: OrderedDict[int, Pending] = OrderedDict()
        self._bytes = 0
        self._frames = self._rewound()
        self._next = 0

    def at(self, position: int) -> Pending | None:
        """Return the frame at a position, None behind the last one."""
        if position in self._cached:
            return self._cached[position]
        if position < self._next:
            self._frames, self._next = self._rewound(), 0
        while self._next <= position:
            frame = next(self._frames, None)
            if frame is None:
                return None
            self._cache(self._next, frame)
            self._next += 1
        return self._cached[position]

    def _rewound(self) -> Iterator[Pending]:
        self.failures.clear()
        frames = self._footage.pending((), self.failures, InFlight())
        return (frame for frame in frames if self._wanted(frame.name))

    def _cache(self, position: int, frame: Pending) -> None:
        if position in self._cached:
            return
        self._cached[position] = frame
        self._bytes += _size(frame)
        while self._bytes > MOST_BYTES and len(self._cached) > 1:
            _, oldest = self._cached.popitem(last=False)
            self._bytes -= _size(oldest)


def _size(frame: Pending) -> int:
    return 0 if isinstance(frame.content, Path) else frame.content.nbytes
