"""dlib's 68-point predictor, an ensemble of regression trees (Kazemi, Sullivan 2014).

It was trained on upright faces, so it gets a leveled crop of a fixed size; that also gives
subpixel landmarks, although dlib itself rounds them. Its training data (300-W) exclude commercial
use: see docs/weights.md.
"""

from collections.abc import Sequence

import cv2
import dlib
import numpy as np

from facelib.geometry import apply, invert, warp_face
from facelib.landmarkers.region import Region, region_of, roll_of
from facelib.types import Detection, LocatedFace
from facelib.weights import weight_file

SIZE = 512  # side of the leveled crop
BOX = 256  # side of the face box in its center that is passed to dlib
# dlib expects the box of its older detector: a square of 0.8 of the height from hairline to chin,
# its center 0.05 of that height lower (medians over 720 images)
SIDE, DOWN = 0.8, 0.05
PASSES = 2  # the second is leveled by the first one's eyes
QUALITY = 1.0  # dlib has no confidence of its own


class Dlib68:
    """Places landmarks with dlib's trees, on faces rotated by less than 60 degrees.

    The quality is always 1: dlib has no confidence.
    """

    noise = 0.0036
    follow_above = None

    def __init__(self) -> None:
        self._trees = dlib.shape_predictor(str(weight_file("dlib68")))
        low = (SIZE - BOX) // 2
        self._box = dlib.rectangle(low, low, low + BOX - 1, low + BOX - 1)

    def locate(self, image: np.ndarray, detections: Sequence[Detection]) -> list[LocatedFace]:
        """Return the landmarks of each detection in a BGR image; no irises."""
        return [
            LocatedFace(self._locate(image, _region(detection)), QUALITY)
            for detection in detections
        ]

    def _locate(self, image: np.ndarray, region: Region) -> np.ndarray:
        for _ in range(PASSES):
            landmarks = self._measure(image, region)
            right_eye, left_eye = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
            region = region._replace(roll=roll_of(right_eye, left_eye))
        return landmarks

    def _measure(self, image: np.ndarray, region: Region) -> np.ndarray:
        matrix = region.matrix(SIZE)
        face = warp_face(image, matrix, SIZE)
        shape = self._trees(cv2.cvtColor(face, cv2.COLOR_BGR2RGB), self._box)
        points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
        return apply(invert(matrix), points)


def _region(detection: Detection) -> Region:
    """Return the region in whose center dlib's box lies."""
    height = detection.rect.height / max(detection.rect.width, detection.rect.height, 1e-6)
    return region_of(detection, SIDE * height * SIZE / BOX, DOWN)
