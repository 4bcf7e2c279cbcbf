"""Finds the followed face in both clips, frame by frame, and notes what the measures need of it."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from facelib import geometry
from facelib.detectors import DETECTORS
from facelib.faceset import Faceset
from facelib.landmarkers import LANDMARKERS
from facelib.landmarks import hull_mask, inter_ocular
from facelib.recognizers import RECOGNIZERS
from facelib.types import FaceType
from tools.evaluate import metrics
from tools.evaluate.baseline import AverageFace
from tools.evaluate.options import EvaluateOptions
from utils import console
from utils.files import natural_key
from utils.images import Image, to_float
from utils.registry import Registry
from utils.video.frame import Frame
from utils.video.source import FrameSource

CROP_SIDES = (64, 512)  # least and most pixels of the aligned crop that is looked at
THUMBNAIL = (32, 18)
NEAR = 1.5  # a face of the result may lie this many inter-ocular distances from dst's


class Pair(NamedTuple):
    """A dst frame and the same frame of the result, or None where the result lacks it."""

    dst: Frame
    result: Image | None


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A face in a frame.

    Attributes
    ----------
    landmarks : (68, 2) float32, pixels of the dst frame
    embedding : (D,) float32
    lab : (3,) mean CIE Lab color
    sharpness : mean strength of fine detail; NaN in a face too small for it
    """

    landmarks: np.ndarray
    embedding: np.ndarray
    lab: np.ndarray
    sharpness: float


@dataclass(frozen=True, eq=False)
class Observation:
    """What one frame showed: the followed face in dst, and the same place in every version of it.

    Attributes
    ----------
    thumbnail : (18, 32) uint8, the dst frame
    wanted : whether this frame counts: there is a face to follow
    compared : version ("result", "average") -> its face, or None where none was found
    """

    name: str
    index: int
    thumbnail: np.ndarray
    wanted: bool
    in_result: bool
    dst: SeenFace | None = None
    compared: Mapping[str, SeenFace | None] = field(default_factory=dict)


def pair_frames(dst: FrameSource, result: FrameSource, every: int) -> Iterator[Pair]:
    """Give every Nth dst frame with the result's frame of the same place.

    Files are matched by the stem of their name; frames of a video by their index.
    """

    def place(frame: Frame) -> Any:  # noqa: ANN401 - compared only with its own kind
        if result.is_video:
            return frame.index
        return natural_key(Path(frame.name).stem + ".png")

    if not _alike(dst.size, result.size):
        sizes = ["x".join(map(str, clip.size or ())) for clip in (result, dst)]
        console.warn(f"the result is {sizes[0]} pixels, dst {sizes[1]}: its frames are scaled")
    others = iter(result)
    other = next(others, None)
    for frame in dst:
        while other is not None and place(other) < place(frame):
            other = next(others, None)
        if frame.index % every == 0:
            same = other is not None and place(other) == place(frame)
            yield Pair(frame, _fit(other.image, frame.image) if other and same else None)


def _alike(first: tuple[int, int] | None, second: tuple[int, int] | None) -> bool:
    """Whether two frame sizes differ by no more than an encoder's padding."""
    if first is None or second is None:
        return True
    return all(more - side in {0, 1} for side, more in zip(first, second, strict=True))


def _fit(image: Image, like: Image) -> Image:
    """Bring a frame of the result to the size of dst's; encoders pad odd sides by one pixel."""
    height, width = like.shape[:2]
    more = image.shape[0] - height, image.shape[1] - width
    if all(extra in {0, 1} for extra in more):
        return image[:height, :width]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def centers_in(faceset: Faceset) -> dict[str, np.ndarray]:
    """Return where the first face of each frame of a faceset is: stem of the frame -> (2,)."""
    return {
        stem: infos[0].source_landmarks.mean(axis=0) for stem, infos in faceset.by_frame().items()
    }


class Watcher:
    """Looks at pairs of frames. May be called from several threads: each has its own networks.

    Parameters
    ----------
    centers : stem of a dst frame -> where its swapped face is; None follows the largest face
    average : the trivial swap to look at as well
    """

    def __init__(
        self,
        options: EvaluateOptions,
        centers: Mapping[str, np.ndarray] | None = None,
        average: AverageFace | None = None,
    ) -> None:
        self._options, self._centers, self._average = options, centers, average
        self._networks, self._lock = threading.local(), threading.Lock()

    def __call__(self, pair: Pair) -> Observation:
        """Describe the followed face of one frame."""
        frame = pair.dst
        gray = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
        thumbnail = cv2.resize(gray, THUMBNAIL, interpolation=cv2.INTER_AREA)
        stem, here = Path(frame.name).stem, pair.result is not None
        note = (frame.name, frame.index, thumbnail)
        if self._centers is not None and stem not in self._centers:
            return Observation(*note, wanted=False, in_result=here)
        near = None if self._centers is None else self._centers[stem]
        landmarks = self.find(frame.image, near)
        if landmarks is None:
            return Observation(*note, wanted=True, in_result=here)
        versions = {"result": pair.result}
        if self._average is not None:
            versions["average"] = self._average.paste(frame.image, landmarks)
        compared = {name: self._compare(image, landmarks) for name, image in versions.items()}
        dst = self._describe(frame.image, landmarks, landmarks)
        return Observation(*note, wanted=True, in_result=here, dst=dst, compared=compared)

    def find(self, image: Image, near: np.ndarray | None) -> np.ndarray | None:
        """Return the (68, 2) landmarks of the largest face, or of the one nearest to a point."""
        faces = self._load("detector", DETECTORS, cpu_only=self._options.cpu_only).detect([image])[
            0
        ]
        if near is not None:
            faces = sorted(faces, key=lambda face: np.hypot(*(near - face.rect.center)))
        if not faces:
            return None
        landmarks, _ = self._load("landmarker", LANDMARKERS).locate(image, faces[:1])[0]
        return np.asarray(landmarks)

    def embed(self, image: Image, landmarks: np.ndarray) -> np.ndarray:
        """Return the identity embedding, (D,), of a face."""
        return np.asarray(self._load("recognizer", RECOGNIZERS).embed(image, landmarks))

    def _compare(self, image: Image | None, dst: np.ndarray) -> SeenFace | None:
        """Find the face that lies where dst's is; None without one, or with none near enough."""
        if image is None:
            return None
        middle = dst.mean(axis=0)
        landmarks = self.find(image, middle)
        if landmarks is None:
            return None
        if np.hypot(*(landmarks.mean(axis=0) - middle)) > NEAR * inter_ocular(dst):
            return None
        return self._describe(image, landmarks, dst)

    def _describe(self, image: Image, landmarks: np.ndarray, dst: np.ndarray) -> SeenFace:
        """Note what the measures need; color and detail are taken where dst's face is."""
        side = geometry.crop_side(geometry.crop_matrix(dst, 100, FaceType.HALF), 100)
        size = int(np.clip(round(side), *CROP_SIDES))
        matrix = geometry.crop_matrix(dst, size, FaceType.HALF)
        crop = geometry.warp_face(to_float(image), matrix, size)
        hull = hull_mask(geometry.apply(matrix, dst), (size, size))[..., 0]
        return SeenFace(
            landmarks=landmarks,
            embedding=self.embed(image, landmarks),
            lab=metrics.mean_lab(crop, hull),
            sharpness=metrics.sharpness(crop, hull),
        )

    def _load(self, kind: str, registry: Registry, **settings: bool) -> Any:  # noqa: ANN401 - its kind
        """Return this thread's detector, landmarker or recognizer, made when first needed."""
        if not hasattr(self._networks, kind):
            with self._lock:  # libraries are not always safe while they load
                network = registry.load(getattr(self._options, kind))(**settings)
            setattr(self._networks, kind, network)
        return getattr(self._networks, kind)
