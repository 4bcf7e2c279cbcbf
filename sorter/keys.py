"""Sort methods by a key of each single face."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from facelib import geometry
from facelib.faceset import FaceFiles, FaceInfo
from facelib.types import FaceType
from sorter.features import IMAGE_STATS, POSE, Feature
from sorter.job import Placed, SortJob
from utils.files import natural_key

WEDGE = 15
"""Degrees of yaw or pitch that form a group."""


def blur(job: SortJob) -> list[Placed]:
    """Order by `features.sharpness`, sharpest first."""
    return _largest_first(job, IMAGE_STATS, "sharpness")


def focus(job: SortJob) -> list[Placed]:
    """Order by the focus of `features.detail`, sharpest first."""
    return _largest_first(job, IMAGE_STATS, "focus")


def motion_blur(job: SortJob) -> list[Placed]:
    """Order by the motion of `features.detail`, motion-blurred ones last."""
    return _largest_first(job, IMAGE_STATS, "motion")


def brightness(job: SortJob) -> list[Placed]:
    """Order by the mean V of HSV, brightest first."""
    return _largest_first(job, IMAGE_STATS, "brightness")


def black(job: SortJob) -> list[Placed]:
    """Order by the share of zero entries in all channels, smallest first; their count is shown."""
    faces, table = job.measure(IMAGE_STATS)
    sizes = np.array([info.size for _, info in faces], np.float64)
    return in_order(faces, table["black"].tolist(), table["black"] / sizes**2)


def hue(job: SortJob) -> list[Placed]:
    """Order by the mean hue in degrees, descending, around the color circle.

    The circle is cut at its widest gap, so that reds on both sides of 0 stay together; faces whose
    hues do not lie around 0 come largest hue first.
    """
    faces, table = job.measure(IMAGE_STATS)
    hues = table["hue"]
    return in_order(faces, hues.tolist(), (circle_start(hues) - hues) % 360)


def circle_start(angles: np.ndarray) -> float:
    """Return the angle in degrees below the widest gap of some angles (n,); 360 for none."""
    if not len(angles):
        return 360.0
    rising = np.unique(angles)
    gaps = np.diff(rising, append=rising[0] + 360)
    return float(rising[int(np.argmax(gaps))])


def face_yaw(job: SortJob) -> list[Placed]:
    """Order by the head's yaw in degrees, largest first: from image-left to image-right."""
    return _by_angle(job, "yaw")


def face_pitch(job: SortJob) -> list[Placed]:
    """Order by the head's pitch in degrees, largest first: from looking down to looking up."""
    return _by_angle(job, "pitch")


def _by_angle(job: SortJob, name: str) -> list[Placed]:
    faces, table = job.measure(POSE)
    angles = table[name]
    wedges = np.rint(angles / WEDGE).astype(int) * WEDGE
    groups = [f"{name} {wedge:+d}" for wedge in wedges]
    return in_order(faces, angles.tolist(), -angles, groups)


def origname(job: SortJob) -> list[Placed]:
    """Order by the frame that a face comes from, then by its index in the frame."""

    def position(face: tuple[Path, FaceInfo]) -> tuple[Any, ...]:
        info = face[1]
        return natural_key(info.source_name), info.face_index, natural_key(info.source)

    return [Placed(path, info.source_name) for path, info in sorted(job.faces, key=position)]


def oneface(job: SortJob) -> list[Placed]:
    """Put the faces of frames with more than one face last; the key is how many there are."""

    def frame(info: FaceInfo) -> tuple[str, str]:
        return info.source, PurePosixPath(info.source_name).stem

    counts = Counter(frame(info) for _, info in job.faces)
    keys = [counts[frame(info)] for _, info in job.faces]
    several = [count > 1 for count in keys]
    groups = ["several faces" if more else "one face" for more in several]
    return in_order(job.faces, keys, several, groups)


def source_size(job: SortJob) -> list[Placed]:
    """Order by the size of the face in its frame, largest first.

    The key is the side of the mean face's square, from brows to chin, in frame pixels.
    """

    def side(_: Path, info: FaceInfo) -> float:
        return geometry.crop_side(geometry.crop_matrix(info.source_landmarks, 1, FaceType.HALF), 1)

    faces, table = job.measure(Feature("source-size-1", np.dtype("<f8"), lambda: side))
    return in_order(faces, table.tolist(), -table)


def _largest_first(job: SortJob, feature: Feature, name: str) -> list[Placed]:
    faces, table = job.measure(feature)
    return in_order(faces, table[name].tolist(), -table[name])


def in_order(
    faces: FaceFiles,
    keys: Sequence[float | int | str],
    ranks: Sequence[Any] | np.ndarray,
    groups: Sequence[str] | None = None,
) -> list[Placed]:
    """Return the faces by ascending rank, equal ranks in their order; keys are for display."""
    order = np.argsort(np.asarray(ranks), kind="stable")
    named = groups or [""] * len(faces)
    return [Placed(faces[i][0], keys[i], named[i]) for i in order.tolist()]
