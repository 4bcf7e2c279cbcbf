"""The swap measured while training: src's identity, and how far mouth, eyes and gaze follow dst.

What is measured are up to 32 of dst's training faces whose openings of mouth and eyes are spread
over their range. They are as good as held-out ones, since no model learns what such a face looks
like as src; the held-out ones are neighbors in time, so their expression hardly varies.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from math import nan
from typing import Any, TypeVar

import numpy as np

from facelib.faceset import FaceFiles
from facelib.following import (
    LEAST_GAZE,
    LEAST_MOVEMENT,
    following,
    is_known,
    open_eyes_gaze,
    standing_still,
)
from facelib.geometry import apply, crop_matrix
from facelib.landmarkers import LANDMARKERS
from facelib.landmarks import eye_opening, mouth_opening
from facelib.quality import COLUMNS, swap_quality
from facelib.recognizers import RECOGNIZERS
from facelib.similarity import medoid, spread_out
from facelib.types import Detection, LocatedFace, Rect
from trainer.data.sampler import Sampler
from utils import console
from utils.errors import UserError
from utils.images import Image, to_float, to_uint8

T = TypeVar("T")

FACES = 32
LEAST = {"mouth": LEAST_MOVEMENT, "eye": LEAST_MOVEMENT, "gaze": LEAST_GAZE}
Measurer = Any
"""A recognizer or a landmarker; each registry's package describes its kind."""


class SwapMeasure:
    """Measures swapped faces of dst.

    Parameters
    ----------
    src, dst : Sampler
        The faces that are trained on.

    Attributes
    ----------
    faces : (n, R, R, 4) float32
        The faces of dst to swap, with their masks.
    """

    def __init__(self, src: Sampler, dst: Sampler) -> None:
        self._src, self._dst = src, dst
        self._picks = pick_expressions(dst.faces, FACES).tolist()
        self.faces = plain_faces(dst, self._picks)

    def metrics(self, swaps: Sequence[Image]) -> dict[str, float]:
        """Return "to_src" and "to_dst", medians of identity distances, and all of COLUMNS.

        Parameters
        ----------
        swaps : sequence of (R, R, 3) float32 BGR
            What the model makes of `faces`.
        """
        images = [to_uint8(face) for face in swaps]
        landmarks = [landmarks_in_crop(self._dst, pick) for pick in self._picks]
        found, values = np.ones(len(images), bool), dict.fromkeys(COLUMNS, nan)
        if self._expression is not None:
            found, expression = self._expression.metrics(images, landmarks)
            values |= expression
        values |= {"to_src": nan, "to_dst": nan}
        if self._identity is not None:
            values |= self._identity.metrics(images, landmarks, found)
        return values | {"swap_quality": swap_quality(values)}

    @cached_property
    def _identity(self) -> "_Identity | None":
        return _if_possible("identity", lambda: _Identity(self._src, self._dst))

    @cached_property
    def _expression(self) -> "_Expression | None":
        landmarks = [landmarks_in_crop(self._dst, pick) for pick in self._picks]
        faces = to_uint8(self.faces[..., :3])
        return _if_possible("expression", lambda: _Expression(list(faces), landmarks))


def _if_possible(what: str, prepare: Callable[[], T]) -> T | None:
    """Prepare a measurement; without the weights of its network there is none."""
    try:
        return prepare()
    except UserError as problem:
        console.warn(f"{what} is not measured: {problem}")
        return None


class _Identity:
    """The most typical embedding of src and of dst, at the model's own resolution.

    `own` is how far src's faces are from it, `before` how far dst's are from src's.
    """

    def __init__(self, src: Sampler, dst: Sampler) -> None:
        self._recognizer: Measurer = RECOGNIZERS.load(RECOGNIZERS.names[0])()
        src_faces, dst_faces = map(self._embed_typical, (src, dst))
        distance = self._recognizer.distance
        self._typical = [medoid(faces, distance) for faces in (src_faces, dst_faces)]
        self._own, self._before = (
            float(np.median([distance(face, self._typical[0]) for face in faces]))
            for faces in (src_faces, dst_faces)
        )

    def _embed_typical(self, sampler: Sampler) -> np.ndarray:
        picks = [int(pick) for pick in spread_out(len(sampler.faces), FACES)]
        return np.stack([
            self._recognizer.embed(sampler.plain(pick)[..., :3], landmarks_in_crop(sampler, pick))
            for pick in picks
        ])

    def metrics(
        self, images: Sequence[Image], landmarks: Sequence[np.ndarray], found: np.ndarray
    ) -> dict[str, float]:
        """Return the distances to src and dst, and what they mean; shares are of all faces."""
        embeddings = [
            self._recognizer.embed(image, points)
            for image, points in zip(images, landmarks, strict=True)
        ]
        to_src, to_dst = (
            np.array([self._recognizer.distance(face, typical) for face in embeddings])
            for typical in self._typical
        )
        same_below = self._recognizer.same_below
        distance, way = float(np.median(to_src)), self._before - self._own
        covered = float(np.clip((self._before - distance) / way, 0, 1)) if way > 0 else nan
        return {
            "to_src": distance,
            "to_dst": float(np.median(to_dst)),
            # where dst itself is taken for src there is no identity to swap
            "identity": covered if self._before >= same_below else nan,
            "nearer_to_src": float(np.mean(found & (to_src < to_dst))),
            "taken_for_src": float(np.mean(found & (to_src < same_below))),
        }


class _Expression:
    """Openings and gaze of dst's faces at the model's own resolution, for comparison."""

    def __init__(self, faces: Sequence[Image], landmarks: Sequence[np.ndarray]) -> None:
        # always this landmarker, whichever found the faces: it is the one that measures the gaze
        self._landmarker: Measurer = LANDMARKERS.load("mesh")(upright=True)
        self._dst = self._measure(faces, landmarks)

    def metrics(
        self, images: Sequence[Image], landmarks: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, dict[str, float]]:
        """Return which faces were found, (n,) bool, and how the swapped faces follow dst's."""
        measured = self._measure(images, landmarks)
        values = {}
        for part, dst in self._dst.items():
            counts = is_known(dst)
            one_shot = np.zeros(counts.sum(), int)
            swap = standing_still(measured[part][counts], one_shot)
            values[f"{part}_correlation"], values[f"{part}_gain"] = following(
                swap, dst[counts], one_shot, LEAST[part]
            )
        found = np.isfinite(measured["mouth"])
        return found, values | {"face_found": float(found.mean())}

    def _measure(
        self, images: Sequence[Image], landmarks: Sequence[np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return (n,) openings of mouth and eye and (n, 2) gaze; NaN where no face is found."""
        faces = [self._locate(*each) for each in zip(images, landmarks, strict=True)]
        return {
            "mouth": np.array([mouth_opening(face.landmarks) if face else nan for face in faces]),
            "eye": np.array([eye_opening(face.landmarks) if face else nan for face in faces]),
            "gaze": np.array([
                open_eyes_gaze(face.landmarks, face.iris) if face else (nan, nan) for face in faces
            ]),
        }

    def _locate(self, image: Image, expected: np.ndarray) -> LocatedFace | None:
        rect = Rect(*expected.min(axis=0).tolist(), *expected.max(axis=0).tolist())
        [face] = self._landmarker.locate(image, [Detection(rect, 1.0)])
        return face if face.quality >= 0 else None


def pick_expressions(faces: FaceFiles, most: int) -> np.ndarray:
    """Return the indices of at most `most` faces, spread evenly over how far they open.

    Half of them over the range of the mouth, half over that of the eyes; so a blink that takes few
    frames counts as much as the open eyes of all others.
    """
    if len(faces) <= most:
        return np.arange(len(faces))
    free = np.ones(len(faces), bool)
    for opening in (mouth_opening, eye_opening):
        values = np.array([opening(info.landmarks) for _, info in faces])
        for wanted in np.linspace(values.min(), values.max(), most // 2):
            free[np.where(free, np.abs(values - wanted), np.inf).argmin()] = False
    return np.flatnonzero(~free)


def plain_faces(sampler: Sampler, picks: Sequence[int]) -> Image:
    """Return faces as the model sees them, with their masks, (N, R, R, 4) float32."""
    return to_float(np.stack([sampler.plain(pick) for pick in picks]))


def landmarks_in_crop(sampler: Sampler, index: int) -> np.ndarray:
    """Return the landmarks of a face in the image that the model sees."""
    points, settings = sampler.faces[index][1].landmarks, sampler.settings
    return apply(crop_matrix(points, settings.resolution, settings.face_type), points)
