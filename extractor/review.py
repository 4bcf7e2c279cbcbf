"""Frames that somebody should look at, found from what the detector and landmarker said.

Nothing is thrown away on a doubt: the frames are named, with the reason.
"""

from collections.abc import Iterator, Sequence
from math import dist
from typing import NamedTuple

from facelib.types import Rect, overlap

LOW_SCORE = 0.75  # a face in plain view scores more with every detector here
SAME_PLACE = 0.5  # intersection over union of two faces that are one, found twice
STEADY_SIZE, STEADY_SHIFT = 1.25, 0.5  # neighbors that agree: ratio of sizes, shift in sizes
JUMP_SIZE, JUMP_SHIFT = 1.6, 0.75  # a face between them that does not


class FaceSummary(NamedTuple):
    """What is remembered of a face: its place, the detector's and the landmarker's confidence."""

    rect: Rect
    score: float
    quality: float


def doubtful(frames: Sequence[tuple[str, Sequence[FaceSummary]]]) -> list[str]:
    """Return "name (reason, reason)" for every frame that gives cause for doubt.

    Parameters
    ----------
    frames : (name, marks of its faces, largest first), in order
    """
    sentences = []
    for index, (name, marks) in enumerate(frames):
        reasons = list(_reasons(marks))
        if 0 < index < len(frames) - 1 and _jumps(
            frames[index - 1][1], marks, frames[index + 1][1]
        ):
            reasons.append("face out of line with the frames around it")
        if reasons:
            sentences.append(f"{name} ({', '.join(reasons)})")
    return sentences


def _reasons(marks: Sequence[FaceSummary]) -> Iterator[str]:
    if any(mark.quality < 0 for mark in marks):
        yield "landmarks uncertain"
    if any(mark.score < LOW_SCORE for mark in marks):
        yield "hardly a face"
    pairs = ((a, b) for i, a in enumerate(marks) for b in marks[:i])
    if any(overlap(a.rect, b.rect) > SAME_PLACE for a, b in pairs):
        yield "two faces in one place"


def _jumps(
    before: Sequence[FaceSummary], here: Sequence[FaceSummary], after: Sequence[FaceSummary]
) -> bool:
    """Whether the largest face stays from `before` to `after`, but no face here is near it."""
    if not (before and here and after):
        return False
    a, b = before[0].rect, after[0].rect
    if _ratio(a, b) > STEADY_SIZE or _shift(a, b) > STEADY_SHIFT:
        return False  # two pictures that have nothing to do with one another, or fast movement
    return not any(
        _ratio(a, mark.rect) < JUMP_SIZE and _shift(a, mark.rect) < JUMP_SHIFT for mark in here
    )


def _ratio(a: Rect, b: Rect) -> float:
    small, large = sorted((a.area, b.area))
    return (large / small) ** 0.5 if small > 0 else float("inf")


def _shift(a: Rect, b: Rect) -> float:
    """Distance of the centers in sides of the first rectangle."""
    return dist(a.center, b.center) / a.area**0.5 if a.area > 0 else float("inf")
