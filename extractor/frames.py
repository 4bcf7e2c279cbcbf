"""The frames that still have to be processed: image files by path, video frames decoded."""

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from pathlib import Path

from extractor.in_flight import InFlight, WorkerDiedError
from utils.errors import InputError
from utils.files import name_fault
from utils.images import Image, pixels_in, read_image
from utils.video.aspect import to_square
from utils.video.frame import WHOLE, Span
from utils.video.source import FolderSource, FrameSource


@dataclass(frozen=True, eq=False)
class Pending:
    """A frame to process.

    Attributes
    ----------
    content : Path or (H, W, 3) uint8 BGR
        The image file, which a worker will read, or the decoded frame of a video.
    index, name, time
        As in `utils.video.frame.Frame`.
    wanted : bool
        False for a finished frame that is processed again only to smooth its neighbors.
    aspect : Fraction or None
        Pixel aspect ratio of the footage, if its images are enlarged to square pixels.
    """

    content: Path | Image
    index: int
    name: str
    time: Fraction | None
    wanted: bool = True
    aspect: Fraction | None = None

    def pixels(self) -> int:
        """Return the number of pixels; of an image file, as its header states it."""
        if isinstance(self.content, Path):
            return pixels_in(self.content)
        return self.content.shape[0] * self.content.shape[1]

    def image(self) -> Image:
        """Return the image, (H, W, 3) uint8 BGR.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        if isinstance(self.content, Path):
            return to_square(read_image(self.content), self.aspect)
        return self.content


@dataclass(frozen=True, eq=False)
class SampledSource:
    """Every Nth frame of a folder or a video, which is opened (and listed) once.

    Attributes
    ----------
    source : FrameSource
        The folder or video.
    every : int
        Only frames whose index is a multiple of this are used.
    span : Span
        Only frames in it are used.
    """

    source: FrameSource
    every: int = 1
    span: Span = WHOLE

    @property
    def path(self) -> Path:
        """The folder or file."""
        return self.source.path

    @property
    def count(self) -> int | None:
        """How many frames are used; None if unknown."""
        total = self.span.count(self.source.count, None)
        if total is None:
            return None
        first = int(self.span.first or 0)
        return -(-(first + total) // self.every) + -first // self.every

    @property
    def decoded_pixels(self) -> int:
        """Pixels of a decoded frame that waits in memory; 1 for files, which workers read."""
        return prod(self.source.size or ()) if self.source.is_video else 1

    def pending(
        self,
        done: Container[str],
        failures: list[str],
        in_flight: InFlight,
        neighbors: int = 0,
        gap: int = 1,
    ) -> Iterator[Pending]:
        """Yield the unfinished frames in order.

        Finished image files are not even opened; finished frames of a video are decoded, because
        decoding is sequential, but go no further.

        Parameters
        ----------
        done : container of str
            Names of the finished frames.
        failures : list of str
            Takes a sentence for every frame that cannot be used.
        in_flight : InFlight
            Learns that the decoder is at work.
        neighbors : int
            How many finished frames on each side of an unfinished one come along, `wanted=False`.
        gap : int
            And those as far as the multiples of this before and after them (`tracking.py`).
        """
        reach = neighbors * self.every
        wide = self.span.widened(reach + gap - 1)
        if isinstance(self.source, FolderSource):
            frames = _from_files(self.source.files, failures, self.source.stretch)
        else:
            frames = _from_video(self.source, wide, in_flight)
        sampled = (
            frame
            for frame in frames
            if frame.index % self.every == 0 and wide.holds(frame.index, frame.time)
        )

        def finished(frame: Pending) -> bool:
            return frame.name in done or not self.span.holds(frame.index, frame.time)

        yield from _with_neighbors(sampled, finished, reach, gap)
        failures += self.source.failures


def _from_video(source: FrameSource, span: Span, in_flight: InFlight) -> Iterator[Pending]:
    frames, position = source.frames(span), "the beginning"
    while True:
        try:
            with in_flight.hold(f"the video after {position}"):
                frame = next(frames, None)
        except WorkerDiedError as problem:
            raise InputError(
                f'"{source.path.name}" cannot be decoded beyond {position} ({problem}); finished '
                "frames are kept"
            ) from None
        if frame is None:
            return
        position = frame.name
        yield Pending(frame.image, frame.index, frame.name, frame.time, aspect=source.stretch)


def _from_files(
    files: Sequence[Path], failures: list[str], aspect: Fraction | None
) -> Iterator[Pending]:
    stems: dict[str, str] = {}
    for index, path in enumerate(files):
        first = stems.setdefault(path.stem, path.name)
        if first != path.name:
            failures.append(
                f'"{path.name}" was skipped: "{first}" has the same name except for the suffix, '
                "and faces are matched to frames by that name; rename one of them"
            )
        elif fault := name_fault(path.name):
            failures.append(f"{path.name!a} was skipped: {fault}; rename it")
        else:
            yield Pending(path, index, path.name, None, aspect=aspect)


def _with_neighbors(
    frames: Iterable[Pending], finished: Callable[[Pending], bool], reach: int, gap: int = 1
) -> Iterator[Pending]:
    """Yield the unfinished frames, and as `wanted=False` finished ones that they depend on.

    Those are the frames within reach, in indices, and as far as the next multiple of `gap`.
    """
    before: deque[Pending] = deque(maxlen=reach + gap - 1)
    last = -1
    for frame in frames:
        if not finished(frame):
            first = (frame.index - reach) // gap * gap
            yield from (each for each in before if each.index >= first)
            before.clear()
            yield frame
            last = -(-(frame.index + reach) // gap) * gap
        elif frame.index <= last:
            yield replace(frame, wanted=False)
        else:
            before.append(replace(frame, wanted=False))
