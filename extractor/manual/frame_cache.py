"""The frames that a person goes through, forwards and back; a video is decoded once on the way."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from extractor.frames import Pending, pending
from extractor.in_flight import InFlight
from extractor.options import ExtractOptions
from utils.video.source import FrameSource

MOST_BYTES = 256 << 20  # of decoded frames kept for going back; about 40 of 1080p


class FrameCache:
    """Frames of a source by position, from 0, counting only those that are wanted.

    Pictures of a folder are kept as paths. Of a video the last frames stay in memory; going back
    further means to decode it anew from its beginning.

    Parameters
    ----------
    wanted : whether the frame of a name is to be looked at
    """

    def __init__(
        self, source: FrameSource, options: ExtractOptions, wanted: Callable[[str], bool]
    ) -> None:
        self.failures: list[str] = []
        self._source, self._options, self._wanted = source, options, wanted
        self._kept: OrderedDict[int, Pending] = OrderedDict()
        self._bytes = 0
        self._frames = self._rewound()
        self._next = 0

    def at(self, position: int) -> Pending | None:
        """Return the frame at a position, None behind the last one."""
        if position in self._kept:
            return self._kept[position]
        if position < self._next:
            self._frames, self._next = self._rewound(), 0
        while self._next <= position:
            frame = next(self._frames, None)
            if frame is None:
                return None
            self._keep(self._next, frame)
            self._next += 1
        return self._kept[position]

    def _rewound(self) -> Iterator[Pending]:
        self.failures.clear()
        frames = pending(self._source, self._options, (), self.failures, InFlight())
        return (frame for frame in frames if self._wanted(frame.name))

    def _keep(self, position: int, frame: Pending) -> None:
        if position in self._kept:
            return
        self._kept[position] = frame
        self._bytes += _size(frame)
        while self._bytes > MOST_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)


def _size(frame: Pending) -> int:
    return 0 if isinstance(frame.picture, Path) else frame.picture.nbytes
