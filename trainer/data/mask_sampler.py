"""Batches for models that mask faces: labeled faces, and others whose labels are only guessed.

A guess is the applied mask or the hull of the landmarks. It is wrong where something hides the
face, and says nothing of the forehead, so it counts little, and not at all near its edge. What is
drawn over a face is known to hide it, so it counts fully, whatever face it is drawn over.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from facelib import landmarks as marks
from facelib.face_mask import LABEL, face_mask, source_of
from facelib.faceset import FaceFiles, FaceInfo, read_info
from facelib.geometry import apply, invert
from facelib.types import FaceType
from trainer.data import augment, input_jitter, occluders
from trainer.data.occluders import Surroundings
from trainer.data.prepared_face import PreparedFace, prepare
from trainer.data.sampler import CHANGE, ORDER, Pick, Sampler, SamplerSettings, TrainingSample
from utils.errors import InputError
from utils.images import Image, decode_image, encode_image

LABELED_SHARE = 0.75  # of the samples, where other faces are there, too
OCCLUDED_SHARE = 0.7
SCALE = 0.15  # either way, beside that of `augment`
GUESSED = 26  # of 255: how much a guessed label counts
INSIDE, OUTSIDE = 0.03, 0.15  # of the side: from there on, measured from the edge of a guess
SEEN = 6  # purpose of a random stream, see `trainer.data.sampler`
LIGHT = 0.2  # strength of `input_jitter`: other colors, light and sharpness
BLURRED, SHRUNK, NOISY, COMPRESSED = 0.2, 0.25, 0.3, 0.4  # shares of the samples
LOWEST_QUALITY, HIGHEST_QUALITY = 20, 95  # of JPEG


def is_labeled(info: FaceInfo) -> bool:
    """Whether someone drew on a face; frames without a crop have no mask to train on."""
    return source_of(info) == LABEL and info.face_type is not FaceType.MARK_ONLY


class MaskSampler(Sampler):
    """The samples of one side: images as a camera may show them, and where the face is visible.

    `Batch.in_frame` says how sure the label of each pixel is; `target` is the same as `warped`.

    Parameters
    ----------
    labeled, others : FaceFiles
        With and without a label.
    settings : SamplerSettings
        Of which face type, resolution and flip count.
    seed : sequence of int
        Numbers from 0 on; the same numbers give the same samples.
    """

    def __init__(
        self,
        labeled: FaceFiles,
        others: FaceFiles,
        settings: SamplerSettings,
        seed: Sequence[int],
    ) -> None:
        self._labeled, self._others = len(labeled), len(others)
        super().__init__([*labeled, *others], settings, seed, picks=self._picks)

    def _picks(self, first: int, count: int) -> list[Pick]:
        """Return what samples first..first + count show: mostly labeled faces."""
        return [self._pick(self._rng(ORDER, number)) for number in range(first, first + count)]

    def _pick(self, rng: Generator) -> Pick:
        guessed = self._others and (not self._labeled or rng.random() >= LABELED_SHARE)
        if guessed:
            return Pick(self._labeled + int(rng.integers(self._others)))
        return Pick(int(rng.integers(self._labeled)))

    def _prepare(self, index: int) -> PreparedFace:
        path, info = self.faces[index]
        if not read_info(path).is_same(info):
            raise InputError(f'"{path.name}" is another face since the training began')
        face = prepare(path, self.settings)
        if info.face_type is not FaceType.MARK_ONLY:
            mask = face_mask(info, len(face.pixels), path.name)
            pixels = np.dstack([face.pixels[..., :3], np.rint(mask * 255).astype(np.uint8)])
            face = face._replace(pixels=pixels, target=pixels)
        sure = _certainty(face.pixels[..., 3], labeled=is_labeled(info))
        if face.in_frame is not None:
            sure = np.where(face.in_frame > 127, sure, 0).astype(np.uint8)
        return face._replace(in_frame=sure)

    def _sample(self, number: int, pick: Pick, warp: bool) -> TrainingSample:
        face, rng = self._readable(pick.face), self._rng(CHANGE, number)
        resolution = self.settings.resolution
        jitter = augment.draw(
            rng, face.size, flip=self.settings.random_flip, scale_shift=rng.uniform(-SCALE, SCALE)
        )
        crop = face.mirrored_crop if jitter.flip else face.crop
        matrix = augment.output_to_image(jitter, crop, face.size)
        assert face.in_frame is not None
        drawn, sure = augment.read_warped(
            [face.pixels, face.in_frame], matrix, jitter.nodes, resolution, face.size
        )
        image, mask = np.ascontiguousarray(drawn[..., :3]), drawn[..., 3]
        rng = self._rng(SEEN, number)
        if rng.random() < OCCLUDED_SHARE:
            points = apply(invert(matrix), face.landmarks)
            points = points[marks.MIRROR] if jitter.flip else points
            around = Surroundings(image, points, _skin(image, mask), self._texture(rng))
            image, hidden = occluders.occlude(around, rng)
            mask = np.rint(mask * (1 - hidden)).astype(np.uint8)
            sure = np.maximum(sure, np.rint(255 * hidden).astype(np.uint8))
        image = photographed(image, rng)
        return TrainingSample(image, image, mask, sure, None, None)

    def _texture(self, rng: Generator) -> Image:
        """Return another image, parts of which may cover what is drawn."""
        pixels = self._readable(int(rng.integers(len(self.faces)))).pixels[..., :3]
        side = self.settings.resolution
        return cv2.resize(pixels, (side, side), interpolation=cv2.INTER_LINEAR)


def _certainty(mask: Image, *, labeled: bool) -> Image:
    """Return how sure each pixel of a mask is, (k, k) uint8."""
    if labeled:
        return np.full(mask.shape, 255, np.uint8)
    inside = (mask > 127).astype(np.uint8)
    depth, away = (
        cv2.distanceTransform(part, cv2.DIST_L2, 3) / len(mask) for part in (inside, 1 - inside)
    )
    sure = (depth > INSIDE) | (away > OUTSIDE)
    return np.where(sure, GUESSED, 0).astype(np.uint8)


def _skin(image: Image, mask: Image) -> np.ndarray:
    """Return the color of a face, (3,) float64; that of the whole image, if the face is hidden."""
    colors, inside = image[::4, ::4], mask[::4, ::4] > 127
    return np.median(colors[inside] if inside.any() else colors.reshape(-1, 3), axis=0)


def photographed(image: Image, rng: Generator) -> Image:
    """Return an image in other light, perhaps blurred, small, noisy or compressed."""
    image = input_jitter.apply(image, input_jitter.draw(rng, LIGHT))
    side = len(image)
    if rng.random() < BLURRED:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 2.0))
    if rng.random() < SHRUNK:
        small = round(side / rng.uniform(1.2, 3.5))
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    if rng.random() < NOISY:
        noise = np.empty(image.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(1 << 31)))
        cv2.randn(noise, 0, rng.uniform(1, 10))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < COMPRESSED:
        quality = int(rng.integers(LOWEST_QUALITY, HIGHEST_QUALITY + 1))
        image = decode_image(encode_image(image, ".jpg", quality), "a sample")
    return image
