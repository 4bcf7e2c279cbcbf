"""Sort methods that give each face a key of its own."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from facelib import geometry, landmarks
from facelib.faceset import FaceInfo, read_face
from utils import console, parallel
from utils.console import Report
from utils.files import natural_key

T = TypeVar("T")
Faces = Sequence[tuple[Path, FaceInfo]]


def blur(faces: Faces, report: Report) -> list[tuple[Path, int]]:
    """Order by `sharpness`, sharpest first."""
    keys = measured(faces, lambda image, info: sharpness(image, info.landmarks), report)
    return sorted(keys, key=lambda item: -item[1])


def face_yaw(faces: Faces, report: Report) -> list[tuple[Path, float]]:
    """Order by the head's yaw in degrees, largest first: nose from image-left to right."""
    keys = computed(faces, lambda path, info: geometry.pose(info.landmarks).yaw, report)
    return sorted(keys, key=lambda item: -item[1])


def origname(faces: Faces, report: Report) -> list[tuple[Path, str]]:
    """Order by the frame a face comes from, then by its number in the frame."""

    def place(face: tuple[Path, FaceInfo]) -> tuple[Any, ...]:
        info = face[1]
        return natural_key(info.source_name), info.face_index, natural_key(info.source)

    return [(path, info.source_name) for path, info in sorted(faces, key=place)]


def sharpness(image: np.ndarray, points: np.ndarray) -> int:
    """Sum the absolute differences of horizontal and of vertical neighbours, face hull only.

    Parameters
    ----------
    image : (H, W, 3) uint8 BGR
    points : (68, 2) float, landmarks in the picture

    Returns
    -------
    int
        On the grey 8-bit picture, black outside the hull: a large contrasty face scores higher
        than a small dull one of the same focus, as it always has in this kind of tool.
    """
    mask = landmarks.hull_mask(points, image.shape[:2]).reshape(image.shape[:2])
    grey = np.where(mask > 0, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8(0))
    # the L1 norm of a difference is the sum we want; OpenCV adds 8-bit values up exactly
    across = cv2.norm(grey[:, 1:], grey[:, :-1], cv2.NORM_L1) if grey.shape[1] > 1 else 0
    down = cv2.norm(grey[1:], grey[:-1], cv2.NORM_L1) if grey.shape[0] > 1 else 0
    return int(across) + int(down)


def measured(
    faces: Faces, measure: Callable[[np.ndarray, FaceInfo], T], report: Report
) -> Iterator[tuple[Path, T]]:
    """Yield (path, measure(picture, info)) for every readable picture, computed on all cores."""
    return computed(faces, lambda path, info: measure(read_face(path)[0], info), report)


def computed(
    faces: Faces, compute: Callable[[Path, FaceInfo], T], report: Report
) -> Iterator[tuple[Path, T]]:
    """Yield (path, compute(path, info)) in order, and report the faces that raise a UserError."""

    def work(face: tuple[Path, FaceInfo]) -> tuple[Path, T]:
        return face[0], compute(*face)

    results = parallel.ordered_map(work, faces, workers=parallel.cores())
    for result in console.progress(results, len(faces), "Measuring", "face"):
        if isinstance(result, parallel.Failure):
            report.failures.append(f'"{result.item[0].name}": {result.error}')
        else:
            yield result
