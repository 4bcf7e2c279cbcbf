"""A frame of the footage, the format of its video, and a span of frames."""

from dataclasses import dataclass
from fractions import Fraction

from utils.images import Image
from utils.video.color import ColorSpace


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of the footage.

    Attributes
    ----------
    image : (H, W, 3) uint8 BGR
        Upright, tone-mapped to BT.709 if the video is HDR.
    index : int
        Position in the footage, from 0.
    name : str
        File name in a folder; of a video's frame, the name it would be extracted under.
    time : Fraction or None
        Timestamp in seconds; None in a folder.
    duration : Fraction or None
        Seconds; None if unknown.
    image16 : (H, W, 3) uint16 BGR or None
        The same image, 0..65535, if the source has it and `wants_16_bit`; never enlarged.
    own : (h, w, 3) uint8 BGR or None
        The image in the footage's own pixels, where `image` was enlarged to square ones.
    """

    image: Image
    index: int
    name: str
    time: Fraction | None
    duration: Fraction | None = None
    image16: Image | None = None
    own: Image | None = None


@dataclass(frozen=True)
class VideoFormat:
    """Properties of a video that a sink needs to write one like it.

    Attributes
    ----------
    time_base : Fraction or None
        Unit of the timestamps, seconds; None in a folder.
    origin : Fraction
        Seconds at which the clock starts; already subtracted from `Frame.time`.
    color : ColorSpace or None
        None in a folder.
    aspect : Fraction or None
        Pixel aspect ratio, width / height; None if square.
    depth : int
        Bits per channel.
    hdr : bool
        Whether it is high dynamic range; tone-mapped on reading.
    top_field_first : bool or None
        Which field of an interlaced video is shown first; None if it is progressive.
    """

    time_base: Fraction | None = None
    origin: Fraction = Fraction(0)
    color: ColorSpace | None = None
    aspect: Fraction | None = None
    depth: int = 8
    hdr: bool = False
    top_field_first: bool | None = None


@dataclass(frozen=True)
class Span:
    """A part of the footage.

    Attributes
    ----------
    first, last : int, Fraction or None
        Its ends: a frame index (`last` is inclusive), seconds (`last` is exclusive), or None for
        the end of the footage.
    """

    first: int | Fraction | None = None
    last: int | Fraction | None = None

    @property
    def uses_seconds(self) -> bool:
        """Whether it applies only to frames with timestamps."""
        return isinstance(self.first, Fraction) or isinstance(self.last, Fraction)

    def before(self, index: int, time: Fraction | None) -> bool:
        """Whether a frame precedes the span."""
        if isinstance(self.first, Fraction):
            return time is not None and time < self.first
        return self.first is not None and index < self.first

    def after(self, index: int, time: Fraction | None) -> bool:
        """Whether a frame follows the span."""
        if isinstance(self.last, Fraction):
            return time is not None and time >= self.last
        return self.last is not None and index > self.last

    def holds(self, index: int, time: Fraction | None) -> bool:
        """Whether a frame is in the span."""
        return not self.before(index, time) and not self.after(index, time)

    def widened(self, frames: int) -> "Span":
        """Return a span of indices extended by `frames` frames at both ends."""
        first = max(0, self.first - frames) if isinstance(self.first, int) else self.first
        return Span(first, self.last + frames if isinstance(self.last, int) else self.last)

    def begun_earlier(self, frames: int, rate: Fraction | None) -> "Span":
        """Return the span extended by `frames` frames at its start."""
        if isinstance(self.first, Fraction):
            back = Fraction(frames) / (rate or 25)
            return Span(max(self.first - back, Fraction(0)), self.last)
        return self if self.first is None else Span(max(self.first - frames, 0), self.last)

    def count(self, total: int | None, rate: Fraction | None) -> int | None:
        """Return about how many of `total` frames it contains; None if unknown."""
        if total is None:
            return None

        def index(position: int | Fraction | None, default: int) -> int:
            if isinstance(position, Fraction):
                position = round(position * (rate or 25))
            return min(max(default if position is None else position, 0), total)

        last = self.last + 1 if isinstance(self.last, int) else self.last
        return max(0, index(last, total) - index(self.first, 0))


WHOLE = Span()
