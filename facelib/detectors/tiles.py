"""Searching a large image for small faces: in tiles, when it is too large for one pass."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from facelib.detectors.scale import SMALLEST_SIDE, shrink
from facelib.types import Detection, Rect

OVERLAP = 0.3  # boxes that overlap more than this are one face
SMALL, MEASURED = 30, 0.85
"""Faces of fewer pixels are measured too small: yunet gives 0.73 to 0.96 of the size, mt 0.85 to
0.93, and 0.97 of larger ones. Who asks for faces of a size must get those, so where there are tiles
boxes are enlarged by this."""

Pass = Callable[[np.ndarray, float], list[Detection]]
"""Finds the faces of a scaled image; with the scale factor it reports them in unscaled pixels."""


def search(image: np.ndarray, side: int, most: int, smallest: float, find: Pass) -> list[Detection]:
    """Find the faces of an image that is scaled down to a long side of `side`.

    Parameters
    ----------
    image : (H, W, 3)
        The image to search.
    side : int
        Pixels. Above `most` the image is searched at `most`, and then in tiles at `side` for
        what that is too coarse for.
    most : int
        The longest side of one pass.
    smallest : float
        Pixels of the smallest face that a pass finds.
    find : callable
        A pass.
    """
    scaled, factor = shrink(image, side)
    height, width = scaled.shape[:2]
    longest = max(height, width)
    if longest <= most:
        return find(scaled, factor)
    whole, coarse = shrink(image, most)
    found = [_placed(each, 0, 0, coarse) for each in find(whole, coarse)]
    if min(height, width) < SMALLEST_SIDE:
        return found
    # twice the largest face that only tiles show: each such face lies well within one of them
    shared = min(math.ceil(2 * smallest * longest / most), most // 2)
    for top in _starts(height, most, shared):
        for left in _starts(width, most, shared):
            tile = np.ascontiguousarray(scaled[top : top + most, left : left + most])
            seen = [_placed(each, left, top, factor) for each in find(tile, factor)]
            bottom, right = top + tile.shape[0], left + tile.shape[1]
            inside = Rect(
                left / factor if left else -math.inf,
                top / factor if top else -math.inf,
                right / factor if right < width else math.inf,
                bottom / factor if bottom < height else math.inf,
            )
            found += unseen([each for each in seen if _within(each.rect, inside)], found)
    return found


def unseen(new: Sequence[Detection], found: Sequence[Detection]) -> list[Detection]:
    """Return the new detections that are none of the faces found already."""
    left, top, right, bottom = np.array([each.rect for each in found]).reshape(-1, 4).T
    areas = (right - left) * (bottom - top)

    def is_new(rect: Rect) -> bool:
        width = np.minimum(right, rect.right) - np.maximum(left, rect.left)
        height = np.minimum(bottom, rect.bottom) - np.maximum(top, rect.top)
        common = np.maximum(0, width) * np.maximum(0, height)
        union = areas + rect.area - common
        return not (common / np.where(union > 0, union, 1) > OVERLAP).any()

    return [each for each in new if is_new(each.rect)]


def _starts(length: int, tile: int, shared: int) -> list[int]:
    """Return where tiles begin that cover a length evenly and share so many pixels or more."""
    if length <= tile:
        return [0]
    count = 1 + math.ceil((length - tile) / (tile - shared))
    return np.linspace(0, length - tile, count).astype(int).tolist()


def _placed(face: Detection, left: int, top: int, factor: float) -> Detection:
    """Return a face of a tile in the frame, in its true size."""
    rect, moved = face.rect, np.array([left, top]) / factor
    points = None if face.points is None else (face.points + moved).astype(np.float32)
    half = np.array([rect.width, rect.height]) / 2
    if max(rect.width, rect.height) * factor < SMALL:
        half /= MEASURED
    middle = rect.center + moved
    box = Rect(*(middle - half).tolist(), *(middle + half).tolist())
    return replace(face, rect=box, points=points)


def _within(rect: Rect, other: Rect) -> bool:
    return (
        rect.left >= other.left
        and rect.top >= other.top
        and rect.right <= other.right
        and rect.bottom <= other.bottom
    )
