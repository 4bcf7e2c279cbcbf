"""The masks of a face in recent frames, averaged so that its colors do not flicker.

The colors of the predicted face and of the dst face are measured in every frame, in the same area:
that follows changes of the light at once and removes flicker of the network. But with every pixel
of hair or background that the mask gains or loses, the measurement jumps, and so do the colors that
seamless cloning takes from the mask's edge. So the area is the average of the masks of a few
frames; a cut starts a new average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from converters.blending.mask import Swap

MAX_MOTION = 0.5  # of the face's size: farther away in the next frame is another face
MAX_GROWTH = 1.3
THUMBNAIL_SIDE = 16  # pixels
CUT_DIFFERENCE = 0.1  # mean difference of two aligned faces in 0..1 above which there is a cut


class _Track(NamedTuple):
    """A face in a frame: its position, its appearance and its recent masks."""

    center: np.ndarray
    size: float
    thumbnail: np.ndarray
    masks: tuple[np.ndarray, ...]

    def continues(self, previous: _Track) -> bool:
        """Whether this is the same face in the next frame of the same shot."""
        growth = self.size / max(previous.size, 1e-6)
        return (
            float(np.hypot(*(self.center - previous.center))) < MAX_MOTION * previous.size
            and 1 / MAX_GROWTH < growth < MAX_GROWTH
            and float(np.abs(self.thumbnail - previous.thumbnail).mean()) < CUT_DIFFERENCE
        )


@dataclass
class MaskHistory:
    """Tracks faces through the frames, in order, and gives each its recent masks.

    The result for a frame depends only on as many earlier frames as are averaged, so a continued
    run that starts that many frames earlier has the same result.
    """

    _index: int = -2
    _tracks: tuple[_Track, ...] = ()

    def add(
        self, index: int, swaps: Sequence[Swap], masks: Sequence[np.ndarray], frames: int
    ) -> list[Swap]:
        """Add the next frame and return its faces with their recent masks.

        Parameters
        ----------
        index : int
            Number of the frame; a gap starts a new history.
        swaps : sequence of Swap
            Its faces.
        masks : sequence of (MASK_SIDE, MASK_SIDE) float32
            The mask of each face.
        frames : int
            How many masks each face gets at most.
        """
        previous = self._tracks if index == self._index + 1 else ()
        tracks = [_track(swap, mask) for swap, mask in zip(swaps, masks, strict=True)]
        for number, other in _pairs(tracks, previous).items():
            recent = (*previous[other].masks, *tracks[number].masks)[-frames:]
            tracks[number] = tracks[number]._replace(masks=recent)
        self._index, self._tracks = index, tuple(tracks)
        return [replace(swap, masks=track.masks) for swap, track in zip(swaps, tracks, strict=True)]


def _pairs(tracks: Sequence[_Track], previous: Sequence[_Track]) -> dict[int, int]:
    """Return which face continues which one of the previous frame, nearest first, each once."""
    near = sorted(
        (float(np.hypot(*(track.center - other.center))), number, place)
        for number, track in enumerate(tracks)
        for place, other in enumerate(previous)
        if track.continues(other)
    )
    pairs: dict[int, int] = {}
    for _, number, place in near:
        if number not in pairs and place not in pairs.values():
            pairs[number] = place
    return pairs


def _track(swap: Swap, mask: np.ndarray) -> _Track:
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    thumbnail = cv2.resize(swap.crop, side, interpolation=cv2.INTER_AREA)
    size = float(np.ptp(swap.landmarks, axis=0).max())
    return _Track(swap.landmarks.mean(axis=0), size, thumbnail, (mask,))


def average(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Return the weighted mean of the masks of consecutive frames, the newest last; float32.

    Weights fall linearly from the newest to the oldest, so that no mask drops out abruptly.
    """
    weights = np.arange(1, len(masks) + 1, dtype=np.float32) / sum(range(1, len(masks) + 1))
    return np.sum([mask * weight for mask, weight in zip(masks, weights, strict=True)], axis=0)
