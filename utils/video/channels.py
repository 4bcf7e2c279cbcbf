"""The channels of sound tracks, by name.

PyAV (18.1) frees the memory of a layout twice if it lists its channels in an order of its own, as
MOV does: such a layout must not be read from a codec context or a frame. FFmpeg's own description
of the file names the channels without that.
"""

import re
from dataclasses import dataclass
from functools import cache

import av

from utils.video.av_types import Container

DESCRIBED = re.compile(r"Stream #0:(\d+)[^\n]*?: Audio: [^\n]*? Hz, ([^,\n]+)")
LISTED = re.compile(r"(\d+) channels(?: \((.+)\))?")
NATIVE = (
    *("mono", "stereo", "2.1", "3.0", "3.0(back)", "4.0", "quad", "quad(side)", "3.1", "4.1"),
    *("5.0", "5.0(side)", "5.1", "5.1(side)", "6.0", "6.1", "6.1(back)", "7.0", "7.1", "7.1(wide)"),
)
"""FFmpeg's names of common layouts."""


@dataclass(frozen=True)
class Channels:
    """The channels of a track.

    Attributes
    ----------
    stated : str
        FFmpeg's description: "5.1", "2 channels" (not stated), "6 channels (FL+FC+FR+...)".
    count : int
        How many they are.
    layout : str
        FFmpeg's name of the layout with the same channels in FFmpeg's order; where the channels are
        not stated, the usual one for their number.
    order : tuple of int
        The number in the track of each channel of `layout`.
    """

    stated: str
    count: int
    layout: str
    order: tuple[int, ...]

    @property
    def is_native(self) -> bool:
        """Whether the track has the order of `layout` and says so."""
        return self.stated == self.layout

    @property
    def is_listed(self) -> bool:
        """Whether the track has an order of its own."""
        return "(" in self.stated and not self.is_native

    @classmethod
    def of(cls, stated: str) -> "Channels":
        """Return the channels of FFmpeg's description.

        Raises
        ------
        ValueError
            If there is no layout for them.
        """
        listed = LISTED.fullmatch(stated)
        if listed is None:
            count = len(_names(stated))
            return cls(stated, count, stated, tuple(range(count)))
        count, names = int(listed[1]), (listed[2] or "").split("+")
        for layout in NATIVE:
            if sorted(_names(layout)) == sorted(names):
                return cls(stated, count, layout, tuple(map(names.index, _names(layout))))
        return cls(stated, count, av.AudioLayout(f"{count}c").name, tuple(range(count)))


@cache
def _names(layout: str) -> list[str]:
    return [channel.name for channel in av.AudioLayout(layout).channels]


def channels_in(container: Container) -> dict[int, Channels]:
    """Return the channels of the sound tracks of a file, by stream index, as far as known."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)  # or the description is empty
    try:
        described = DESCRIBED.findall(container.dumps_format())
    finally:
        av.logging.set_level(level)
    found = {}
    for index, stated in described:
        try:
            found[int(index)] = Channels.of(stated)
        except ValueError:  # more channels than any layout has
            continue
    return found
