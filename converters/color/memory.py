"""The colours of a face over several frames, so that what is matched does not flicker.

The network's colours change slowly from frame to frame, what is measured of them jumps with every
pixel that the mask gains or loses. So both sides are averaged over a few frames, with the same
weights: a change of the light is in the dst face and in what the network makes of it alike, and is
seen at once. At a cut the average starts anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from converters.color.statistics import Match, average
from converters.mask import Swap

LONGEST_WAY = 0.5  # of the face's size: farther from frame to frame it is another face
LARGEST_GROWTH = 1.3
THUMB = 16  # pixels
CUT = 0.1  # mean difference of two aligned faces in 0..1, above which it is another shot


class _Track(NamedTuple):
    """A face in the frame before: where it was, what it looked like, its latest measurements."""

    center: np.ndarray
    size: float
    thumb: np.ndarray
    row: tuple[Match, ...]

    def continues(self, before: _Track) -> bool:
        """Whether this is the face `before`, in the same shot."""
        growth = self.size / max(before.size, 1e-6)
        return (
            float(np.hypot(*(self.center - before.center))) < LONGEST_WAY * before.size
            and 1 / LARGEST_GROWTH < growth < LARGEST_GROWTH
            and float(np.abs(self.thumb - before.thumb).mean()) < CUT
        )


@dataclass
class Memory:
    """Is shown the frames in order and gives each face the average of its latest measurements.

    What a face gets depends on the frames before it as far as its average reaches, and on nothing
    else: begun that many frames earlier, a run that is continued comes to the same result.
    """

    _index: int = -2
    _tracks: tuple[_Track, ...] = ()

    def add(
        self, index: int, swaps: Sequence[Swap], matches: Sequence[Match | None], frames: int
    ) -> list[Swap]:
        """Take the next frame and return its faces with their averages.

        Parameters
        ----------
        index : number of the frame; after a gap all starts anew
        swaps, matches : its faces and what was measured of each; None: nothing
        frames : over how many frames is averaged
        """
        before = self._tracks if index == self._index + 1 else ()
        tracks, remembered = [], []
        for swap, match in zip(swaps, matches, strict=True):
            if match is None:
                remembered.append(swap)
                continue
            track = _track(swap, match)
            known = [other for other in before if track.continues(other)]
            nearest = min(known, key=lambda t: np.hypot(*(t.center - track.center)), default=None)
            earlier = () if nearest is None else nearest.row
            row = (*earlier, match)[-frames:]
            tracks.append(track._replace(row=row))
            remembered.append(replace(swap, match=average(row)))
        self._index, self._tracks = index, tuple(tracks)
        return remembered


def _track(swap: Swap, match: Match) -> _Track:
    thumb = cv2.resize(swap.crop, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    size = float(np.ptp(swap.landmarks, axis=0).max())
    return _Track(swap.landmarks.mean(axis=0), size, thumb, (match,))
