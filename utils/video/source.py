"""The interface of frame sources, and the simplest one: a folder of images."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from utils.errors import InputError, UsageError
from utils.files import list_images
from utils.images import Image, bits_per_channel, read_image, read_image_and_16_bit
from utils.parallel import Failure, cores, ordered_map
from utils.video import timecode
from utils.video.frame import WHOLE, Frame, Span, VideoFormat

SAMPLED = 12
"""Images of a folder that are checked for their bits per channel."""


def span_between(first: str | None, last: str | None) -> Span:
    """Return the span that the options --from and --to describe.

    Raises
    ------
    UsageError
        If one is malformed, or the end precedes the start.
    """
    begin = None if first is None else timecode.position(first, "--from")
    end = None if last is None else timecode.position(last, "--to")
    if type(begin) is type(end) and begin is not None and end is not None and end < begin:
        raise UsageError(f"--to: Expected an end after --from {first}. Received: {last}")
    return Span(begin, end)


class FrameSource(ABC):
    """Frames of a folder or a video, in order; each iteration starts at the beginning.

    Attributes
    ----------
    path : Path
        The folder or file.
    is_video : bool
        Whether frames have timestamps.
    files : sequence of Path
        The image of each frame of a folder, in natural order; empty for a video.
    count : int or None
        Number of frames, of a video as stated by it or estimated; None if unknown.
    rate : Fraction or None
        Average frames per second; None in a folder.
    video_format : VideoFormat
        What a sink needs to write an equal video.
    wants_16_bit : bool
        Set it to get `Frame.image16` where the footage has more than 8 bits per channel.
    failures : list of str
        One sentence per item that the last iteration could not read and skipped.
    """

    is_video: bool
    files: Sequence[Path] = ()
    count: int | None = None
    rate: Fraction | None = None
    video_format: VideoFormat = VideoFormat()
    wants_16_bit: bool = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failures: list[str] = []

    @property
    @abstractmethod
    def size(self) -> tuple[int, int] | None:
        """Width and height of the upright frames; in a folder, of its first readable image."""

    @abstractmethod
    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Yield the frames of a span; skipping those before it is cheap."""

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def times(self) -> Iterator[tuple[str, Fraction, Fraction | None]]:
        """Yield name, time and duration of all frames of a video."""
        raise NotImplementedError


class FolderSource(FrameSource):
    """The images of a folder in natural order.

    Unreadable images are skipped and named in `failures`, and so are images whose name differs from
    an earlier one's only by the suffix: the stem ties faces and results to a frame.

    Raises
    ------
    InputError
        If the folder is missing or has no images.
    """

    is_video = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.files = list_images(path)
        self.count = len(self.files)
        sampled = self.files[:: max(1, len(self.files) // SAMPLED)]
        self.video_format = VideoFormat(depth=max(map(bits_per_channel, sampled)))

    @cached_property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the first readable image."""
        for file in self.files:
            try:
                height, width = read_image(file).shape[:2]
            except InputError:
                continue
            return width, height
        return None

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Yield the images of a span of frame numbers."""
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
                    f'"{file.name}" was skipped: "{first}" has the same name but for the suffix'
                )
        images = ordered_map(lambda item: self._read(item[1]), wanted, workers=min(4, cores()))
        for (index, file), image in zip(wanted, images, strict=True):
            if isinstance(image, Failure):
                self.failures.append(str(image.error))
            else:
                yield Frame(image[0], index, file.name, None, image16=image[1])

    def _read(self, file: Path) -> tuple[Image, Image | None]:
        return read_image_and_16_bit(file) if self.wants_16_bit else (read_image(file), None)
