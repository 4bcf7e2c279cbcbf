"""The position of a face's crop in the frame, and warping between the two.

All work on a frame happens in a `Box` around the face: nothing here makes a float image of frame
size. An image of the crop may have any size; `Crop.matrix` says where its pixels are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from facelib import geometry
from facelib.types import FaceType
from utils.errors import InputError

MAX_ENLARGED = 1024  # pixels; warping into the frame does the rest
MAX_FACTOR = 8
MAX_CROP = 4  # times the longer side of the frame


class Box(NamedTuple):
    """A rectangle of whole pixels in the frame; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.right <= self.left or self.bottom <= self.top

    @property
    def area(self) -> tuple[slice, slice]:
        """The index of the box in an image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, image: np.ndarray) -> Box:
        """Return the part that lies in an image."""
        height, width = image.shape[:2]
        return Box(
            max(self.left, 0), max(self.top, 0), min(self.right, width), min(self.bottom, height)
        )


@dataclass(frozen=True, eq=False)
class Crop:
    """The square of the frame that a face's aligned image shows.

    Attributes
    ----------
    unit : (2, 3) float64
        Affine matrix from frame pixels to the unit square.
    side : float
        Side of the square in frame pixels.
    """

    unit: np.ndarray
    side: float

    @classmethod
    def of(cls, landmarks: np.ndarray, size: int, face_type: FaceType, scale: float = 1.0) -> Crop:
        """Return the crop that `facelib.geometry.crop_matrix` makes with the same arguments."""
        matrix = geometry.crop_matrix(landmarks, size, face_type, scale)
        side = geometry.crop_side(matrix, size)
        # pixel centers have integer coordinates: the first is half a pixel inside the square
        matrix[:, 2] += 0.5
        return cls(matrix / size, side)

    def check(self, frame: np.ndarray) -> None:
        """Refuse a crop that cannot have come from this frame.

        Raises
        ------
        InputError
            It lies outside, or is so large that the file must be corrupt.
        """
        longest = max(frame.shape[:2])
        if self.side > MAX_CROP * longest or self.box().within(frame).empty:
            raise InputError(
                "it lies outside the frame; were the faces found in frames of another size?"
            )

    def matrix(self, size: int) -> np.ndarray:
        """Return the affine matrix, (2, 3) float64, from the frame to a crop of this size."""
        matrix = self.unit * size
        matrix[:, 2] -= 0.5
        return matrix

    def box(self, left: float = 0, top: float = 0, right: float = 1, bottom: float = 1) -> Box:
        """Return the box around a rectangle of the crop, given in its unit square."""
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        points = geometry.apply(geometry.invert(self.unit), corners)
        low = np.floor(points.min(axis=0)).astype(int).tolist()
        high = (np.ceil(points.max(axis=0)) + 1).astype(int).tolist()
        return Box(low[0], low[1], high[0], high[1])

    def support(self, mask: np.ndarray) -> Box:
        """Return the box around all that is above 0 in a mask (n, n) of the crop."""
        size = mask.shape[0]
        left, top, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
        if width == 0:
            return Box(0, 0, 0, 0)
        # one more pixel, for interpolation
        edges = np.array([left - 1, top - 1, left + width + 1, top + height + 1]) / size
        return self.box(*edges.tolist())

    def place(self, image: np.ndarray, box: Box) -> np.ndarray:
        """Return an image of the crop as it appears in a box of the frame.

        Parameters
        ----------
        image : (n, n, C) float32 in 0..1
            The crop at any size.
        box : Box
            Must not be empty.

        Returns
        -------
        placed : (box height, box width, C) float32 in 0..1
            The image; beyond the crop its edge is replicated.
        """
        placed = self._warp(image, box, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)
        return np.clip(placed, 0, 1, out=placed)

    def place_mask(self, mask: np.ndarray, box: Box) -> np.ndarray:
        """Return a mask (n, n) float32 of the crop as it appears in a box; 0 outside the crop."""
        return self._warp(mask, box, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)

    def _warp(self, image: np.ndarray, box: Box, method: int, border: int) -> np.ndarray:
        image = _shrink(image, self.side)
        matrix = self.matrix(image.shape[0])
        matrix[:, 2] += matrix[:, :2] @ (box.left, box.top)
        size = (box.right - box.left, box.bottom - box.top)
        flags = method | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, matrix, size, flags=flags, borderMode=border)

    def cut(self, frame: np.ndarray, size: int) -> np.ndarray:
        """Cut the crop out of a frame, mirrored beyond its border.

        A black border would bleed into a face that the frame cuts off.

        Parameters
        ----------
        frame : (H, W, C) uint8
            The frame.
        size : int
            Side of the result in pixels.

        Returns
        -------
        image : (size, size, C) uint8
            The crop.
        """
        wanted = self.box()
        margin = int(self.side / size) * 2 + 4
        wanted = Box(
            wanted.left - margin, wanted.top - margin, wanted.right + margin, wanted.bottom + margin
        )
        inside = wanted.within(frame)
        window = frame[inside.area]
        if inside != wanted:
            window = cv2.copyMakeBorder(
                window,
                inside.top - wanted.top,
                wanted.bottom - inside.bottom,
                inside.left - wanted.left,
                wanted.right - inside.right,
                cv2.BORDER_REFLECT_101,
            ).reshape(wanted.bottom - wanted.top, wanted.right - wanted.left, -1)
        matrix = self.matrix(size)
        matrix[:, 2] += matrix[:, :2] @ (wanted.left, wanted.top)
        return geometry.warp_face(window, matrix, size)


def enlarge(face: np.ndarray, side: float) -> np.ndarray:
    """Enlarge a predicted face to about the size at which the frame shows it.

    A pixel of a downscaled face is the mean over its area, not a sample at its center, so plain
    interpolation loses contrast. One step of back projection (Irani and Peleg 1991) restores it:
    downscaled again, the enlarged face equals the prediction. The less the face is enlarged, the
    less there is to restore; `geometry.warp_face` blurs what it downscales by the same measure.

    Parameters
    ----------
    face : (n, n, C) float32 in 0..1
        The predicted face.
    side : float
        Side of the crop in frame pixels.

    Returns
    -------
    enlarged : (k n, k n, C) float32 in 0..1
        The face, k times as large for an integer k.
    """
    size = face.shape[0]
    factor = min(int(np.ceil(side / size)), MAX_FACTOR, MAX_ENLARGED // size)
    if factor <= 1:
        return face
    large = _resize(face, factor * size, cv2.INTER_LANCZOS4)
    lost = face - _resize(large, size, cv2.INTER_AREA)
    lost *= 1 - (size / side) ** 2
    large += _resize(lost, factor * size, cv2.INTER_LANCZOS4)
    return np.clip(large, 0, 1, out=large)


def _shrink(image: np.ndarray, side: float) -> np.ndarray:
    """Average groups of pixels where the frame shows the crop at half its size or less."""
    factor = int(image.shape[0] / max(side, 1.0))
    return image if factor < 2 else _resize(image, image.shape[0] // factor, cv2.INTER_AREA)


def _resize(image: np.ndarray, size: int, method: int) -> np.ndarray:
    return cv2.resize(image, (size, size), interpolation=method)
