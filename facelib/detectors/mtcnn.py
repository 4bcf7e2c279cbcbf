"""MTCNN (Zhang et al. 2016): three small networks over a pyramid of the picture."""

from collections.abc import Sequence

import cv2
import numpy as np
import tensorflow as tf
from mtcnn import MTCNN

from facelib.detectors.scale import SMALLEST_SIDE, largest_first, long_side, shrink, to_frame
from facelib.types import Detection

LONG_SIDE = 960
"""Larger pictures are shrunk to this: time grows with their area. The smallest face found has 20
pixels in the shrunk picture. (The package's own setting for it, `min_face_size`, is left at 20:
above that version 1.0.0 miscounts the levels of its pyramid and raises or finds nothing.)"""
CLOSEST = 2560
SMALLEST = 20  # pixels of a face in the picture it looks at


class Mtcnn:
    """Finds faces with MTCNN.

    Parameters
    ----------
    min_score : 0..1, the threshold of the last network, default 0.8
    min_size : pixels; smaller ones than at the usual size are found by looking closer
    cpu_only : keep it off a GPU
    device : where TensorFlow shall run it, such as "GPU:1"; None: on the first GPU, if any
    """

    def __init__(
        self,
        *,
        min_score: float | None = None,
        min_size: float = 0,
        cpu_only: bool = False,
        device: str | None = None,
    ) -> None:
        use_gpu = not cpu_only and bool(tf.config.list_physical_devices("GPU"))
        self._net = MTCNN(device=device or ("GPU:0" if use_gpu else "CPU:0"))
        self._min_size = min_size
        self._threshold = 0.8 if min_score is None else min_score

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        """Find the faces of each (H, W, 3) uint8 BGR image, largest first."""
        # One by one: a batch is no faster on a CPU, and when the package meets one picture in which
        # nothing looks like a face it gives up on all the others of its batch.
        return [self._detect(image) for image in images]

    def _detect(self, image: np.ndarray) -> list[Detection]:
        side = long_side(image, LONG_SIDE, CLOSEST, SMALLEST, self._min_size)
        small, factor = shrink(image, side)
        if min(small.shape[:2]) < SMALLEST_SIDE:
            return []
        # rows of: picture, left, top, right, bottom, score, five x, five y
        rows = self._net.detect_faces(
            cv2.cvtColor(small, cv2.COLOR_BGR2RGB),
            fit_to_image=False,
            box_format="xyxy",
            output_type="numpy",
            threshold_onet=self._threshold,
        )
        return largest_first(
            to_frame(row[1:5], row[5], factor, row[6:16].reshape(2, 5).T) for row in rows
        )
