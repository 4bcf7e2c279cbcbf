"""How a face is cut out of its frame: of which size, by which landmarks, with which pixels."""

import math
from typing import NamedTuple

import numpy as np

from facelib.faceinfo import FaceInfo, as_stored
from facelib.geometry import apply, crop_matrix, crop_side, warp_face
from facelib.types import FaceType
from utils.images import Image

LEAST_SIDE = 256
"""Pixels: no face is stored with fewer, if more were asked for."""
STEP = 32  # pixels; so that faces of one person have a few sizes and not a hundred


class FaceCut(NamedTuple):
    """Where an aligned image comes from.

    Attributes
    ----------
    size : int
        Side of the aligned image in pixels; the frame's longer side for MARK_ONLY.
    matrix : (2, 3) float64
        From the frame to the aligned image.
    landmarks : (68, 2) float32
        Pixels of the aligned image.
    source_landmarks : (68, 2) float32
        Pixels of the frame, as a face file keeps them: cutting again gives the same pixels.
    """

    size: int
    matrix: np.ndarray
    landmarks: np.ndarray
    source_landmarks: np.ndarray

    @classmethod
    def of(
        cls, landmarks: np.ndarray, frame: tuple[int, int], face_type: FaceType, most: int
    ) -> "FaceCut":
        """Return how a face is cut.

        Parameters
        ----------
        landmarks : (68, 2) float
            Pixels of the frame.
        frame : (int, int)
            Height and width of the frame.
        face_type : FaceType
            How much of the head is shown.
        most : int
            Largest side of the aligned image, pixels.

        Raises
        ------
        InputError
            If the landmarks are degenerate.
        """
        points = as_stored(landmarks)
        if face_type is FaceType.MARK_ONLY:
            size = max(frame)
        else:
            size = min(most, _side(points, face_type))
        matrix = crop_matrix(points, size, face_type)
        return cls(size, matrix, apply(matrix, points), points)


def _side(points: np.ndarray, face_type: FaceType) -> int:
    """Return the side of an image with all the pixels that a face has in its frame."""
    side = crop_side(crop_matrix(points, 1, face_type), 1)
    return max(LEAST_SIDE, STEP * math.ceil(side / STEP))


def cut_out(image: Image, info: FaceInfo) -> Image:
    """Return the aligned image (size, size, 3) of a face, or the whole frame for MARK_ONLY."""
    if info.face_type is FaceType.MARK_ONLY:
        return image
    return warp_face(image, info.matrix, info.size)
