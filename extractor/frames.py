"""The frames that are still to be done: pictures of a folder by path, frames of a video decoded."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from utils.files import list_images
from utils.images import Image, read_image
from utils.video import FrameSource


@dataclass(frozen=True, eq=False)
class Pending:
    """A frame to be worked on.

    Attributes
    ----------
    picture : its path, for a worker to read, or (H, W, 3) uint8 BGR
    index, name, time : as in `utils.video.Frame`
    """

    picture: Path | Image
    index: int
    name: str
    time: Fraction | None

    def image(self) -> Image:
        """Return the picture, (H, W, 3) uint8 BGR.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        return read_image(self.picture) if isinstance(self.picture, Path) else self.picture


def pending(
    source: FrameSource, every: int, done: Container[str], failures: list[str]
) -> Iterator[Pending]:
    """Yield each `every`-th frame of a source that is not done yet, in order.

    Pictures that are done are not even opened. Frames of a video have to be decoded one after the
    other, but those that are done go no further. What cannot be used is named in `failures`.
    """
    if not source.is_video:
        yield from _of_folder(source.path, every, done, failures)
        return
    for frame in source:
        if frame.index % every == 0 and frame.name not in done:
            yield Pending(frame.image, frame.index, frame.name, frame.time)
    failures += source.failures


def _of_folder(
    folder: Path, every: int, done: Container[str], failures: list[str]
) -> Iterator[Pending]:
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
        elif index % every == 0 and path.name not in done:
            yield Pending(path, index, path.name, None)
