"""Batches of training samples: faces are read once, kept small in memory, augmented at each use.

Sample number k of a side is a function of (seed, k) alone. Batches can be made by any thread in any
order, a seed makes a run repeatable, and a resumed run continues where it stopped.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import cv2
import numpy as np

from facelib import expression
from facelib import landmarks as marks
from facelib.faceset import FaceFiles, read_face
from facelib.frame_edge import mirror_beyond_frame
from facelib.geometry import apply, crop_matrix, crop_side, warp_face
from facelib.types import FaceType
from models.base import Batch
from trainer.data import augment, input_jitter, recolor
from trainer.data.background import blur_outside
from trainer.data.recolor import FaceColors
from utils.errors import InputError, UserError
from utils.images import Image

# Pixels kept per output pixel. Reading an image reduced to this much with a cubic kernel comes
# closest to an average over each output pixel (off by 1.5 gray levels; 3.3 at 1.0, 2.2 at 2.0, 4.2
# without reducing).
DETAIL = 1.5
CACHE_BYTES = 1 << 30  # per side; about 11,000 faces for a model of 64 pixels
PRIORITY_SIDE = 64  # pixels; the map is soft
ORDER, CHANGE, INPUT, COLOR = 0, 1, 3, 4  # purposes of a random stream; 2: `yaw_matching`


class PreparedFace(NamedTuple):
    """A face ready for sampling.

    Attributes
    ----------
    pixels : (k, k, 4) uint8
        BGR and hull mask, reduced from `size` to k pixels.
    target : (k, k, 4) uint8
        What samples should become: `pixels`, or those with a blurred background.
    in_frame : (k, k) uint8 or None
        0 where the image is mirrored because the frame ends, else 255; None when it ends nowhere.
    priority : (64, 64) uint8 or None
        The weights of eyes and mouth; None when they are not wanted.
    expression : (10,) float64 or None
        The numbers of `facelib.expression`; None when they are not wanted.
    colors : FaceColors or None
        The colors inside the hull; None when they are not wanted, or the hull is too small.
    size : int
        Side of the aligned image, in whose pixels the matrices are.
    crop : (2, 3) float64
        From the aligned image to the sample.
    mirrored_crop : (2, 3) float64
        The same for the mirror image of the face.
    """

    pixels: Image
    target: Image
    in_frame: Image | None
    priority: Image | None
    expression: np.ndarray | None
    colors: FaceColors | None
    size: int
    crop: np.ndarray
    mirrored_crop: np.ndarray

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        return self.pixels.nbytes * (1 if self.target is self.pixels else 2)


class Pick(NamedTuple):
    """Which face a sample shows, and whether mirrored (None: by chance)."""

    face: int
    flip: bool | None = None


class SamplerSettings(NamedTuple):
    """What samples a model needs, and how they may be augmented.

    Attributes
    ----------
    with_priority, with_expression : bool
        Whether batches have these parts.
    input_jitter : float
        Strength of `trainer.data.input_jitter`; 0 is none.
    color_transfer : str
        How a sampler with partners recolors its samples, or "none".
    blur_background : bool
        Whether targets are blurred outside of the hull.
    """

    face_type: FaceType
    resolution: int
    random_flip: bool = True
    scale_shift: float = 0.0
    draw_landmarks: bool = False
    with_priority: bool = False
    with_expression: bool = False
    input_jitter: float = 0.0
    color_transfer: str = "none"
    blur_background: bool = False


class _Sample(NamedTuple):
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
        each round, in a new order.
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
        self.picks = picks or self._shuffled
        self._partners = partners if settings.color_transfer != "none" else None
        self.failures: list[str] = []
        self._unreadable: set[int] = set()
        self._cache: dict[int, PreparedFace] = {}
        self._room = cache_bytes
        self._lock = Lock()
        self._expressions = _expressions(faces) if settings.with_expression else None

    def batch(self, number: int, size: int) -> Batch:
        """Return batch `number` of `size` samples as uint8 arrays; masks are 0..255."""
        picks = self.picks(number * size, size)
        batch = self._empty(size)
        for i, pick in enumerate(picks):
            self._fill(batch, i, self._sample(number * size + i, pick))
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
    def _fill(batch: Batch, place: int, sample: "_Sample") -> None:
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
        nodes, resolution = augment.IDENTITY.nodes, self.settings.resolution
        return augment.sample(face.pixels, matrix, nodes, resolution, face.size)[1]

    def shown(self, first: int, count: int) -> list[tuple[int, bool]]:
        """Return which face each sample shows, and whether mirrored; reads no image."""
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
        """Draw the augmentation of sample `number`; whether it flips does not depend on `size`."""
        settings = self.settings
        jitter = augment.draw(
            self._rng(CHANGE, number),
            size,
            flip=settings.random_flip,
            scale_shift=settings.scale_shift,
        )
        return jitter if pick.flip is None else jitter._replace(flip=pick.flip)

    def _sample(self, number: int, pick: Pick) -> "_Sample":
        face = self._readable(pick.face)
        jitter = self._jitter(number, pick, face.size)
        crop = face.mirrored_crop if jitter.flip else face.crop
        matrix = augment.output_to_image(jitter, crop, face.size)
        resolution = self.settings.resolution
        images = augment.sample(
            face.pixels, matrix, jitter.nodes, resolution, face.size, target=face.target
        )
        mask = cv2.extractChannel(images[1], 3)
        warped, target = (cv2.cvtColor(image, cv2.COLOR_BGRA2BGR) for image in images)
        warped, target = self._recolored(number, face, warped, target)
        if self.settings.input_jitter:
            change = input_jitter.draw(self._rng(INPUT, number), self.settings.input_jitter)
            warped = input_jitter.apply(warped, change)
        beyond, priority = (
            None if part is None else augment.read_mask(part, matrix, resolution, face.size)
            for part in (face.in_frame, face.priority)
        )
        numbers = face.expression
        if numbers is not None:
            numbers = np.rint((expression.mirror(numbers) if jitter.flip else numbers) * 255)
        in_frame = 255 if beyond is None else beyond
        return _Sample(warped, target, mask, in_frame, priority, numbers)

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
        face = self._cache.get(index)
        if face is None:
            face = prepare(self.faces[index][0], self.settings)
            if self._expressions is not None:
                face = face._replace(expression=self._expressions[index])
            with self._lock:
                if index not in self._cache and face.nbytes <= self._room:
                    self._cache[index] = face
                    self._room -= face.nbytes
        return face


def prepare(path: Path, settings: SamplerSettings) -> PreparedFace:
    """Read a face and reduce it to what the model can use.

    Raises
    ------
    InputError
        If the file is missing or damaged, or its landmarks are degenerate.
    """
    image, info = read_face(path)
    landmarks, size, matrix = info.landmarks, info.size, info.matrix
    frame_size = info.frame_size
    if info.face_type is FaceType.MARK_ONLY:  # a whole frame: crop it as extraction would
        size = 4 * settings.resolution
        frame_size = image.shape[1::-1]
        matrix = crop_matrix(landmarks, size, _extracted_type(settings.face_type))
        image, landmarks = warp_face(image, matrix, size), apply(matrix, landmarks)
    image, in_frame = mirror_beyond_frame(image, matrix, frame_size)
    if settings.draw_landmarks:
        image = marks.draw(image, landmarks)
    mask = (marks.hull_mask(landmarks, (size, size)) * 255).astype(np.uint8)
    resolution, kind = settings.resolution, settings.face_type
    crop = crop_matrix(landmarks, resolution, kind)
    mirrored = crop_matrix(marks.mirror(landmarks, size), resolution, kind)
    kept = min(size, math.ceil(DETAIL * resolution * size / crop_side(crop, resolution)))
    pixels = np.dstack([image, mask])
    if kept < size:
        pixels = cv2.resize(pixels, (kept, kept), interpolation=cv2.INTER_AREA)
    if in_frame is not None:
        in_frame = (in_frame * 255).astype(np.uint8)
        in_frame = cv2.resize(in_frame, (kept, kept), interpolation=cv2.INTER_AREA)
    priority = _priority(landmarks, size) if settings.with_priority else None
    colors = recolor.face_colors(pixels) if settings.color_transfer != "none" else None
    target = blur_outside(pixels) if settings.blur_background else pixels
    return PreparedFace(pixels, target, in_frame, priority, None, colors, size, crop, mirrored)


def _priority(landmarks: np.ndarray, size: int) -> Image:
    """Return the weights of eyes and mouth, small."""
    points = (landmarks + 0.5) * (PRIORITY_SIDE / size) - 0.5
    weights = marks.priority_map(points, (PRIORITY_SIDE, PRIORITY_SIDE))[..., 0]
    return np.rint(weights * 255).astype(np.uint8)


def _expressions(faces: FaceFiles) -> list[np.ndarray]:
    """Return the numbers of each face, counted from this person's own range."""
    person = expression.Range.of(info for _, info in faces)
    return [expression.expression(info, person) for _, info in faces]


def _extracted_type(wanted: FaceType) -> FaceType:
    """Return the crop to take of a whole frame: extraction's default, or wider if needed."""
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
