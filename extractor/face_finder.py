"""From an image to its faces: detection, landmarks, and which of the faces are wanted.

Faces that a person marks instead of a detector are in `manual/`.
"""

import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from extractor.person_filter import PersonFilter
from facelib.detectors import DETECTORS
from facelib.detectors.scale import grow, shrink
from facelib.geometry import apply
from facelib.landmarkers import LANDMARKERS
from facelib.landmarkers.region import Offset, Region
from facelib.types import Detection, Face, LocatedFace, Rect
from utils import device, parallel
from utils.errors import UsageError

QUARTER_TURNS = (1, 3, 2)  # counterclockwise; heads lie sideways more often than upside down
TURNED_SIDE = 4096
"""A longer frame is scaled down to this before it is rotated, unless small faces matter: rotating
100 million pixels takes seconds and as much memory again, and landmarkers see 256 pixels of a face.
"""


@dataclass(frozen=True)
class FaceSearch:
    """Which faces to look for, and with what.

    Attributes
    ----------
    min_score : float or None
        Lowest detection score, 0..1; None: the detector's own threshold.
    min_face_size : int
        Smallest face in pixels; 0: whatever is found.
    max_faces : int
        How many faces of a frame to keep, largest first; 0: all.
    person, not_person : tuple of Path
        Reference images of people to keep and to leave out.
    """

    detector: str
    landmarker: str
    min_score: float | None
    rotated_search: bool
    min_face_size: int
    max_faces: int
    person: tuple[Path, ...]
    not_person: tuple[Path, ...]
    cpu_only: bool


def choose_devices(*, multi_gpu: bool, cpu_only: bool, gpu_index: int | None) -> list[str | None]:
    """Return the devices that run the detector; None stands for the detector's own choice.

    Raises
    ------
    UsageError
        If all GPUs are requested and excluded at the same time, or there is none.
    """
    if not multi_gpu:
        return [None]
    if cpu_only or gpu_index is not None:
        raise UsageError("--multi-gpu uses all GPUs: leave out --cpu-only and --force-gpu-idx")
    gpus = list(device.gpus())
    if not gpus:
        raise UsageError("--multi-gpu: TensorFlow sees no GPU; leave the option out")
    return [*gpus]


def make_finders(search: FaceSearch, devices: Sequence[str | None]) -> "list[FaceFinder]":
    """Return a finder for every core, at least one for every device; devices take turns."""
    count = max(parallel.cores(), len(devices))
    return [FaceFinder(search, name) for name in islice(cycle(devices), count)]


class FaceFinder:
    """A detector, a landmarker and a filter; used by one thread at a time.

    Images are processed one by one: the workers keep all cores busy, and no detector is faster with
    batches on a CPU.
    """

    def __init__(self, search: FaceSearch, on: str | None = None) -> None:
        self._detector = DETECTORS.load(search.detector)(
            min_score=search.min_score,
            min_size=search.min_face_size,
            cpu_only=search.cpu_only,
            device=on,
        )
        self._landmarker = LANDMARKERS.load(search.landmarker)()
        self._turns = QUARTER_TURNS if search.rotated_search else ()
        self._smallest = search.min_face_size
        self._most = search.max_faces or None
        self._person_filter: PersonFilter | None = None
        if search.person or search.not_person:
            self._person_filter = PersonFilter(search.person, search.not_person, self._all_faces)

    def find(self, image: np.ndarray) -> list[Face]:
        """Return the wanted faces of an image (H, W, 3) uint8 BGR, largest first."""
        return self.wanted(image, self.search(image))

    def search(self, image: np.ndarray) -> list[Face]:
        """Return the faces of an image, largest first, whose they are."""
        return self._all_faces(image, None if self._person_filter else self._most)

    @property
    def chooses(self) -> bool:
        """Whether some faces may not be wanted."""
        return self._person_filter is not None

    def wanted(self, image: np.ndarray, faces: list[Face]) -> list[Face]:
        """Return those of the faces of an image that are wanted."""
        if self._person_filter is None:
            return faces  # the largest, as they were searched
        keeps = self._person_filter.keeps
        return [face for face in faces if keeps(image, face)][: self._most]

    def can_follow(self, face: Face) -> bool:
        """Whether a face is clear enough to be found again without a search."""
        above = self._landmarker.follow_above
        return face.trace is not None and above is not None and face.quality >= above

    def follow(self, image: np.ndarray, region: Region, offset: Offset) -> LocatedFace:
        """Return a face that is in a region, see `facelib.landmarkers`."""
        found: LocatedFace = self._landmarker.follow(image, region, offset)
        return found

    def _all_faces(self, image: np.ndarray, most: int | None = None) -> list[Face]:
        """Return all faces, or the `most` largest ones, from the first rotation that shows any."""
        faces = self._detect(image, most)
        if faces or not self._turns:
            return faces
        small, factor = (image, 1.0) if self._smallest else shrink(image, TURNED_SIDE)
        for turn in self._turns:
            # four searches make four times the false detections: the landmarker must agree
            found = self._detect(np.ascontiguousarray(np.rot90(small, turn)), most)
            if faces := [_turned_back(face, turn, small) for face in found if face.quality > 0]:
                return [_enlarged(face, factor) for face in faces]
        return []

    def _detect(self, image: np.ndarray, most: int | None) -> list[Face]:
        found = [each for each in self._detector.detect([image])[0] if self._large_enough(each)]
        found = sorted(found, key=lambda each: -each.rect.area)[:most]
        located = self._landmarker.locate(image, found)
        return [
            Face(each.rect, face.landmarks, each.score, face.quality, False, face.iris, face.trace)
            for each, face in zip(found, located, strict=True)
        ]

    def _large_enough(self, detection: Detection) -> bool:
        return max(detection.rect.width, detection.rect.height) >= self._smallest


def _turned_back(face: Face, turn: int, image: np.ndarray) -> Face:
    """Map a face found in the rotated image back to the image.

    Parameters
    ----------
    turn : int
        Quarter turns by which np.rot90 rotated the image.
    image : (H, W, 3)
        The image before the rotation.
    """
    right, bottom = image.shape[1] - 1, image.shape[0] - 1
    back = {
        1: np.array([(0.0, -1.0, right), (1.0, 0.0, 0.0)]),
        2: np.array([(-1.0, 0.0, right), (0.0, -1.0, bottom)]),
        3: np.array([(0.0, 1.0, 0.0), (-1.0, 0.0, bottom)]),
    }[turn]
    corners = apply(back, np.array([face.rect[:2], face.rect[2:]]))
    rect = Rect(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
    return _moved(face, rect, lambda points: apply(back, points))


def _enlarged(face: Face, factor: float) -> Face:
    """Map a face found in an image that was scaled down by `factor` back to full size."""
    rect = Rect(*grow(np.array(face.rect), factor).tolist())
    return _moved(face, rect, lambda points: grow(points, factor).astype(np.float32))


def _moved(face: Face, rect: Rect, move: Callable[[np.ndarray], np.ndarray]) -> Face:
    """Return a face at another place, untraced; `move` maps its points (n, 2) there."""
    iris = None if face.iris is None else move(face.iris)
    return replace(face, rect=rect, landmarks=move(face.landmarks), iris=iris, trace=None)


class FinderPool:
    """Lends finders to threads, each to one thread at a time.

    Parameters
    ----------
    finders : sequence of FaceFinder
        At least one per thread, so that none waits.
    """

    def __init__(self, finders: Sequence[FaceFinder]) -> None:
        self._idle: queue.SimpleQueue[FaceFinder] = queue.SimpleQueue()
        for finder in finders:
            self._idle.put(finder)

    @contextmanager
    def lend(self) -> Iterator[FaceFinder]:
        """Yield a finder that no other thread has."""
        finder = self._idle.get()
        try:
            yield finder
        finally:
            self._idle.put(finder)
