"""Batches of training samples: faces read once, kept small in memory, changed anew for every use.

Sample number k of a side is a function of (seed, k) alone. Batches can be made by any thread in any
order, a seed repeats a run, and a continued run goes on where it stopped.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import cv2
import numpy as np

from facelib import landmarks as marks
from facelib.faceset import FaceFiles, read_face
from facelib.geometry import apply, crop_matrix, crop_side, warp_face
from facelib.types import FaceType
from models.base import Batch
from trainer.data import augment
from utils.errors import InputError, UserError

Array = np.ndarray

# Pixels kept per output pixel. Reading a picture reduced to this much with a cubic kernel comes
# closest to an average over each output pixel (off by 1.5 gray levels; 3.3 at 1.0, 2.2 at 2.0, 4.2
# without reducing).
DETAIL = 1.5
CACHE_BYTES = 1 << 30  # per side; about 11,000 faces for a model of 64 pixels
ORDER, CHANGE = 0, 1  # what a random stream is for


class Picture(NamedTuple):
    """A face ready for sampling.

    Attributes
    ----------
    pixels : (k, k, 4) uint8, BGR and hull mask, reduced from `size` to k
    size : side of the aligned picture, in whose pixels the matrices are
    crop, mirrored_crop : (2, 3) picture -> output, for the face and for its mirror image
    """

    pixels: Array
    size: int
    crop: Array
    mirrored_crop: Array


class Pick(NamedTuple):
    """Which face a sample shows, and whether mirrored (None: by chance)."""

    face: int
    flip: bool | None = None


class Settings(NamedTuple):
    """What samples are wanted: for which network, and how they may be changed."""

    face_type: FaceType
    resolution: int
    random_flip: bool = True
    scale_shift: float = 0.0
    debug: bool = False  # draw the landmarks into the picture


class Sampler:
    """The samples of one side.

    Parameters
    ----------
    faces : the faceset, or part of it
    seed : numbers from 0 on; the same numbers give the same samples
    picks : (first, count) -> what samples first..first + count show; by default every face once in
        each round, in a new order
    cache_bytes : pictures are kept up to this much; the others are read again at each use. Nothing
        is ever thrown out for something newer: samples come in shuffled rounds, so the one used
        longest ago is the next one needed.

    Attributes
    ----------
    failures : one sentence for each face that could not be read; others take its place
    """

    def __init__(
        self,
        faces: FaceFiles,
        settings: Settings,
        seed: Sequence[int],
        cache_bytes: int = CACHE_BYTES,
        picks: Callable[[int, int], Sequence[Pick]] | None = None,
    ) -> None:
        check_face_types(faces, settings.face_type)
        self.faces = faces
        self.settings = settings
        self.seed = tuple(seed)
        self.picks = picks or self._shuffled
        self.failures: list[str] = []
        self._unreadable: set[int] = set()
        self._cache: dict[int, Picture] = {}
        self._room = cache_bytes
        self._lock = Lock()

    def batch(self, number: int, size: int) -> Batch:
        """Return batch `number` of `size` samples as uint8 arrays; a mask is 0..255."""
        picks = self.picks(number * size, size)
        resolution = self.settings.resolution
        batch = Batch(*(np.empty((size, resolution, resolution, c), np.uint8) for c in (3, 3, 1)))
        for i, pick in enumerate(picks):
            warped, straight = self._sample(number * size + i, pick)
            batch.warped[i] = cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR)  # drops the mask
            batch.target[i] = cv2.cvtColor(straight, cv2.COLOR_BGRA2BGR)
            batch.mask[i, ..., 0] = cv2.extractChannel(straight, 3)
        return batch

    def plain(self, index: int) -> Array:
        """Return face `index` as the network sees it unchanged, (R, R, 4) uint8 BGR and mask."""
        picture = self._readable(index)
        matrix = augment.output_to_picture(augment.STILL, picture.crop, picture.size)
        nodes, resolution = augment.STILL.nodes, self.settings.resolution
        return augment.sample(picture.pixels, matrix, nodes, resolution, picture.size)[1]

    def shown(self, first: int, count: int) -> list[tuple[int, bool]]:
        """Return which face each sample shows, and whether mirrored; reads no picture."""
        return [
            (pick.face, self._jitter(first + i, pick, size=1).flip)
            for i, pick in enumerate(self.picks(first, count))
        ]

    def _shuffled(self, first: int, count: int) -> list[Pick]:
        """Return which faces samples first..first + count show: every face once in each round."""
        total = len(self.faces)
        rounds = range(first // total, (first + count - 1) // total + 1)
        shuffled = np.concatenate([self._rng(ORDER, i).permutation(total) for i in rounds])
        start = first % total
        return [Pick(int(index)) for index in shuffled[start : start + count]]

    def _rng(self, purpose: int, number: int) -> np.random.Generator:
        return np.random.default_rng([*self.seed, purpose, number])

    def _jitter(self, number: int, pick: Pick, size: int) -> augment.Jitter:
        """Draw the changes of sample `number`; if it is mirrored does not depend on `size`."""
        settings = self.settings
        jitter = augment.draw(
            self._rng(CHANGE, number),
            size,
            flip=settings.random_flip,
            scale_shift=settings.scale_shift,
        )
        return jitter if pick.flip is None else jitter._replace(flip=pick.flip)

    def _sample(self, number: int, pick: Pick) -> tuple[Array, Array]:
        picture = self._readable(pick.face)
        jitter = self._jitter(number, pick, picture.size)
        crop = picture.mirrored_crop if jitter.flip else picture.crop
        matrix = augment.output_to_picture(jitter, crop, picture.size)
        return augment.sample(
            picture.pixels, matrix, jitter.nodes, self.settings.resolution, picture.size
        )

    def _readable(self, index: int) -> Picture:
        """Return a face, or the next one that can be read."""
        for step in range(len(self.faces)):
            candidate = (index + step) % len(self.faces)
            if candidate in self._unreadable:
                continue
            try:
                return self._picture(candidate)
            except InputError as problem:
                with self._lock:
                    if candidate not in self._unreadable:
                        self._unreadable.add(candidate)
                        self.failures.append(str(problem))
        folder = self.faces[0][0].parent
        raise InputError(f'none of the {len(self.faces)} faces in "{folder}" can be read any more')

    def _picture(self, index: int) -> Picture:
        picture = self._cache.get(index)
        if picture is None:
            picture = prepare(self.faces[index][0], self.settings)
            with self._lock:
                if index not in self._cache and picture.pixels.nbytes <= self._room:
                    self._cache[index] = picture
                    self._room -= picture.pixels.nbytes
        return picture


def prepare(path: Path, settings: Settings) -> Picture:
    """Read a face and reduce it to what the model can use.

    Raises
    ------
    InputError
        If the file is gone or damaged, or its landmarks are no face.
    """
    image, info = read_face(path)
    landmarks, size = info.landmarks, info.size
    if info.face_type is FaceType.MARK_ONLY:  # a whole frame: cut the face out as extraction would
        size = 4 * settings.resolution
        matrix = crop_matrix(landmarks, size, _extracted_type(settings.face_type))
        image, landmarks = warp_face(image, matrix, size), apply(matrix, landmarks)
    if settings.debug:
        image = marks.draw(image, landmarks)
    mask = (marks.hull_mask(landmarks, (size, size)) * 255).astype(np.uint8)
    resolution, kind = settings.resolution, settings.face_type
    crop = crop_matrix(landmarks, resolution, kind)
    mirrored = crop_matrix(marks.mirror(landmarks, size), resolution, kind)
    kept = min(size, math.ceil(DETAIL * resolution * size / crop_side(crop, resolution)))
    pixels = np.dstack([image, mask])
    if kept < size:
        pixels = cv2.resize(pixels, (kept, kept), interpolation=cv2.INTER_AREA)
    return Picture(pixels, size, crop, mirrored)


def _extracted_type(wanted: FaceType) -> FaceType:
    """Return the crop that a whole frame is cut to: as extraction's default, or wider if wanted."""
    return wanted if wanted is FaceType.HEAD else FaceType.FULL


def check_face_types(faces: FaceFiles, wanted: FaceType) -> None:
    """Raise a UserError when a face shows less of the head than the model needs."""
    widths = list(FaceType)
    for path, info in faces:
        if widths.index(info.face_type) < widths.index(wanted):
            raise UserError(
                f'"{path.name}" in "{path.parent}" was extracted as {info.face_type.value}, the '
                f"model needs more; extract these faces again with --face-type {wanted.value}"
            )
