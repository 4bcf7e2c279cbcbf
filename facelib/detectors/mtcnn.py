"""MTCNN (Zhang et al. 2016): three small networks on an image pyramid."""

from collections.abc import Sequence

import cv2
import numpy as np

from facelib.detectors.scale import SMALLEST_SIDE, largest_first, long_side, to_frame
from facelib.detectors.tiles import search
from facelib.types import Detection
from utils import lazy

mtcnn = lazy.load("mtcnn")
tf = lazy.load("tensorflow")

LONG_SIDE = 960
"""Larger images are scaled down to this: time grows with their area. The smallest face found has 20
pixels in the scaled image. (The package's own setting for it, `min_face_size`, stays 20: above that
version 1.0.0 miscounts the levels of its pyramid and raises or finds nothing.)"""
CLOSEST = 2560  # of one pass; beyond it there are tiles
SMALLEST = 20  # pixels of a face in the scaled image


class Mtcnn:
    """Finds faces with MTCNN.

    Parameters
    ----------
    min_score : float or None
        Threshold of the last network, 0..1, default 0.8.
    min_size : float
        Pixels of the smallest face; for small ones the image is scaled down less.
    cpu_only : bool
        Whether to keep it off a GPU.
    device : str or None
        Where TensorFlow runs it, such as "GPU:1"; None: on the first GPU, if any.
    """

    def __init__(
        self,
        *,
        min_score: float | None = None,
        min_size: float = 0,
        cpu_only: bool = False,
        device: str | None = None,
    ) -> None:
        gpus = tf.config.list_physical_devices("GPU")  # also loads TensorFlow, quietly
        use_gpu = bool(gpus) and not cpu_only
        self._net = mtcnn.MTCNN(device=device or ("GPU:0" if use_gpu else "CPU:0"))
        self._min_size = min_size
        self._threshold = 0.8 if min_score is None else min_score

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        """Find the faces of each (H, W, 3) uint8 BGR image, largest first."""
        # One by one: a batch is no faster on a CPU, and when the package finds nothing like a face
        # in one image it gives up on all the others of the batch.
        return [self._detect(image) for image in images]

    def _detect(self, image: np.ndarray) -> list[Detection]:
        most = max(CLOSEST, *image.shape[:2])
        side = long_side(image, LONG_SIDE, most, SMALLEST, self._min_size)
        return largest_first(search(image, side, CLOSEST, SMALLEST, self._found))

    def _found(self, small: np.ndarray, factor: float) -> list[Detection]:
        if min(small.shape[:2]) < SMALLEST_SIDE:
            return []
        # columns: image, left, top, right, bottom, score, five x, five y
        rows = self._net.detect_faces(
            cv2.cvtColor(small, cv2.COLOR_BGR2RGB),
            fit_to_image=False,
            box_format="xyxy",
            output_type="numpy",
            threshold_onet=self._threshold,
        )
        return [to_frame(row[1:5], row[5], factor, row[6:16].reshape(2, 5).T) for row in rows]
