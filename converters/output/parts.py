"""One part of a converted video, and what the journal knows of it."""

from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from converters.output.base import mask_frame
from converters.pipeline import Converted
from utils.errors import InputError
from utils.records import fraction
from utils.video.codecs import EncoderSettings
from utils.video.sink import VideoSink
from utils.video.source import FrameSource

MOST = 1 << 40
"""No video has so many frames."""


@dataclass
class PartRecord:
    """A part's line in the journal.

    Attributes
    ----------
    time, end : Fraction
        When its first frame is shown and its last one disappears, in seconds of the source.
    last : int
        Number of its last frame.
    frames, faces : int
        How many frames it has, and how many faces were converted in them.
    failures : list of str
        What failed in its frames.
    """

    time: Fraction
    end: Fraction = Fraction(0)
    last: int = -1
    frames: int = 0
    faces: int = 0
    failures: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "PartRecord":
        """Return the record of a line in the journal; an error means that the line is damaged."""
        last, frames, faces = counts = [facts[name] for name in ("last", "frames", "faces")]
        if not all(type(count) is int and 0 <= count < MOST for count in counts):
            raise ValueError(facts)
        failures = [str(text) for text in facts["failures"]]
        time, end = fraction(facts["time"]), fraction(facts["end"])
        return cls(time, end, last, frames, faces, failures)

    def facts(self) -> dict[str, Any]:
        """Return the line in the journal."""
        return asdict(self) | {"time": str(self.time), "end": str(self.end)}

    def add(self, converted: Converted, end: Fraction) -> None:
        """Count a frame that was written, and disappears at `end`."""
        self.frames += 1
        self.faces += converted.faces
        self.failures += converted.failures
        self.last = converted.frame.index
        self.end = end


class PartWriter:
    """Writes one part: a file of frames and, if wanted, another one of their masks.

    Parameters
    ----------
    paths : list of Path
        Where the frames go, and the masks.
    source : FrameSource
        The footage.
    encoder : EncoderSettings
        How both are encoded.
    rate : Fraction
        Frames per second, for frames without a duration.
    time : Fraction
        When the first frame is shown, in seconds of the source.

    Attributes
    ----------
    record : PartRecord
        What has been written.
    notes : list of str
        Sentences about what the encoder cannot keep.
    consistent : bool
        Whether all files have the same frames: Ctrl-C may come between two of them.
    """

    def __init__(
        self,
        paths: list[Path],
        source: FrameSource,
        encoder: EncoderSettings,
        rate: Fraction,
        time: Fraction,
    ) -> None:
        self.record = PartRecord(time)
        self.consistent = True
        self._rate = rate
        with ExitStack() as stack:
            sinks = [VideoSink(path, source, encoder=encoder, rate=rate) for path in paths]
            self._sinks = [stack.enter_context(sink) for sink in sinks]
            self.notes = sinks[0].notes
            self._open = stack.pop_all()

    def add(self, converted: Converted, shown: Fraction) -> None:
        """Write a frame that is shown at `shown`; another size than the rest is a failure of it."""
        record, frame = self.record, converted.frame
        moved = replace(converted, frame=replace(frame, time=shown - record.time))
        self.consistent = False
        try:
            self._sinks[0].write(moved.frame)
            for sink in self._sinks[1:]:
                sink.write(mask_frame(moved))
        except InputError as problem:
            converted.failures.append(str(problem))
        else:
            record.add(converted, shown + (frame.duration or 1 / self._rate))
        self.consistent = True

    def close(self) -> None:
        """Complete the files."""
        self._open.close()

    def discard(self, error: BaseException) -> None:
        """Remove the files, because of an error."""
        self._open.__exit__(type(error), error, None)
