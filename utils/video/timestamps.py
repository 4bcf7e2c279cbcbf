"""The timestamps of a video's frames, in a file beside the extracted images."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from utils.errors import InputError
from utils.files import write_json
from utils.records import fraction, read_record, reading
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
    aspect : Fraction or None
        Pixel aspect ratio of the images, width / height; None if square.
    """

    times: Mapping[str, FrameTime]
    time_base: Fraction
    rate: Fraction
    complete: bool
    aspect: Fraction | None = None

    @classmethod
    def of_text(
        cls, source: FrameSource, times: Mapping[str, tuple[str, str]], complete: bool
    ) -> "Timestamps":
        """Return the times of a source's frames from texts such as "1001/30000"."""
        rate = source.rate or Fraction(25)
        shown = {name: FrameTime(*map(fraction, texts)) for name, texts in times.items()}
        time_base = source.video_format.time_base or 1 / rate
        return cls(shown, time_base, rate, complete, source.video_format.aspect)

    @classmethod
    def of(cls, source: FrameSource) -> "Timestamps":
        """Decode a video and return the times of all frames."""
        rate = source.rate or Fraction(25)
        shown = {
            Path(name).stem: FrameTime(time, duration or Fraction(0))
            for name, time, duration in source.times()
        }
        time_base = source.video_format.time_base or 1 / rate
        return cls(shown, time_base, rate, complete=True, aspect=source.video_format.aspect)

    def write(self, path: Path) -> None:
        """Write as JSON, with exact fractions."""
        times = {name: [str(value) for value in shown] for name, shown in self.times.items()}
        facts = {"tick": str(self.time_base), "rate": str(self.rate), "whole": self.complete}
        if self.aspect is not None:
            facts["aspect"] = str(self.aspect)
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
        damaged = f'"{path}" is not a file of times that `video extract` wrote'
        with reading(path, "file of times", damaged=damaged):
            times = {
                str(name): FrameTime(fraction(time), fraction(duration))
                for name, (time, duration) in found["times"].items()
            }
            time_base, rate = fraction(found["tick"]), fraction(found["rate"])
            aspect = fraction(found["aspect"]) if "aspect" in found else None
            if time_base <= 0 or rate <= 0 or not times or not 0.1 <= (aspect or 1) <= 10:
                raise ValueError(path)
            return cls(times, time_base, rate, bool(found["whole"]), aspect)


def aspect_beside(folder: Path) -> Fraction | None:
    """Return the pixel aspect ratio of the images that `video extract` wrote to a folder."""
    path = folder / NAME
    try:
        return Timestamps.read(path).aspect if path.exists() else None
    except InputError:  # a file of the same name
        return None


class TimedFrames(FolderSource):
    """Images of a folder with their times; images without one are failures.

    An image is the frame of the original whose number stands in its name. Numbers count from
    `first_number`: by default from 0, or from 1 if they are exactly 1 to the number of frames.

    Attributes
    ----------
    first, last : Fraction
        Start and end of the images in the original video, seconds; `last` None is its end.
    notes : list of str
        What was found out about the numbers.
    """

    def __init__(
        self,
        path: Path,
        table: Timestamps,
        video_format: VideoFormat | None = None,
        first_number: int | None = None,
    ) -> None:
        super().__init__(path)
        self._table = table
        if first_number is None and self._counts_from_1():
            first_number = 1
            self.notes.append(
                f'the images are numbered from 1: "{self.files[0].name}" is the first frame'
            )
        self._names = self._names_of_frames(first_number or 0)
        known = [name for name in self._names.values() if name in table.times]
        if not known:
            raise InputError(
                f'no image in "{path}" has a number from the file of times, such as '
                f'"{next(iter(table.times))}"; see --first-number, or use --rate instead'
            )
        names = list(table.times)
        self.first = (
            Fraction(0) if known[0] == names[0] and table.complete else table.times[known[0]].time
        )
        end = table.times[known[-1]]
        self.last = None if known[-1] == names[-1] and table.complete else end.time + end.duration
        self.rate = table.rate
        self.video_format = replace(
            video_format or VideoFormat(aspect=table.aspect),
            time_base=table.time_base,
            depth=self.video_format.depth,  # of the images, whatever the original has
            hdr=False,
        )
        self._report_gaps(names, known)

    def _counts_from_1(self) -> bool:
        """Whether the images are numbered from 1 to the number of frames."""
        names = list(self._table.times)
        whole = self._table.complete and names[-1] == name_of_frame(len(names) - 1)
        return self.is_numbered and whole and (self.numbers[0], self.numbers[-1]) == (1, len(names))

    def _names_of_frames(self, first_number: int) -> dict[str, str]:
        """Return the name of the original's frame for the stem of each image."""
        stems = [file.stem for file in self.files]
        if not self.is_numbered:
            return {stem: stem for stem in stems}
        numbers = zip(stems, self.numbers, strict=True)
        named = {stem: name_of_frame(number - first_number) for stem, number in numbers}
        if not first_number:
            named |= {stem: stem for stem in stems if stem in self._table.times}
        return named

    def _report_gaps(self, names: list[str], known: list[str]) -> None:
        there = frozenset(known)
        wanted = names[names.index(known[0]) : names.index(known[-1]) + 1]
        missing = [name for name in wanted if name not in there]
        if missing:
            self.notes.append(
                f'there is no image of {len(missing)} frame(s), such as "{missing[0]}": the image '
                "before is held for their time"
            )

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Yield the images with their times."""
        for frame in super().frames(span):
            shown = self._table.times.get(self._names[Path(frame.name).stem])
            if shown is None:
                self.failures.append(f'"{frame.name}" has no timestamp and was skipped')
            else:
                duration = shown.duration or None
                yield replace(frame, time=shown.time - self.first, duration=duration)


def name_of_frame(number: int) -> str:
    """Return the stem that a frame of a video has as an image."""
    return f"{number:06d}"
