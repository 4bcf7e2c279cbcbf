"""Why a person should look at a face: detection score, landmark quality, overlap and motion.

Nothing is discarded on a suspicion: faces are listed with the reason.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import dist
from typing import NamedTuple

from facelib.types import Rect, overlap

LOW_SCORE = 0.75  # a clearly visible face scores higher with every detector here
SAME_PLACE = 0.5  # intersection over union of two faces that are one, found twice
STEADY_SIZE, STEADY_SHIFT = 1.25, 0.5  # neighbors that agree: ratio of sizes, shift in sizes
JUMP_SIZE, JUMP_SHIFT = 1.6, 0.75  # a face between them that does not

UNCERTAIN, UNLIKELY = "landmarks uncertain", "low face score"
TWICE, OUT_OF_LINE = "two faces in one place", "face out of line with the neighboring frames"
REASONS = (UNCERTAIN, UNLIKELY, TWICE, OUT_OF_LINE)


class FaceSummary(NamedTuple):
    """What is known of a face without its image: rectangle, detection score, landmark quality."""

    rect: Rect
    score: float
    quality: float


def reasons(score: float, quality: float) -> list[str]:
    """Return why a face should be reviewed; see `facelib.faceinfo.FaceInfo` for both."""
    found = [UNCERTAIN] if quality < 0 else []
    return [*found, UNLIKELY] if score < LOW_SCORE else found


def reasons_in_frame(
    before: Sequence[FaceSummary], here: Sequence[FaceSummary], after: Sequence[FaceSummary]
) -> list[list[str]]:
    """Return for each face of a frame why it should be reviewed, in the order of `REASONS`.

    Parameters
    ----------
    before, here, after : sequence of FaceSummary
        The faces of the frame and of its neighbors, largest first; none where there is no frame.
    """
    jumps = [OUT_OF_LINE] if _jumps(before, here, after) else []
    return [
        [*reasons(face.score, face.quality), *_twice(number, here), *jumps]
        for number, face in enumerate(here)
    ]


def reasons_in_clips(
    faces: Iterable[tuple[str, int, FaceSummary]],
) -> list[list[str]]:
    """Return for each face why it should be reviewed, judged by all that are there.

    Parameters
    ----------
    faces : iterable of (str, int, FaceSummary)
        The clip, the number of the frame in it, and the face; in any order.
    """
    listed = list(faces)
    clips: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (clip, frame, _) in enumerate(listed):
        clips[clip][frame].append(row)
    found: list[list[str]] = [[] for _ in listed]
    for frames in clips.values():
        for rows in frames.values():
            rows.sort(key=lambda row: -listed[row][2].rect.area)
        for frame, step in _steps(frames):
            near = [frames.get(number, []) for number in (frame - step, frame, frame + step)]
            doubts = reasons_in_frame(*([listed[row][2] for row in rows] for rows in near))
            for row, doubt in zip(near[1], doubts, strict=True):
                found[row] = doubt
    return found


def _steps(frames: Mapping[int, object]) -> Iterator[tuple[int, int]]:
    """Yield the numbers of frames with the distance of neighbors: not every one was extracted."""
    numbers = sorted(frames)
    step = min((b - a for a, b in pairwise(numbers)), default=1)
    yield from ((number, step) for number in numbers)


def _twice(number: int, faces: Sequence[FaceSummary]) -> list[str]:
    others = [*faces[:number], *faces[number + 1 :]]
    same = any(overlap(faces[number].rect, other.rect) > SAME_PLACE for other in others)
    return [TWICE] if same else []


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
