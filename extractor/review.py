"""Frames that a person should review, chosen by detection scores, landmark quality and motion.

Nothing is discarded on a suspicion: the frames are listed with the reason.
"""

from collections.abc import Iterator, Sequence
from math import dist
from typing import NamedTuple

from facelib import review
from facelib.types import Rect, overlap

SAME_PLACE = 0.5  # intersection over union of two faces that are one, found twice
STEADY_SIZE, STEADY_SHIFT = 1.25, 0.5  # neighbors that agree: ratio of sizes, shift in sizes
JUMP_SIZE, JUMP_SHIFT = 1.6, 0.75  # a face between them that does not


class FaceSummary(NamedTuple):
    """What the journal records of a face: rectangle, detection score and landmark quality."""

    rect: Rect
    score: float
    quality: float


def frames_to_review(frames: Sequence[tuple[str, Sequence[FaceSummary]]]) -> list[str]:
    """Return "name (reason, reason)" for every suspicious frame.

    Parameters
    ----------
    frames : sequence of (str, sequence of FaceSummary)
        Name and faces, largest first, of each frame in order.
    """
    doubts = reasons_to_review(frames)
    return [f"{name} ({', '.join(reasons)})" for name, reasons in doubts.items()]


def reasons_to_review(
    frames: Sequence[tuple[str, Sequence[FaceSummary]]],
) -> dict[str, list[str]]:
    """Return the names of all suspicious frames with the reasons; arguments as above."""
    doubts = {}
    for index, (name, faces) in enumerate(frames):
        reasons = list(_reasons(faces))
        if 0 < index < len(frames) - 1 and _jumps(
            frames[index - 1][1], faces, frames[index + 1][1]
        ):
            reasons.append("face out of line with the neighboring frames")
        if reasons:
            doubts[name] = reasons
    return doubts


def _reasons(faces: Sequence[FaceSummary]) -> Iterator[str]:
    found = {reason for face in faces for reason in review.reasons(face.score, face.quality)}
    yield from (reason for reason in (review.UNCERTAIN, review.UNLIKELY) if reason in found)
    pairs = ((a, b) for i, a in enumerate(faces) for b in faces[:i])
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
        return False  # unrelated images, or fast movement
    return not any(
        _ratio(a, face.rect) < JUMP_SIZE and _shift(a, face.rect) < JUMP_SHIFT for face in here
    )


def _ratio(a: Rect, b: Rect) -> float:
    small, large = sorted((a.area, b.area))
    return (large / small) ** 0.5 if small > 0 else float("inf")


def _shift(a: Rect, b: Rect) -> float:
    """Distance of the centers in sides of the first rectangle."""
    return dist(a.center, b.center) / a.area**0.5 if a.area > 0 else float("inf")
