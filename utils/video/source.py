"""The interface of frame sources, and the simplest one: a folder of images."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from utils.errors import InputError, UsageError
from utils.files import images_and_others
from utils.images import Image, bits_per_channel, read_image, read_image_and_16_bit
from utils.parallel import Failure, cores, ordered_map
from utils.video import numbering, timecode
from utils.video.aspect import square_size, to_square
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
    square_pixels : bool
        Set it to get images with square pixels from anamorphic footage (see `aspect.py`).
    wants_16_bit : bool
        Set it to get `Frame.image16` where the footage has more than 8 bits per channel.
    failures : list of str
        One sentence per item that the last iteration could not read and skipped.
    notes : list of str
        What the user should know and is no failure: files that are passed over, and what the last
        iteration found.
    """

    is_video: bool
    files: Sequence[Path] = ()
    count: int | None = None
    rate: Fraction | None = None
    video_format: VideoFormat = VideoFormat()
    square_pixels: bool = False
    wants_16_bit: bool = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failures: list[str] = []
        self.notes: list[str] = []

    @property
    @abstractmethod
    def own_size(self) -> tuple[int, int] | None:
        """Width and height of the upright footage; in a folder, of its first readable image."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the frames' images."""
        return square_size(*self.own_size, self.stretch) if self.own_size else None

    @property
    def stretch(self) -> Fraction | None:
        """The pixel aspect ratio by which images are enlarged; None if they are not."""
        return self.video_format.aspect if self.square_pixels else None

    @abstractmethod
    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Yield the frames of a span; skipping those before it is cheap."""

    def located(self, span: Span) -> Span:
        """Return what --from and --to mean as a span of indices: in a folder, numbers in names.

        Raises
        ------
        UsageError
            If the footage has no frame in it, or no times.
        """
        return span

    def place(self, index: int) -> int:
        """Return how many frames of a constant rate come between the first frame and this one."""
        return index

    def gap_notes(self, span: Span = WHOLE) -> list[str]:
        """Return a sentence if numbers are missing among the images of a span of indices."""
        return []

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def times(self) -> Iterator[tuple[str, Fraction, Fraction | None]]:
        """Yield name, time and duration of all frames of a video."""
        raise NotImplementedError


class FolderSource(FrameSource):
    """The images of a folder in natural order.

    The number in an image's name says which frame it is (see `numbering.py`).

    Files that are no images are passed over and named in `notes`. Unreadable images are skipped and
    named in `failures`, and so are images whose name differs from an earlier one's only by the
    suffix: the stem ties faces and results to a frame.

    Raises
    ------
    InputError
        If the folder is missing or has no images.

    Attributes
    ----------
    numbers : list of int
        The number of each file; its position, from 0, in a folder that is not numbered.
    is_numbered : bool
        Whether numbers were found in the names.
    """

    is_video = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.files, self.notes = images_and_others(path)
        self.count = len(self.files)
        numbers = numbering.numbers_in_names(self.files)
        self.is_numbered = numbers is not None
        self.numbers = list(range(len(self.files))) if numbers is None else numbers
        sampled = self.files[:: max(1, len(self.files) // SAMPLED)]
        self.video_format = VideoFormat(depth=max(map(bits_per_channel, sampled)))

    @cached_property
    def own_size(self) -> tuple[int, int] | None:
        """Width and height of the first readable image."""
        for file in self.files:
            try:
                height, width = read_image(file).shape[:2]
            except InputError:
                continue
            return width, height
        return None

    def located(self, span: Span) -> Span:
        """Return the indices of the images whose names have the numbers of a span."""
        return numbering.located(span, self.numbers, self.path.name)

    def place(self, index: int) -> int:
        """Return the number in an image's name, counted from the first image."""
        return self.numbers[index] - self.numbers[0]

    def gap_notes(self, span: Span = WHOLE) -> list[str]:
        """Return a sentence if numbers are missing among the images of a span of indices."""
        last = len(self.files) if span.last is None else int(span.last) + 1
        wanted = slice(int(span.first or 0), last)
        return numbering.gap_note(self.numbers[wanted], self.files[wanted])

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Yield the images of a span of indices."""
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
                own, square, image16 = image
                yield Frame(
                    square, index, file.name, None, None, image16, None if square is own else own
                )

    def _read(self, file: Path) -> tuple[Image, Image, Image | None]:
        own, image16 = (
            read_image_and_16_bit(file) if self.wants_16_bit else (read_image(file), None)
        )
        return own, to_square(own, self.stretch), image16
