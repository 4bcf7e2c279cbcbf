"""Finds the followed face in both clips, frame by frame, and notes what the metrics need."""

import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import cv2
import numpy as np

from facelib import face_mask, geometry
from facelib.detectors import DETECTORS
from facelib.faceset import FaceInfo, Faceset
from facelib.footage_match import find_mismatch
from facelib.frame_scale import fit_to_frames
from facelib.landmarkers import LANDMARKERS
from facelib.landmarks import hull_mask, inter_ocular
from facelib.recognizers import RECOGNIZERS
from facelib.types import FaceType, LocatedFace
from tools.evaluate import metrics
from tools.evaluate.baseline import AverageFace
from tools.evaluate.conversion_log import other_frames
from utils import console
from utils.errors import InputError
from utils.files import natural_key
from utils.images import Image, to_float
from utils.registry import Registry
from utils.video.frame import WHOLE, Frame, Span
from utils.video.source import FrameSource

CROP_SIDES = (64, 512)  # least and most pixels of the aligned crop that is measured
THUMBNAIL = (32, 18)
NEAR = 1.5  # a face of the result may lie this many inter-ocular distances from dst's

NO_RIM = np.full((metrics.RIM_CELLS, metrics.RIM_CELLS), np.nan, np.float16)
NO_FRAME: tuple[int, None] = (-1, None)

Network = Any
"""A detector, landmarker or recognizer; each registry's package describes its kind."""
FramePosition = Any
"""What frames are matched and ordered by: an index, or the natural key of a name."""


class Pair(NamedTuple):
    """A dst frame and the same frame of the result, or None where the result lacks it."""

    dst: Frame
    result: Image | None
    result_time: Fraction | None = None


class FoundFace(NamedTuple):
    """A face that the detector finds.

    Attributes
    ----------
    landmarks : (68, 2) float32
        Pixels of the dst frame.
    embedding : (D,) float32
        Of its identity.
    iris : (2, 2) float32 or None
        Centers of the irises, pixels of the dst frame; None if the landmarker has none.
    """

    landmarks: np.ndarray
    embedding: np.ndarray
    iris: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class SeenFace:
    """What a frame shows where dst's face is.

    Attributes
    ----------
    face : FoundFace or None
        None if no face was found there.
    lab : (3,) float32
        Mean CIE Lab color.
    colors : (8, 8, 3) float32
        Mean CIE Lab colors of its parts; NaN beside the face.
    sharpness : float
        Fine detail as a share of dst's; NaN in a face too small for it.
    rim : (32, 32) float16
        As `metrics.rim_change` returns it.
    occlusion_changed : float
        Share of what is drawn as an occlusion that differs from dst; NaN without any.
    """

    face: FoundFace | None
    lab: np.ndarray
    colors: np.ndarray
    sharpness: float
    rim: np.ndarray = field(default_factory=lambda: NO_RIM)
    occlusion_changed: float = math.nan


@dataclass(frozen=True, eq=False)
class Observation:
    """One frame: the followed face in dst, and the face in the same place of every version.

    Attributes
    ----------
    thumbnail : (18, 32) uint8
        The dst frame.
    wanted : bool
        Whether the frame counts, because there is a face to follow.
    compared : mapping of str to SeenFace or None
        What each version ("result", "average") shows; None where it lacks the frame.
    times : tuple of Fraction or None
        Seconds of the frame in dst and in the result; None in folders.
    """

    name: str
    index: int
    thumbnail: np.ndarray
    wanted: bool
    in_result: bool
    dst: SeenFace | None = None
    compared: Mapping[str, SeenFace | None] = field(default_factory=dict)
    times: tuple[Fraction | None, Fraction | None] = (None, None)


def pair_frames(
    dst: FrameSource, result: FrameSource, every: int, span: Span = WHOLE
) -> Iterator[Pair]:
    """Yield every Nth dst frame with the result's corresponding frame.

    Files are matched by the stem of their name; frames of a video are those of `span`, one by one.

    Raises
    ------
    InputError
        If a video has more or fewer frames than that.
    """

    def position(frame: Frame, number: int) -> FramePosition:
        return number if result.is_video else natural_key(Path(frame.name).stem + ".png")

    if not alike(dst.size, result.size):
        sizes = ["x".join(map(str, clip.size or ())) for clip in (result, dst)]
        console.warn(f"the result is {sizes[0]} pixels, dst {sizes[1]}: its frames are scaled")
    others = enumerate(result)
    number, other = next(others, NO_FRAME)
    count = 0
    for count, frame in enumerate(dst.frames(span if result.is_video else WHOLE), 1):
        here = position(frame, count - 1)
        while other is not None and position(other, number) < here:
            number, other = next(others, NO_FRAME)
        if other is None and result.is_video:
            raise other_frames(dst, result, "fewer frames than that part of dst")
        if frame.index % every == 0:
            same = other is not None and position(other, number) == here
            if other is not None and same:
                yield Pair(frame, _fit(other.image, frame.image), other.time)
            else:
                yield Pair(frame, None)
    if result.is_video and (number >= count or next(others, None)):
        raise other_frames(dst, result, f"more frames than the {count} of that part of dst")


def alike(first: tuple[int, int] | None, second: tuple[int, int] | None) -> bool:
    """Whether two frame sizes differ by no more than an encoder's padding."""
    if first is None or second is None:
        return True
    return all(more - side in {0, 1} for side, more in zip(first, second, strict=True))


def _fit(image: Image, like: Image) -> Image:
    """Scale a frame of the result to dst's size; encoders pad odd sides by one pixel."""
    height, width = like.shape[:2]
    more = image.shape[0] - height, image.shape[1] - width
    if all(extra in {0, 1} for extra in more):
        return image[:height, :width]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def drawn_in(faceset: Faceset, dst: FrameSource) -> dict[str, FaceInfo]:
    """Return the first face of each frame that has a label, by the stem of the frame's name."""
    firsts = {stem: infos[0] for stem, infos in fit_to_frames(faceset, dst).by_frame().items()}
    return {stem: info for stem, info in firsts.items() if info.mask_label is not None}


def centers_in(faceset: Faceset, dst: FrameSource) -> dict[str, np.ndarray]:
    """Return the center (2,) of the first face of each frame, by the stem of the frame's name.

    Raises
    ------
    InputError
        If the faces are from other footage.
    """
    if problem := find_mismatch(faceset, dst):
        raise InputError(
            f'the faces in --dst-aligned "{faceset.folder}" do not fit "{dst.path}": {problem}; '
            "extract faces from this footage, or leave --dst-aligned out"
        )
    faces = fit_to_frames(faceset, dst).by_frame()
    return {stem: infos[0].source_landmarks.mean(axis=0) for stem, infos in faces.items()}


class FaceNetworks:
    """The networks that measure a face. May be used by several threads: each has its own.

    Parameters
    ----------
    detector, landmarker, recognizer : str
        Names in the registries.
    cpu_only : bool
        Whether the detector is kept off the GPU.
    """

    def __init__(self, detector: str, landmarker: str, recognizer: str, *, cpu_only: bool) -> None:
        self._names = {"detector": detector, "landmarker": landmarker, "recognizer": recognizer}
        self._cpu_only = cpu_only
        self._own, self._lock = threading.local(), threading.Lock()

    def find(self, image: Image, near: np.ndarray | None) -> LocatedFace | None:
        """Return the landmarks of the largest face, or of the one nearest to a point."""
        detector = self._load("detector", DETECTORS, cpu_only=self._cpu_only)
        [faces] = detector.detect([image])
        if near is not None:
            faces = sorted(faces, key=lambda face: np.hypot(*(near - face.rect.center)))
        if not faces:
            return None
        located: LocatedFace = self._load("landmarker", LANDMARKERS).locate(image, faces[:1])[0]
        return located

    def embed(self, image: Image, landmarks: np.ndarray) -> np.ndarray:
        """Return the identity embedding, (D,), of a face."""
        return np.asarray(self._load("recognizer", RECOGNIZERS).embed(image, landmarks))

    def _load(self, kind: str, registry: Registry, **settings: bool) -> Network:
        """Return this thread's detector, landmarker or recognizer, made when first needed."""
        if not hasattr(self._own, kind):
            with self._lock:  # libraries are not always thread-safe while they load
                network = registry.load(self._names[kind])(**settings)
            setattr(self._own, kind, network)
        return getattr(self._own, kind)


class Observer:
    """Observes pairs of frames. May be called from several threads.

    Parameters
    ----------
    networks : FaceNetworks
        They find and embed the faces.
    centers : mapping of str to (2,), or None
        Where the swapped face is, by the stem of the dst frame; None follows the largest face.
    average : AverageFace or None
        The baseline to observe as well.
    drawn : mapping of str to FaceInfo
        Faces with a label, drawn by hand, by the stem of the dst frame.
    """

    def __init__(
        self,
        networks: FaceNetworks,
        centers: Mapping[str, np.ndarray] | None = None,
        average: AverageFace | None = None,
        drawn: Mapping[str, FaceInfo] = MappingProxyType({}),
    ) -> None:
        self._networks, self._centers, self._average = networks, centers, average
        self._drawn = drawn

    def __call__(self, pair: Pair) -> Observation:
        """Describe the followed face of one frame."""
        frame = pair.dst
        gray = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
        thumbnail = cv2.resize(gray, THUMBNAIL, interpolation=cv2.INTER_AREA)
        stem, in_result = Path(frame.name).stem, pair.result is not None
        facts = (frame.name, frame.index, thumbnail)
        if self._centers is not None and stem not in self._centers:
            return Observation(*facts, wanted=False, in_result=in_result)
        near = None if self._centers is None else self._centers[stem]
        located = self._networks.find(frame.image, near)
        if located is None:
            return Observation(*facts, wanted=True, in_result=in_result)
        versions = {"result": pair.result}
        if self._average is not None:
            versions["average"] = self._average.paste(frame.image, located.landmarks)
        place = _Place.of(frame.image, located.landmarks, self._drawn.get(stem))
        compared = {name: self._compare(image, place) for name, image in versions.items()}
        dst = self._describe(frame.image, located, place)
        return Observation(
            *facts,
            wanted=True,
            in_result=in_result,
            dst=dst,
            compared=compared,
            times=(frame.time, pair.result_time),
        )

    def _compare(self, image: Image | None, place: "_Place") -> SeenFace | None:
        """Describe the face in the place of dst's, if there is one close enough."""
        if image is None:
            return None
        center = place.landmarks.mean(axis=0)
        located = self._networks.find(image, center)
        if located is not None:
            away = np.hypot(*(located.landmarks.mean(axis=0) - center))
            located = None if away > NEAR * inter_ocular(place.landmarks) else located
        return self._describe(image, located, place)

    def _describe(self, image: Image, located: LocatedFace | None, place: "_Place") -> SeenFace:
        """Note what the metrics need; color and detail are measured where dst's face is."""
        crop = place.crop(image)
        face = None
        if located is not None:
            embedding = self._networks.embed(image, located.landmarks)
            face = FoundFace(located.landmarks, embedding, located.iris)
        return SeenFace(
            face=face,
            lab=metrics.mean_lab(crop, place.hull),
            colors=metrics.cell_colors(crop, place.hull),
            sharpness=metrics.sharpness(crop, place.dst, place.hull),
            rim=metrics.rim_change(crop, place.dst, place.hull),
            occlusion_changed=metrics.changed_share(crop, place.dst, place.hidden),
        )


class _Place(NamedTuple):
    """Where dst's face is: landmarks, crop matrix, hull in the crop, crop, and what hides it."""

    landmarks: np.ndarray
    matrix: np.ndarray
    hull: np.ndarray
    dst: np.ndarray
    hidden: np.ndarray

    @classmethod
    def of(cls, image: Image, landmarks: np.ndarray, drawn: FaceInfo | None) -> "_Place":
        side = geometry.crop_side(geometry.crop_matrix(landmarks, 100, FaceType.HALF), 100)
        size = int(np.clip(round(side), *CROP_SIDES))
        matrix = geometry.crop_matrix(landmarks, size, FaceType.HALF)
        hull = hull_mask(geometry.apply(matrix, landmarks), (size, size))[..., 0]
        dst = geometry.warp_face(to_float(image), matrix, size)
        hidden = np.zeros(hull.shape, bool)
        if drawn is not None:
            visible = face_mask.face_mask(replace(drawn, matrix=matrix, size=size), size)
            hidden = (hull > 0) & (visible < 0.5)
        return cls(landmarks, matrix, hull, dst, hidden)

    def crop(self, image: Image) -> np.ndarray:
        """Return the same part of another image."""
        return geometry.warp_face(to_float(image), self.matrix, len(self.hull))
