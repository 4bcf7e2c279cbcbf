"""The frames that are still to be done: pictures of a folder by path, frames of a video decoded."""

from collections import deque
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from extractor.in_flight import InFlight, WorkerDied
from extractor.options import ExtractOptions
from facelib.smoothing import REACH
from utils.errors import InputError
from utils.files import list_images
from utils.images import Image, pixels_in, read_image
from utils.video.source import FrameSource


@dataclass(frozen=True, eq=False)
class Pending:
    """A frame to be worked on.

    Attributes
    ----------
    picture : its path, for a worker to read, or (H, W, 3) uint8 BGR
    index, name, time : as in `utils.video.frame.Frame`
    wanted : False for one that is done, and only looked at for the sake of its neighbors
    """

    picture: Path | Image
    index: int
    name: str
    time: Fraction | None
    wanted: bool = True

    def pixels(self) -> int:
        """Return how many pixels it has, or says it has; it is not decoded for that."""
        if isinstance(self.picture, Path):
            return pixels_in(self.picture)
        return self.picture.shape[0] * self.picture.shape[1]

    def image(self) -> Image:
        """Return the picture, (H, W, 3) uint8 BGR.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        return read_image(self.picture) if isinstance(self.picture, Path) else self.picture


def pending(
    source: FrameSource,
    options: ExtractOptions,
    done: Container[str],
    failures: list[str],
    hands: InFlight,
) -> Iterator[Pending]:
    """Yield the frames of a source that are not done yet, in order.

    Where landmarks are smoothed, those around them come once more, `wanted=False`. Other pictures
    that are done are not even opened; frames of a video have to be decoded one after the other, but
    those that are done go no further. What cannot be used is named in `failures`.
    """
    frames = _of_video(source, hands) if source.is_video else _of_folder(source.path, failures)
    regular = (frame for frame in frames if frame.index % options.every == 0)
    yield from _with_neighbors(regular, done, REACH if options.smooth else 0)
    failures += source.failures


def _of_video(source: FrameSource, hands: InFlight) -> Iterator[Pending]:
    frames, place = iter(source), "the beginning"
    while True:
        try:
            with hands.hold(f"the video after {place}"):
                frame = next(frames, None)
        except WorkerDied as problem:
            raise InputError(
                f'"{source.path.name}" cannot be decoded beyond {place} ({problem}); what was '
                "finished is kept"
            ) from None
        if frame is None:
            return
        place = frame.name
        yield Pending(frame.image, frame.index, frame.name, frame.time)


def _of_folder(folder: Path, failures: list[str]) -> Iterator[Pending]:
    stems: dict[str, str] = {}
    for index, path in enumerate(list_images(folder)):
        first = stems.setdefault(path.stem, path.name)
        if first != path.name:
            failures.append(
                f'"{path.name}" was passed over: "{first}" has the same name but for the suffix, '
                "and the name is what ties faces to a frame; rename one of them"
            )
        elif not path.name.isprintable():
            failures.append(f"{path.name!a} was passed over: its name is no text; rename it")
        else:
            yield Pending(path, index, path.name, None)


def _with_neighbors(
    frames: Iterable[Pending], done: Container[str], reach: int
) -> Iterator[Pending]:
    """Yield the frames that are not done, and as `wanted=False` those within reach of them."""
    before: deque[Pending] = deque(maxlen=reach)
    after = 0
    for frame in frames:
        if frame.name not in done:
            yield from before
            before.clear()
            yield frame
            after = reach
        elif after:
            yield replace(frame, wanted=False)
            after -= 1
        else:
            before.append(replace(frame, wanted=False))
