"""From a picture to its faces: detection, landmarks, and which of the faces are wanted.

Faces that come from a person instead of a detector are in `manual/`.
"""

from itertools import cycle, islice

import numpy as np

from extractor.options import ExtractOptions
from extractor.person_filter import PersonFilter
from facelib.detectors import DETECTORS
from facelib.detectors.scale import grow, shrink
from facelib.geometry import apply
from facelib.landmarkers import LANDMARKERS
from facelib.types import Detection, Face, Rect
from utils import device, parallel
from utils.errors import UsageError

QUARTER_TURNS = (1, 3, 2)  # anticlockwise: heads lie on their side more often than they hang
TURNED_SIDE = 4096
"""A longer frame is shrunk to this before it is turned, unless small faces matter: turning 100
million pixels takes seconds and as much memory again, and landmarkers look at 256 pixels of a face.
"""


def make_finders(options: ExtractOptions) -> "list[FaceFinder]":
    """Return a finder for every core and every GPU; they are shared out among all GPUs.

    Raises
    ------
    UsageError
        If GPUs are asked for and forbidden at the same time, or there is none.
    """
    devices: list[str | None] = [None]
    if options.multi_gpu:
        if options.cpu_only or options.force_gpu_idx is not None:
            raise UsageError("--multi-gpu uses all GPUs: leave out --cpu-only and --force-gpu-idx")
        devices = list(device.gpus())
        if not devices:
            raise UsageError("--multi-gpu: TensorFlow sees no GPU; leave the option out")
    count = max(parallel.cores(), len(devices))
    return [FaceFinder(options, name) for name in islice(cycle(devices), count)]


class FaceFinder:
    """A detector, a landmarker and a filter; used by one thread at a time.

    Pictures are looked at one by one: the workers keep all cores busy, and no detector is quicker
    with several at once on a CPU.
    """

    def __init__(self, options: ExtractOptions, on: str | None = None) -> None:
        self._detector = DETECTORS.load(options.detector)(
            min_score=options.min_score,
            min_size=options.min_face_size,
            cpu_only=options.cpu_only,
            device=on,
        )
        self._landmarker = LANDMARKERS.load(options.landmarker)()
        self._turns = QUARTER_TURNS if options.rotated_search else ()
        self._smallest = options.min_face_size
        self._most = options.max_faces or None
        self._people: PersonFilter | None = None
        if options.person or options.not_person:
            self._people = PersonFilter(options.person, options.not_person, self._faces_of)

    def find(self, image: np.ndarray) -> list[Face]:
        """Return the wanted faces of a picture (H, W, 3) uint8 BGR, largest first."""
        if self._people is None:
            return self._faces_of(image, self._most)
        keeps = self._people.keeps
        return [face for face in self._faces_of(image) if keeps(image, face)][: self._most]

    def _faces_of(self, image: np.ndarray, most: int | None = None) -> list[Face]:
        """Return all faces, or the `most` largest ones, from the first turn that shows any."""
        faces = self._look(image, most)
        if faces or not self._turns:
            return faces
        seen, factor = (image, 1.0) if self._smallest else shrink(image, TURNED_SIDE)
        for turn in self._turns:
            # a detector that looks four times errs four times: the landmarker must agree
            found = self._look(np.ascontiguousarray(np.rot90(seen, turn)), most)
            if faces := [_turned_back(face, turn, seen) for face in found if face.quality > 0]:
                return [_enlarged(face, factor) for face in faces]
        return []

    def _look(self, image: np.ndarray, most: int | None) -> list[Face]:
        found = [each for each in self._detector.detect([image])[0] if self._large_enough(each)]
        found = sorted(found, key=lambda each: -each.rect.area)[:most]
        located = self._landmarker.locate(image, found)
        return [
            Face(detection.rect, landmarks, detection.score, quality)
            for detection, (landmarks, quality) in zip(found, located, strict=True)
        ]

    def _large_enough(self, detection: Detection) -> bool:
        return max(detection.rect.width, detection.rect.height) >= self._smallest


def _turned_back(face: Face, turn: int, image: np.ndarray) -> Face:
    """Return where a face of the turned picture lies in the picture.

    Parameters
    ----------
    turn : quarter turns by which np.rot90 turned the picture
    image : (H, W, 3), the picture before the turn
    """
    right, bottom = image.shape[1] - 1, image.shape[0] - 1
    back = {
        1: np.array([(0.0, -1.0, right), (1.0, 0.0, 0.0)]),
        2: np.array([(-1.0, 0.0, right), (0.0, -1.0, bottom)]),
        3: np.array([(0.0, 1.0, 0.0), (-1.0, 0.0, bottom)]),
    }[turn]
    corners = apply(back, np.array([face.rect[:2], face.rect[2:]]))
    rect = Rect(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
    return Face(rect, apply(back, face.landmarks), face.score, face.quality)


def _enlarged(face: Face, factor: float) -> Face:
    """Return where a face of a picture that was shrunk by `factor` lies in the whole one."""
    rect = Rect(*grow(np.array(face.rect), factor).tolist())
    landmarks = grow(face.landmarks, factor).astype(np.float32)
    return Face(rect, landmarks, face.score, face.quality)
