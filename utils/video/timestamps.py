"""When each frame of a video is shown, in a file beside pictures of them: `timestamps.json`."""

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
    """When a frame is shown and for how long, in seconds; 0 where that is not known."""

    time: Fraction
    duration: Fraction


@dataclass(frozen=True)
class Timestamps:
    """The times of frames by the stems of their names.

    Attributes
    ----------
    times : in order
    time_base : the unit the source counts them in, seconds
    rate : frames a second on average
    whole : whether it is all of the source
    """

    times: Mapping[str, FrameTime]
    time_base: Fraction
    rate: Fraction
    whole: bool

    @classmethod
    def of_text(
        cls, source: FrameSource, times: Mapping[str, tuple[str, str]], whole: bool
    ) -> "Timestamps":
        """Return the times of frames of a source, given as texts such as "1001/30000"."""
        rate = source.rate or Fraction(25)
        shown = {name: FrameTime(*map(Fraction, texts)) for name, texts in times.items()}
        return cls(shown, source.video_format.time_base or 1 / rate, rate, whole)

    @classmethod
    def of(cls, source: FrameSource) -> "Timestamps":
        """Return the times of all frames of a video; it is decoded for that."""
        rate = source.rate or Fraction(25)
        shown = {
            Path(name).stem: FrameTime(time, duration or Fraction(0))
            for name, time, duration in source.times()
        }
        return cls(shown, source.video_format.time_base or 1 / rate, rate, whole=True)

    def write(self, path: Path) -> None:
        """Write it as JSON with exact fractions."""
        times = {name: [str(value) for value in shown] for name, shown in self.times.items()}
        facts = {"tick": str(self.time_base), "rate": str(self.rate), "whole": self.whole}
        write_json(path, {"version": VERSION, **facts, "times": times})

    @classmethod
    def read(cls, path: Path) -> "Timestamps":
        """Read one.

        Raises
        ------
        InputError
            If there is none, or it is not what `video extract` writes.
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
    """Pictures of a folder with the times of a table; those it does not name are failures.

    Attributes
    ----------
    first, last : the part of the original that they show, in seconds; `last` None is to its end
    """

    def __init__(
        self, path: Path, table: Timestamps, video_format: VideoFormat | None = None
    ) -> None:
        super().__init__(path)
        self._table = table
        stems = [file.stem for file in self.files if file.stem in table.times]
        if not stems:
            raise InputError(
                f'no picture in "{path}" has a name such as "{next(iter(table.times))}", which the '
                "times are for; use --rate instead"
            )
        names = list(table.times)
        self.first = (
            Fraction(0) if stems[0] == names[0] and table.whole else table.times[stems[0]].time
        )
        end = table.times[stems[-1]]
        self.last = None if stems[-1] == names[-1] and table.whole else end.time + end.duration
        self.rate = table.rate
        self.video_format = replace(
            video_format or VideoFormat(), time_base=table.time_base, depth=8, hdr=False
        )

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Yield the pictures with their times."""
        for frame in super().frames(span):
            shown = self._table.times.get(Path(frame.name).stem)
            if shown is None:
                self.failures.append(f'"{frame.name}" has no time and was left out')
            else:
                duration = shown.duration or None
                yield replace(frame, time=shown.time - self.first, duration=duration)
