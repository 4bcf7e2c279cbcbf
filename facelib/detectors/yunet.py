"""YuNet (Wu, Peng, Yu 2023), a small convolutional detector, run by OpenCV."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import cv2
import numpy as np

from facelib.detectors.scale import largest_first, long_side, shrink, to_frame
from facelib.types import Detection, overlap
from facelib.weights import weight_file

LONG_SIDE = 640
"""The first look: faces from about 1/40 of the long side up to the whole picture."""
SECOND_LOOKS = (320, 160, 1280)
"""Further long sides when nothing was found: from farther away for a face that fills the picture
and more, then closer for a small one (24 pixels in full HD). Only frames without a face pay for
them."""
ENLARGED, CERTAIN = 1.5, 0.8
"""A small picture without a face is enlarged at last, which shows faces of 25 pixels; as it also
makes faces out of things, it takes a higher score (true ones had 0.84 and more)."""
CLOSEST = 1920
"""The long side at which faces are sought that the first look is too far away for."""
SMALLEST = 20
"""Pixels of a face that it finds well, in the picture it looks at."""
OVERLAP = 0.3  # boxes that overlap more than this are one face
MOST = 500  # candidates that are compared with each other


class YuNet:
    """Finds faces with YuNet (int8 weights).

    Parameters
    ----------
    min_score : 0..1, default 0.65: textures that look like faces reach about 0.6, faces rarely
        less than 0.75
    min_size : pixels; when the first look is too far away for that, there is a closer one as well
    cpu_only, device : unused, OpenCV runs it on the CPU anyway
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
        weights = str(weight_file("yunet"))
        size = (LONG_SIDE, LONG_SIDE)
        with _quiet():
            self._net = cv2.FaceDetectorYN.create(weights, "", size, threshold, OVERLAP, MOST)
        self._min_size = min_size

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        """Find the faces of each (H, W, 3) uint8 BGR image, largest first."""
        return [self._detect(image) for image in images]

    def _detect(self, image: np.ndarray) -> list[Detection]:
        own = max(image.shape[:2])
        further = (side for side in SECOND_LOOKS if side < own or own > LONG_SIDE)
        found: list[Detection] = []
        for side in chain([LONG_SIDE], further):
            if found := self._look(image, side):
                break
        if not found and own <= LONG_SIDE:
            found = [each for each in self._enlarged(image) if each.score >= CERTAIN]
        closer = long_side(image, LONG_SIDE, CLOSEST, SMALLEST, self._min_size)
        if closer > LONG_SIDE:
            small = self._look(image, closer)
            found += [new for new in small if not any(_same(new, old) for old in found)]
        return largest_first(found)

    def _look(self, image: np.ndarray, side: int) -> list[Detection]:
        return self._found(*shrink(image, side))

    def _enlarged(self, image: np.ndarray) -> list[Detection]:
        zoom, way = ENLARGED, cv2.INTER_CUBIC
        return self._found(cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=way), zoom)

    def _found(self, seen: np.ndarray, factor: float) -> list[Detection]:
        self._net.setInputSize((seen.shape[1], seen.shape[0]))
        _, rows = self._net.detect(seen)
        return [_detection(row, factor) for row in rows] if rows is not None else []


def _same(one: Detection, other: Detection) -> bool:
    return overlap(one.rect, other.rect) > OVERLAP


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV 5 from warning that it ignores the choice of a device, which nobody made."""
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
    """Read x, y, width, height, five points (image-left first) and the score."""
    corners = np.concatenate([row[:2], row[:2] + row[2:4]])
    return to_frame(corners, row[14], factor, row[4:14].reshape(5, 2))
