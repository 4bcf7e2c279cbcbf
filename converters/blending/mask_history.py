"""The masks of a face in several frames, so that where its colors come from is steady.

The colors of the predicted face and of the dst face are measured anew in every frame, in the same
place: then a change of the light is followed at once, and what the network makes flicker is taken
out. But with every pixel that the mask gains or loses, hair or background, the measurement jumps,
and so do the colors that a seamless clone takes from the mask's edge. So there the mask is the
average of a few frames' masks; at a cut it starts anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from converters.blending.mask import Swap

LONGEST_WAY = 0.5  # of the face's size: farther from frame to frame it is another face
LARGEST_GROWTH = 1.3
THUMB = 16  # pixels
CUT = 0.1  # mean difference of two aligned faces in 0..1, above which it is another shot


class _Track(NamedTuple):
    """A face in the frame before: where it was, what it looked like, its latest masks."""

    center: np.ndarray
    size: float
    thumb: np.ndarray
    row: tuple[np.ndarray, ...]

    def continues(self, before: _Track) -> bool:
        """Whether this is the face `before`, in the same shot."""
        growth = self.size / max(before.size, 1e-6)
        return (
            float(np.hypot(*(self.center - before.center))) < LONGEST_WAY * before.size
            and 1 / LARGEST_GROWTH < growth < LARGEST_GROWTH
            and float(np.abs(self.thumb - before.thumb).mean()) < CUT
        )


@dataclass
class MaskHistory:
    """Is shown the frames in order and gives each face its latest masks.

    What a face gets depends on no more frames before it than are asked for: begun that many frames
    earlier, a run that is continued comes to the same result.
    """

    _index: int = -2
    _tracks: tuple[_Track, ...] = ()

    def add(
        self, index: int, swaps: Sequence[Swap], masks: Sequence[np.ndarray], frames: int
    ) -> list[Swap]:
        """Take the next frame and return its faces with their latest masks.

        Parameters
        ----------
        index : number of the frame; after a gap all starts anew
        swaps, masks : its faces and the mask of each
        frames : how many masks each face gets at most
        """
        before = self._tracks if index == self._index + 1 else ()
        tracks, remembered = [], []
        for swap, mask in zip(swaps, masks, strict=True):
            track = _track(swap, mask)
            known = [other for other in before if track.continues(other)]
            nearest = min(known, key=lambda t: np.hypot(*(t.center - track.center)), default=None)
            earlier = () if nearest is None else nearest.row
            row = (*earlier, mask)[-frames:]
            tracks.append(track._replace(row=row))
            remembered.append(replace(swap, masks=row))
        self._index, self._tracks = index, tuple(tracks)
        return remembered


def _track(swap: Swap, mask: np.ndarray) -> _Track:
    thumb = cv2.resize(swap.crop, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    size = float(np.ptp(swap.landmarks, axis=0).max())
    return _Track(swap.landmarks.mean(axis=0), size, thumb, (mask,))


def average(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of consecutive frames' masks, the newest last, float32.

    Their weight falls evenly from the newest to the oldest, so none drops out at one blow.
    """
    weights = np.arange(1, len(masks) + 1, dtype=np.float32) / sum(range(1, len(masks) + 1))
    return np.sum([mask * weight for mask, weight in zip(masks, weights, strict=True)], axis=0)
