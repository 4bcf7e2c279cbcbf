"""The timestamps of a video's frames, in a file beside the extracted images."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from utils.errors import InputError
from utils.files import read_record, write_json
from utils.video.frame import WHOLE, Frame, Span, VideoFormat
from utils.video.source import FolderSource, FrameSource

NAME = "timestamps.json"
VERSION = 1


class FrameTime(NamedTuple):
    """Timestamp and duration of a frame, seconds; a duration of 0 is unknown."""

    time: Fraction
    duration: Fraction


@dataclass(frozen=True)
class Timestamps:
    """Frame times by the stems of the frames' names.

    Attributes
    ----------
    times : mapping of str to FrameTime
        In order.
    time_base : Fraction
        Unit of the source's timestamps, seconds.
    rate : Fraction
        Average frames per second.
    complete : bool
        Whether all frames of the source are included.
    """

    times: Mapping[str, FrameTime]
    time_base: Fraction
    rate: Fraction
    complete: bool

    @classmethod
    def of_text(
        cls, source: FrameSource, times: Mapping[str, tuple[str, str]], complete: bool
    ) -> "Timestamps":
        """Return the times of a source's frames from texts such as "1001/30000"."""
        rate = source.rate or Fraction(25)
        shown = {name: FrameTime(*map(Fraction, texts)) for name, texts in times.items()}
        return cls(shown, source.video_format.time_base or 1 / rate, rate, complete)

    @classmethod
    def of(cls, source: FrameSource) -> "Timestamps":
        """Decode a video and return the times of all frames."""
        rate = source.rate or Fraction(25)
        shown = {
            Path(name).stem: FrameTime(time, duration or Fraction(0))
            for name, time, duration in source.times()
        }
        return cls(shown, source.video_format.time_base or 1 / rate, rate, complete=True)

    def write(self, path: Path) -> None:
        """Write as JSON, with exact fractions."""
        times = {name: [str(value) for value in shown] for name, shown in self.times.items()}
        facts = {"tick": str(self.time_base), "rate": str(self.rate), "whole": self.complete}
        write_json(path, {"version": VERSION, **facts, "times": times})

    @classmethod
    def read(cls, path: Path) -> "Timestamps":
        """Read what `write` has written.

        Raises
        ------
        InputError
            If the file is missing or damaged.
        """
        found = read_record(path, "file of times", VERSION)
        try:
            times = {
                str(name): FrameTime(Fraction(time), Fraction(duration))
                for name, (time, duration) in found["times"].items()
            }
            time_base, rate = Fraction(found["tick"]), Fraction(found["rate"])
            if time_base <= 0 or rate <= 0 or not times:
                raise ValueError(path)
            return cls(times, time_base, rate, bool(found["whole"]))
        except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
            raise InputError(
                f'"{path}" is not a file of times that `video extract` wrote'
            ) from None


class TimedFrames(FolderSource):
    """Images of a folder with their times; images without one are failures.

    Attributes
    ----------
    first, last : Fraction
        Start and end of the images in the original video, seconds; `last` None is its end.
    """

    def __init__(
        self, path: Path, table: Timestamps, video_format: VideoFormat | None = None
    ) -> None:
        super().__init__(path)
        self._table = table
        stems = [file.stem for file in self.files if file.stem in table.times]
        if not stems:
            raise InputError(
                f'no image in "{path}" has a name from the file of times, such as '
                f'"{next(iter(table.times))}"; use --rate instead'
            )
        names = list(table.times)
        self.first = (
            Fraction(0) if stems[0] == names[0] and table.complete else table.times[stems[0]].time
        )
        end = table.times[stems[-1]]
        self.last = None if stems[-1] == names[-1] and table.complete else end.time + end.duration
        self.rate = table.rate
        self.video_format = replace(
            video_format or VideoFormat(),
            time_base=table.time_base,
            depth=self.video_format.depth,  # of the images, whatever the original has
            hdr=False,
        )

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Yield the images with their times."""
        for frame in super().frames(span):
            shown = self._table.times.get(Path(frame.name).stem)
            if shown is None:
                self.failures.append(f'"{frame.name}" has no timestamp and was skipped')
            else:
                duration = shown.duration or None
                yield replace(frame, time=shown.time - self.first, duration=duration)
