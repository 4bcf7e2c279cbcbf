"""Faces ready for sampling: read once and reduced to what the model can use."""

import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from facelib import face_mask
from facelib import landmarks as marks
from facelib.faceset import FaceFiles, FaceInfo, read_face
from facelib.frame_edge import mirror_beyond_frame
from facelib.geometry import apply, crop_matrix, crop_side, warp_face
from facelib.types import FaceType
from trainer.data import recolor
from trainer.data.background import blur_outside
from trainer.data.recolor import FaceColors
from utils.errors import UserError
from utils.images import Image

# Pixels kept per output pixel. Reading an image reduced to this much with a cubic kernel comes
# closest to an average over each output pixel (off by 1.5 gray levels; 3.3 at 1.0, 2.2 at 2.0, 4.2
# without reducing).
DETAIL = 1.5
# Reading between pixels linearly takes a tenth of the time of a cubic kernel, but blurs. Sharpened
# before, once, by this much of the difference to each neighbor along an axis, the image is read as
# near to that average as with a cubic kernel (1.4 gray levels), unless samples magnify it.
SHARPENING = 1 / 16
PRIORITY_SIDE = 64  # pixels; the map is soft


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
        Whether targets are blurred outside of the mask.
    uniform_pose, uniform_expression : bool
        Whether rare directions and rare expressions are shown more often.
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
    uniform_pose: bool = False
    uniform_expression: bool = False


class PreparedFace(NamedTuple):
    """A face ready for sampling.

    Attributes
    ----------
    pixels : (k, k, 4) uint8
        BGR and mask, reduced from `size` to k pixels.
    target : (k, k, 4) uint8
        What samples should become: `pixels`, or those with a blurred background.
    in_frame : (k, k) uint8 or None
        0 where the image is mirrored because the frame ends, else 255; None when it ends nowhere.
    priority : (64, 64) uint8 or None
        The weights of eyes and mouth; None when they are not wanted.
    expression : (10,) float64 or None
        The numbers of `facelib.expression`; None when they are not wanted.
    colors : FaceColors or None
        The colors inside the mask; None when they are not wanted, or the mask is too small.
    interpolation : int
        How OpenCV is to read between pixels.
    size : int
        Side of the aligned image, in whose pixels the matrices are.
    crop : (2, 3) float64
        From the aligned image to the sample.
    mirrored_crop : (2, 3) float64
        The same for the mirror image of the face.
    landmarks : (68, 2) float32
        Pixels of the aligned image.
    """

    pixels: Image
    target: Image
    in_frame: Image | None
    priority: Image | None
    expression: np.ndarray | None
    colors: FaceColors | None
    interpolation: int
    size: int
    crop: np.ndarray
    mirrored_crop: np.ndarray
    landmarks: np.ndarray

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        images = [self.pixels, self.in_frame, self.priority]
        images += [] if self.target is self.pixels else [self.target]
        colors = 0 if self.colors is None else self.colors.nbytes
        return colors + sum(image.nbytes for image in images if image is not None)


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
    shown = info
    if info.face_type is FaceType.MARK_ONLY:  # a whole frame: crop it as extraction would
        size = 4 * settings.resolution
        frame_size = image.shape[1::-1]
        matrix = crop_matrix(landmarks, size, _extracted_type(settings.face_type))
        image, landmarks = warp_face(image, matrix, size), apply(matrix, landmarks)
        shown = replace(info, size=size, matrix=matrix, landmarks=landmarks, mask=None)
    image, in_frame = mirror_beyond_frame(image, matrix, frame_size)
    if settings.draw_landmarks:
        image = marks.draw(image, landmarks)
    mask = _mask(shown, size, path.name)
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
    return PreparedFace(
        pixels,
        target,
        in_frame,
        priority,
        expression=None,
        colors=colors,
        interpolation=cv2.INTER_CUBIC,
        size=size,
        crop=crop,
        mirrored_crop=mirrored,
        landmarks=landmarks,
    )


def for_linear_reading(face: PreparedFace, resolution: int) -> PreparedFace:
    """Return the face sharpened as linear reading wants it, unless samples magnify it."""
    if len(face.pixels) * crop_side(face.crop, resolution) < face.size * resolution:
        return face
    pixels = _sharpened(face.pixels)
    target = pixels if face.target is face.pixels else _sharpened(face.target)
    return face._replace(pixels=pixels, target=target, interpolation=cv2.INTER_LINEAR)


def _sharpened(pixels: Image) -> Image:
    kernel = np.array([-SHARPENING, 1 + 2 * SHARPENING, -SHARPENING])
    return cv2.sepFilter2D(pixels, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)


def _mask(info: FaceInfo, size: int, name: str) -> Image:
    """Return where the face is visible, (size, size, 1) uint8: drawn, applied, or the hull."""
    if face_mask.source_of(info) == face_mask.HULL:
        return (marks.hull_mask(info.landmarks, (size, size)) * 255).astype(np.uint8)
    mask = face_mask.face_mask(info, size, name)
    return np.rint(mask[..., None] * 255).astype(np.uint8)


def _priority(landmarks: np.ndarray, size: int) -> Image:
    """Return the weights of eyes and mouth, small."""
    points = (landmarks + 0.5) * (PRIORITY_SIDE / size) - 0.5
    weights = marks.priority_map(points, (PRIORITY_SIDE, PRIORITY_SIDE))[..., 0]
    return np.rint(weights * 255).astype(np.uint8)


def _extracted_type(wanted: FaceType) -> FaceType:
    """Return the crop to take of a whole frame: extraction's default, or wider if needed."""
    return max(wanted, FaceType.FULL, key=lambda kind: kind.extent)


def check_face_types(faces: FaceFiles, wanted: FaceType) -> None:
    """Raise a UserError when a face shows less of the head than the model needs."""
    for path, info in faces:
        if info.face_type.extent < wanted.extent:
            raise UserError(
                f'"{path.name}" in "{path.parent}" was extracted as {info.face_type.value}, the '
                "model needs more; extract these faces again, or cut them out of their footage "
                f"again with `util refit`: --face-type {wanted.extracted.value}"
            )
