"""dlib's CNN detector, trained with max-margin object detection (King 2015)."""

from collections.abc import Sequence

import cv2
import dlib
import numpy as np

from facelib.detectors.scale import SMALLEST_SIDE, largest_first, long_side, shrink, to_frame
from facelib.types import Detection
from facelib.weights import weight_file

LONG_SIDE = 640
"""Larger images are scaled down to this: on a CPU 640 x 480 pixels take 1.4 s, full HD 16 s and
2 GB. Faces below 80 pixels in the scaled image are not found."""
CLOSEST = 1920
SMALLEST = 80

# Its square box, measured against YuNet's on seven faces: side 0.77 of the height from hairline to
# chin, and its center left of and above the other's by 0.03 and 0.01 of that height; a face is
# 0.72 times as wide as high.
SIDE, RIGHT, DOWN, WIDTH = 0.77, 0.03, 0.01, 0.72


class DlibMmod:
    """Finds faces with dlib's CNN; gives no key points.

    Parameters
    ----------
    min_score : float or None
        0..1, default 0.5; a clear face has 1.
    min_size : float
        Pixels of the smallest face; for small ones the image is scaled down less.
    cpu_only, device
        Unused: the dlib of requirements-common.txt has no GPU code.
    """

    def __init__(
        self,
        *,
        min_score: float | None = None,
        min_size: float = 0,
        cpu_only: bool = False,
        device: str | None = None,
    ) -> None:
        self._min_size = min_size
        self._net = dlib.cnn_face_detection_model_v1(str(weight_file("mmod")))
        self._threshold = 0.5 if min_score is None else min_score

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        """Find the faces of each (H, W, 3) uint8 BGR image, largest first."""
        return [self._detect(image) for image in images]

    def _detect(self, image: np.ndarray) -> list[Detection]:
        side = long_side(image, LONG_SIDE, CLOSEST, SMALLEST, self._min_size)
        small, factor = shrink(image, side)
        if min(small.shape[:2]) < SMALLEST_SIDE:
            return []
        found = self._net(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
        return largest_first(
            to_frame(_face_box(each.rect), each.confidence, factor, None)
            for each in found
            if each.confidence >= self._threshold
        )


def _face_box(square: "dlib.rectangle") -> np.ndarray:
    """Return left, top, right, bottom of the face, hairline to chin, from dlib's square."""
    height = square.width() / SIDE
    middle = square.dcenter()
    x, y = middle.x + RIGHT * height, middle.y + DOWN * height
    half_width, half_height = WIDTH * height / 2, height / 2
    return np.array([x - half_width, y - half_height, x + half_width, y + half_height])
