"""One frame of the footage, what must be known of its video, and a span of frames."""

from dataclasses import dataclass
from fractions import Fraction

from utils.images import Image
from utils.video.color import ColorSpace


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of the footage.

    Attributes
    ----------
    image : (H, W, 3) uint8 BGR
    index : its place in the footage, from 0
    name : the file's name in a folder; in a video the name it would have as a picture
    time : seconds; None in a folder
    duration : seconds for which it is shown; None if not said
    deep : the same picture as (H, W, 3) uint16, 0..65535, where the source has it and is asked to
    """

    image: Image
    index: int
    name: str
    time: Fraction | None
    duration: Fraction | None = None
    deep: Image | None = None


@dataclass(frozen=True)
class VideoFormat:
    """What a sink must know of a video to write one like it.

    Attributes
    ----------
    time_base : the unit its timestamps are counted in, seconds; None in a folder
    origin : seconds at which its clock starts; already taken off `Frame.time`
    color : how its numbers stand for colors; None in a folder
    aspect : width : height of one pixel; None if square
    depth : bits a channel
    hdr : whether it is high dynamic range, which is tone-mapped while it is read
    """

    time_base: Fraction | None = None
    origin: Fraction = Fraction(0)
    color: ColorSpace | None = None
    aspect: Fraction | None = None
    depth: int = 8
    hdr: bool = False


@dataclass(frozen=True)
class Span:
    """A part of the footage.

    Attributes
    ----------
    first, last : where it begins and ends. A whole number is a frame's index, and the last frame
        belongs to the span; a fraction is seconds, and a frame at the last second does not. None is
        the footage's own beginning or end
    """

    first: int | Fraction | None = None
    last: int | Fraction | None = None

    @property
    def uses_seconds(self) -> bool:
        """Whether it means something only where frames have times."""
        return isinstance(self.first, Fraction) or isinstance(self.last, Fraction)

    def before(self, index: int, time: Fraction | None) -> bool:
        """Whether a frame lies before it."""
        if isinstance(self.first, Fraction):
            return time is not None and time < self.first
        return self.first is not None and index < self.first

    def after(self, index: int, time: Fraction | None) -> bool:
        """Whether a frame lies after it."""
        if isinstance(self.last, Fraction):
            return time is not None and time >= self.last
        return self.last is not None and index > self.last

    def begun_earlier(self, frames: int, rate: Fraction | None) -> "Span":
        """Return the span that begins so many frames earlier."""
        if isinstance(self.first, Fraction):
            back = Fraction(frames) / (rate or 25)
            return Span(max(self.first - back, Fraction(0)), self.last)
        return self if self.first is None else Span(max(self.first - frames, 0), self.last)

    def count(self, total: int | None, rate: Fraction | None) -> int | None:
        """Return about how many frames it has of `total`; None if that cannot be known."""
        if total is None:
            return None

        def index(position: int | Fraction | None, default: int) -> int:
            if isinstance(position, Fraction):
                position = round(position * (rate or 25))
            return min(max(default if position is None else position, 0), total)

        last = self.last + 1 if isinstance(self.last, int) else self.last
        return max(0, index(last, total) - index(self.first, 0))


WHOLE = Span()
