"""What every source of frames is, and the simplest one: a folder of pictures."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from utils.errors import InputError, UsageError
from utils.files import list_images
from utils.images import Image, read_deep, read_image
from utils.parallel import Failure, cores, ordered_map
from utils.video import timecode
from utils.video.frame import WHOLE, Frame, Span, VideoFormat


def span_between(first: str | None, last: str | None) -> Span:
    """Return the span that the options --from and --to describe.

    Raises
    ------
    UsageError
        If one is written wrongly, or the end comes before the beginning.
    """
    begin = None if first is None else timecode.position(first, "--from")
    end = None if last is None else timecode.position(last, "--to")
    if type(begin) is type(end) and begin is not None and end is not None and end < begin:
        raise UsageError(f"--to: Expected an end after --from {first}. Received: {last}")
    return Span(begin, end)


class FrameSource(ABC):
    """Frames of a folder or a video, in order; iterated again it starts anew.

    Attributes
    ----------
    path : the folder or file
    is_video : whether frames have times
    files : of a folder, the image of each frame; of a video nothing
    count : how many frames; of a video, what it says itself or an estimate; None if unknown
    rate : frames a second on average; None in a folder
    video_format : what a sink needs to write alike
    deep : whether frames are to bring more than 8 bits a channel, if there are more
    failures : a sentence for everything the last iteration could not read; it gave all the rest
    """

    is_video: bool
    files: Sequence[Path] = ()
    count: int | None = None
    rate: Fraction | None = None
    video_format: VideoFormat = VideoFormat()
    deep: bool = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failures: list[str] = []

    @property
    @abstractmethod
    def size(self) -> tuple[int, int] | None:
        """Width and height of the upright frames; in a folder, of its first readable picture."""

    @abstractmethod
    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Yield the frames of a span; those before it cost little."""

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def times(self) -> Iterator[tuple[str, Fraction, Fraction | None]]:
        """Yield name, time and duration of all frames of a video."""
        raise NotImplementedError


class FolderSource(FrameSource):
    """The pictures of a folder in natural order.

    A picture that cannot be read is passed over and named in `failures`, and so is one whose name
    differs from an earlier one's by the suffix only: the stem ties faces and results to a frame.

    Raises
    ------
    InputError
        If the folder is missing or holds no picture.
    """

    is_video = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.files = list_images(path)
        self.count = len(self.files)
        with suppress(InputError):
            if read_deep(self.files[0])[1] is not None:
                self.video_format = VideoFormat(depth=16)

    @cached_property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the first picture that can be read."""
        for file in self.files:
            try:
                height, width = read_image(file).shape[:2]
            except InputError:
                continue
            return width, height
        return None

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Yield the pictures of a span of frame numbers."""
        self.failures.clear()
        named: dict[str, str] = {}
        wanted: list[tuple[int, Path]] = []
        for index, file in enumerate(self.files):
            if span.before(index, None) or span.after(index, None):
                continue
            first = named.setdefault(file.stem, file.name)
            if first == file.name:
                wanted.append((index, file))
            else:
                self.failures.append(
                    f'"{file.name}" was passed over: but for the suffix it is named like "{first}"'
                )
        images = ordered_map(lambda item: self._read(item[1]), wanted, workers=min(4, cores()))
        for (index, file), image in zip(wanted, images, strict=True):
            if isinstance(image, Failure):
                self.failures.append(str(image.error))
            else:
                yield Frame(image[0], index, file.name, None, deep=image[1])

    def _read(self, file: Path) -> tuple[Image, Image | None]:
        return read_deep(file) if self.deep else (read_image(file), None)
