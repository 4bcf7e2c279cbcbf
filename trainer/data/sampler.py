"""Batches of training samples: faces are read once, kept small in memory, augmented at each use.

Sample number k of a side is a function of (seed, k) alone. Batches can be made by any thread in any
order, a seed makes a run repeatable, and a resumed run continues where it stopped.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

import cv2
import numpy as np

from facelib import expression
from facelib.faceset import FaceFiles
from models.base import Batch
from trainer.data import augment, input_jitter, recolor, uniform
from trainer.data.prepared_face import PreparedFace, check_face_types, for_linear_reading, prepare
from trainer.data.prepared_face import SamplerSettings as SamplerSettings
from trainer.data.uniform import WeightedRounds
from utils.errors import InputError
from utils.images import Image

CACHE_BYTES = 1 << 30  # per side; about 11,000 faces for a model of 64 pixels
ROUNDS = 4  # whose order is kept; workers may be in two at once
# Purposes of a random stream; 2 is yaw_matching.py's, 5 uniform.py's and 6 mask_sampler.py's.
ORDER, CHANGE, INPUT, COLOR = 0, 1, 3, 4

BatchShare = tuple[int, int]
"""(rank, count): the part of each batch that one of `count` machines or devices prepares."""
WHOLE: BatchShare = (0, 1)


def part_of(size: int, share: BatchShare) -> range:
    """Return which of a batch's `size` samples a share has; all shares together have each once."""
    rank, count = share
    return range(size * rank // count, size * (rank + 1) // count)


class Pick(NamedTuple):
    """Which face a sample shows, and whether mirrored (None: by chance)."""

    face: int
    flip: bool | None = None


class TrainingSample(NamedTuple):
    """The parts of a batch that one sample fills."""

    warped: Image
    target: Image
    mask: Image
    in_frame: Image | int
    priority: Image | None
    expression: np.ndarray | None


class Sampler:
    """The samples of one side.

    Parameters
    ----------
    faces : FaceFiles
        The faceset, or part of it.
    seed : sequence of int
        Numbers from 0 on; the same numbers give the same samples.
    picks : callable
        (first, count) -> what samples first..first + count show; by default every face once in
        each round, in a new order, or as often as `trainer.data.uniform` says.
    cache_bytes : int
        Images are kept up to this size; the others are read again at each use. Nothing is evicted:
        samples come in shuffled rounds, so the least recently used image is needed next.
    partners : Sampler or None
        Whose faces lend their colors to these samples, with `SamplerSettings.color_transfer`.

    Attributes
    ----------
    failures : list of str
        One sentence for each face that could not be read; another face is used in its place.
    """

    def __init__(
        self,
        faces: FaceFiles,
        settings: SamplerSettings,
        seed: Sequence[int],
        cache_bytes: int = CACHE_BYTES,
        picks: Callable[[int, int], Sequence[Pick]] | None = None,
        partners: "Sampler | None" = None,
    ) -> None:
        check_face_types(faces, settings.face_type)
        self.faces = faces
        self.settings = settings
        self.seed = tuple(seed)
        self.picks = picks or self._in_rounds
        self._partners = partners if settings.color_transfer != "none" else None
        self.failures: list[str] = []
        self._unreadable: set[int] = set()
        self._cache: dict[int, PreparedFace] = {}
        self._room = cache_bytes
        self._lock = Lock()
        self._round = lru_cache(ROUNDS)(self._shuffle)
        self._expressions: np.ndarray | None = None
        self._weighted: WeightedRounds | None = None
        pose, openings = settings.uniform_pose, settings.uniform_expression
        if settings.with_expression or pose or openings:
            self._expressions = expression.expressions([info for _, info in faces])
        if self._expressions is not None and (pose or openings):
            weights = uniform.weights(self._expressions, pose=pose, expression=openings)
            self._weighted = WeightedRounds(weights, seed)

    def batch(
        self, number: int, size: int, *, warp: bool = True, share: BatchShare = WHOLE
    ) -> Batch:
        """Return batch `number` of `size` samples as uint8 arrays; masks are 0..255.

        Parameters
        ----------
        warp : bool
            Whether the input is warped; if not, all else is as in the same warped sample.
        share : BatchShare
            Which part of the batch to return: the samples `part_of(size, share)`, and nothing of
            the others is computed or read.
        """
        part = part_of(size, share)
        first = number * size + part.start
        batch = self._empty(len(part))
        for i, pick in enumerate(self.picks(first, len(part)) if part else []):
            self._fill(batch, i, self._sample(first + i, pick, warp))
        return batch

    def _empty(self, size: int) -> Batch:
        settings, side = self.settings, self.settings.resolution
        batch = Batch(
            *(np.empty((size, side, side, channels), np.uint8) for channels in (3, 3, 1, 1))
        )
        if settings.with_priority:
            batch = batch._replace(priority=np.empty((size, side, side, 1), np.uint8))
        if settings.with_expression:
            batch = batch._replace(expression=np.empty((size, len(expression.NAMES)), np.uint8))
        return batch

    @staticmethod
    def _fill(batch: Batch, place: int, sample: "TrainingSample") -> None:
        batch.warped[place] = sample.warped
        batch.target[place] = sample.target
        batch.mask[place, ..., 0] = sample.mask
        batch.in_frame[place, ..., 0] = sample.in_frame
        if batch.priority is not None:
            batch.priority[place, ..., 0] = sample.priority
        if batch.expression is not None:
            batch.expression[place] = sample.expression

    def plain(self, index: int) -> Image:
        """Return face `index` without augmentation, (R, R, 4) uint8 BGR and mask."""
        face = self._readable(index)
        matrix = augment.output_to_image(augment.IDENTITY, face.crop, face.size)
        face = face._replace(target=face.pixels)
        return self._read(face, matrix, augment.IDENTITY.nodes)[1]

    def _read(
        self, face: PreparedFace, matrix: np.ndarray, nodes: np.ndarray
    ) -> tuple[Image, Image]:
        return augment.sample(
            face.pixels,
            matrix,
            nodes,
            self.settings.resolution,
            face.size,
            target=face.target,
            interpolation=face.interpolation,
        )

    def shown(self, first: int, count: int) -> list[tuple[int, bool]]:
        """Return which face each sample shows, and whether mirrored; reads no image."""
        return [
            (pick.face, self._jitter(first + i, pick, size=1).flip)
            for i, pick in enumerate(self.picks(first, count))
        ]

    def _in_rounds(self, first: int, count: int) -> list[Pick]:
        """Return what samples first..first + count show, unless another function picks."""
        if self._weighted is not None:
            return [Pick(index) for index in self._weighted(first, count)]
        total = len(self.faces)  # every face once in each round
        rounds = range(first // total, (first + count - 1) // total + 1)
        shuffled = np.concatenate([self._round(number) for number in rounds])
        start = first % total
        return [Pick(int(index)) for index in shuffled[start : start + count]]

    def _shuffle(self, number: int) -> np.ndarray:
        """Return the order of all faces in one round."""
        return self._rng(ORDER, number).permutation(len(self.faces))

    def _rng(self, purpose: int, number: int) -> np.random.Generator:
        return np.random.default_rng([*self.seed, purpose, number])

    def _jitter(self, number: int, pick: Pick, size: int) -> augment.Jitter:
        """Draw the augmentation of sample `number`; whether it flips does not depend on `size`."""
        settings = self.settings
        jitter = augment.draw(
            self._rng(CHANGE, number),
            size,
            flip=settings.random_flip,
            scale_shift=settings.scale_shift,
        )
        return jitter if pick.flip is None else jitter._replace(flip=pick.flip)

    def _sample(self, number: int, pick: Pick, warp: bool) -> "TrainingSample":
        face = self._readable(pick.face)
        jitter = self._jitter(number, pick, face.size)
        if not warp:
            jitter = jitter._replace(nodes=augment.IDENTITY.nodes)
        crop = face.mirrored_crop if jitter.flip else face.crop
        matrix = augment.output_to_image(jitter, crop, face.size)
        images = self._read(face, matrix, jitter.nodes)
        mask = images[1][..., 3]
        warped, target = (cv2.cvtColor(image, cv2.COLOR_BGRA2BGR) for image in images)
        warped, target = self._recolored(number, face, warped, target)
        if self.settings.input_jitter:
            change = input_jitter.draw(self._rng(INPUT, number), self.settings.input_jitter)
            warped = input_jitter.apply(warped, change)
        beyond, priority = (
            None
            if part is None
            else augment.read_mask(part, matrix, self.settings.resolution, face.size)
            for part in (face.in_frame, face.priority)
        )
        numbers = face.expression
        if numbers is not None:
            numbers = np.rint((expression.mirror(numbers) if jitter.flip else numbers) * 255)
        in_frame = 255 if beyond is None else beyond
        return TrainingSample(warped, target, mask, in_frame, priority, numbers)

    def _recolored(
        self, number: int, face: PreparedFace, warped: Image, target: Image
    ) -> tuple[Image, Image]:
        """Return both images of sample `number` in colors of a random partner, if it has one."""
        if self._partners is None:
            return warped, target
        rng = self._rng(COLOR, number)
        partner = self._partners._readable(int(rng.integers(len(self._partners.faces))))
        change = recolor.draw(rng, self.settings.color_transfer, face.colors, partner.colors)
        if change is None:
            return warped, target
        both = change(np.concatenate([warped, target]))
        return both[: len(warped)], both[len(warped) :]

    def _readable(self, index: int) -> PreparedFace:
        """Return a face, or the next one that can be read."""
        if (face := self._cache.get(index)) is not None:
            return face
        for step in range(len(self.faces)):
            candidate = (index + step) % len(self.faces)
            if candidate in self._unreadable:
                continue
            try:
                return self._load(candidate)
            except InputError as problem:
                with self._lock:
                    if candidate not in self._unreadable:
                        self._unreadable.add(candidate)
                        self.failures.append(str(problem))
        folder = self.faces[0][0].parent
        raise InputError(f'none of the {len(self.faces)} faces in "{folder}" can be read any more')

    def _load(self, index: int) -> PreparedFace:
        face = self._cache.get(index) or self._prepare(index)
        with self._lock:
            if index not in self._cache and face.nbytes <= self._room:
                self._cache[index] = face
                self._room -= face.nbytes
        return face

    def _prepare(self, index: int) -> PreparedFace:
        face = prepare(self.faces[index][0], self.settings)
        face = for_linear_reading(face, self.settings.resolution)
        if self.settings.with_expression and self._expressions is not None:
            face = face._replace(expression=self._expressions[index])
        return face
