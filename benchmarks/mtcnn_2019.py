"""MTCNN with the settings of DeepFaceLab in January 2019, for `benchmarks.detectors`.

Long side 1920, smallest face 4.2 % of it, pyramid levels 0.95 apart, thresholds 0.7, 0.85 and 0.6.
The package miscounts the levels when the smallest face is not 20 pixels (and raises or finds
nothing); here they are counted correctly.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from facelib.detectors.scale import largest_first, to_frame
from facelib.types import Detection

LONG_SIDE = 1920


class Mtcnn2019:
    """Finds faces as DeepFaceLab did in 2019."""

    def __init__(self, **_: object) -> None:
        from mtcnn import MTCNN
        from mtcnn.stages import stage_pnet

        stage_pnet.build_scale_pyramid = pyramid
        self._net = MTCNN(device="CPU:0")

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        """Find the faces of each image."""
        return [self._detect(image) for image in images]

    def _detect(self, image: np.ndarray) -> list[Detection]:
        factor = LONG_SIDE / max(image.shape[:2])
        scaled = cv2.resize(image, None, fx=factor, fy=factor)
        rows = self._net.detect_faces(
            np.ascontiguousarray(scaled[..., ::-1]),
            fit_to_image=False,
            box_format="xyxy",
            output_type="numpy",
            min_face_size=0.042 * LONG_SIDE,
            scale_factor=0.95,
            threshold_pnet=0.7,
            threshold_rnet=0.85,
            threshold_onet=0.6,
        )
        return largest_first(
            to_frame(row[1:5], row[5], factor, row[6:16].reshape(2, 5).T) for row in rows
        )


def pyramid(
    width: int, height: int, min_face_size: float, scale_factor: float, min_size: int = 12
) -> np.ndarray:
    """Return the scales from the first level on, as long as its short side has 12 pixels."""
    first = min_size / min_face_size
    count = int(np.log(min_size / (min(width, height) * first)) / np.log(scale_factor)) + 1
    return first * scale_factor ** np.arange(count)
