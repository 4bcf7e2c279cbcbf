"""YuNet (Wu, Peng, Yu 2023), a small convolutional detector, run by OpenCV."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import cv2
import numpy as np

from facelib.detectors.scale import largest_first, long_side, shrink, to_frame
from facelib.detectors.tiles import OVERLAP, search, unseen
from facelib.types import Detection
from facelib.weights import weight_file

LONG_SIDE = 640
"""The first pass: faces from about 1/40 of the long side up to the whole image."""
FURTHER_SIDES = (320, 160, 1280)
"""Long sides of further passes when nothing was found: smaller ones for a face that fills the image
or more, then a larger one for a small face (24 pixels in full HD). Only frames without a face pay
for them."""
ENLARGED, CERTAIN = 1.5, 0.8
"""Finally a small image without a face is enlarged, which finds faces of 25 pixels; because it also
gives false detections, it requires a higher score (true faces had 0.84 and more)."""
CLOSEST = 1920
"""The longest side of a pass for faces too small for the first; beyond it there are tiles."""
SMALLEST = 20
"""Pixels of a face that is found reliably, in the scaled image."""
LEAST_CANDIDATES, CANDIDATE_PIXELS = 500, 128
"""How many candidates are compared with each other: one for so many pixels, but 500 in a small
image. The densest crowd, faces of 15 pixels side by side, has one for 187."""


class YuNet:
    """Finds faces with YuNet (int8 weights).

    Parameters
    ----------
    min_score : float or None
        0..1, default 0.65: textures that resemble faces reach about 0.6, faces rarely less than
        0.75.
    min_size : float
        Pixels of the smallest face; for small ones there is a pass at a larger size.
    cpu_only, device
        Unused: OpenCV runs it on the CPU anyway.
    """

    def __init__(
        self,
        *,
        min_score: float | None = None,
        min_size: float = 0,
        cpu_only: bool = False,
        device: str | None = None,
    ) -> None:
        threshold = 0.65 if min_score is None else min_score
        # not by its path, of which OpenCV on Windows reads only the letters of one code page
        weights = np.fromfile(weight_file("yunet"), np.uint8)
        config = np.empty(0, np.uint8)
        size = (LONG_SIDE, LONG_SIDE)
        with _quiet():
            self._net = cv2.FaceDetectorYN.create("onnx", weights, config, size, threshold, OVERLAP)
        self._min_size = min_size

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        """Find the faces of each (H, W, 3) uint8 BGR image, largest first."""
        return [self._detect(image) for image in images]

    def _detect(self, image: np.ndarray) -> list[Detection]:
        own = max(image.shape[:2])
        further = (side for side in FURTHER_SIDES if side < own or own > LONG_SIDE)
        found: list[Detection] = []
        for side in chain([LONG_SIDE], further):
            if found := self._detect_at(image, side):
                break
        if not found and own <= LONG_SIDE:
            found = [each for each in self._enlarged(image) if each.score >= CERTAIN]
        closer = long_side(image, LONG_SIDE, max(CLOSEST, own), SMALLEST, self._min_size)
        if closer > LONG_SIDE:
            found += unseen(search(image, closer, CLOSEST, SMALLEST, self._found), found)
        return largest_first(found)

    def _detect_at(self, image: np.ndarray, side: int) -> list[Detection]:
        return self._found(*shrink(image, side))

    def _enlarged(self, image: np.ndarray) -> list[Detection]:
        larger = cv2.resize(image, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
        return self._found(larger, ENLARGED)

    def _found(self, scaled: np.ndarray, factor: float) -> list[Detection]:
        height, width = scaled.shape[:2]
        self._net.setInputSize((width, height))
        self._net.setTopK(max(LEAST_CANDIDATES, width * height // CANDIDATE_PIXELS))
        _, rows = self._net.detect(scaled)
        return [_detection(row, factor) for row in rows] if rows is not None else []


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress OpenCV 5's warning that it ignores the device, which is not even set."""
    logging = getattr(cv2.utils, "logging", None)  # OpenCV 4 has neither this nor the warning
    if logging is None:
        yield
        return
    level = logging.setLogLevel(logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        logging.setLogLevel(level)


def _detection(row: np.ndarray, factor: float) -> Detection:
    """Convert x, y, width, height, five points (image-left first) and the score."""
    corners = np.concatenate([row[:2], row[:2] + row[2:4]])
    return to_frame(corners, row[14], factor, row[4:14].reshape(5, 2))
