"""From a picture to its faces: detection and landmarks.

Whatever has a `find(image) -> list of Face` can stand in for `FaceFinder`: that is the place of the
manual extractor, whose faces come from a person instead of a detector.
"""

import numpy as np

from extractor.options import ExtractOptions
from facelib.detectors import DETECTORS
from facelib.landmarkers import LANDMARKERS
from facelib.types import Face


class FaceFinder:
    """A detector and a landmarker; used by one thread at a time.

    Pictures are looked at one by one: the workers keep all cores busy, and no detector is quicker
    with several at once on a CPU.
    """

    def __init__(self, options: ExtractOptions) -> None:
        self._detector = DETECTORS.load(options.detector)(cpu_only=options.cpu_only)
        self._landmarker = LANDMARKERS.load(options.landmarker)()
        self._most = options.max_faces or None

    def find(self, image: np.ndarray) -> list[Face]:
        """Return the faces of a picture (H, W, 3) uint8 BGR, largest first."""
        detections = self._detector.detect([image])[0]
        detections = sorted(detections, key=lambda found: -found.rect.area)[: self._most]
        located = self._landmarker.locate(image, detections)
        return [
            Face(detection.rect, landmarks, detection.score, quality)
            for detection, (landmarks, quality) in zip(detections, located, strict=True)
        ]
