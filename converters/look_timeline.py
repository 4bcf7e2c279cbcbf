"""Which frame has which look: a look holds from its frame until the next one with its own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from converters.blending.blender import Blender
from converters.look import Look, color_context_frames, mask_context_frames
from utils.video.frame import Frame


@dataclass(frozen=True)
class LookTimeline:
    """The looks of all frames of the footage; immutable: changes return a new one.

    Attributes
    ----------
    own : mapping of int to Look
        The frames with a look of their own, frame 0 among them, by number.
    """

    own: Mapping[int, Look]
    _keys: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if 0 not in self.own:
            raise ValueError(f"expected settings for frame 0. Received: {sorted(self.own)}")
        object.__setattr__(self, "own", MappingProxyType(dict(sorted(self.own.items()))))
        object.__setattr__(self, "_keys", tuple(self.own))

    @classmethod
    def all_alike(cls, look: Look) -> LookTimeline:
        """Return the looks of footage that is converted with one look throughout."""
        return cls({0: look})

    @property
    def context_frames(self) -> int:
        """How many frames before a frame it may depend on: colors on masks, masks on others."""
        looks = self.own.values()
        return max(map(color_context_frames, looks)) + max(map(mask_context_frames, looks))

    def first_needed(self, index: int) -> int:
        """Return the first frame that a frame depends on, or that one does whose mask it takes."""
        taken = range(max(0, index - color_context_frames(self.at(index))), index + 1)
        return max(0, min(each - mask_context_frames(self.at(each)) for each in taken))

    def source(self, index: int) -> int:
        """Return the frame whose look a frame has: itself, or one before it."""
        return self._keys[bisect_right(self._keys, index) - 1]

    def at(self, index: int) -> Look:
        """Return the look of a frame."""
        return self.own[self.source(index)]

    def from_here(self, index: int, look: Look) -> LookTimeline:
        """Give a look to a frame and all that follow, up to the next one with its own."""
        return LookTimeline({**self.own, index: look})

    def only_here(self, index: int, look: Look) -> LookTimeline:
        """Give one frame a look; the frames after it keep theirs."""
        return LookTimeline({**self.own, index + 1: self.at(index + 1), index: look})

    def to_the_end(self, index: int) -> LookTimeline:
        """Give all later frames the look of this one."""
        kept = {key: look for key, look in self.own.items() if key < index}
        return LookTimeline({**kept, index: self.at(index)})

    def from_the_start(self, index: int) -> LookTimeline:
        """Give all earlier frames the look of this one."""
        kept = {key: look for key, look in self.own.items() if key > index}
        return LookTimeline({**kept, 0: self.at(index)})


class Blenders:
    """The blender of each frame; one is made for each look that occurs."""

    def __init__(self, timeline: LookTimeline, make: Callable[[Look], Blender]) -> None:
        self._timeline, self._make = timeline, make
        self._made: dict[Look, Blender] = {}

    def __call__(self, frame: Frame) -> Blender:
        """Return the blender of a frame."""
        look = self._timeline.at(frame.index)
        # two threads may both make it; the first one's is used
        return self._made.get(look) or self._made.setdefault(look, self._make(look))
