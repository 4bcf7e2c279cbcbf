"""The baseline that metrics are compared with: src's average face, pasted onto every dst face.

It has src's identity and no expression, like the result of a model that has learned only the
average. A metric that is no better than the baseline's proves nothing.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from facelib import geometry
from facelib.faceset import FaceInfo
from facelib.landmarks import hull_mask
from facelib.types import FaceType
from utils.images import Image, to_float, to_uint8

SIDE = 128  # the average of many faces holds no finer detail
FEATHER = 0.02  # of the crop's side: how softly the edge is blended


class AverageFace:
    """The mean of aligned faces; it can be pasted onto a face in a frame.

    Attributes
    ----------
    image : (SIDE, SIDE, 3) float32 BGR
        A full-face crop.
    weight : (SIDE, SIDE) float32
        1 where most of the images show something, otherwise 0.
    """

    def __init__(self, faces: Sequence[tuple[Image, FaceInfo]]) -> None:
        total = np.zeros((SIDE, SIDE, 3), np.float32)
        seen = np.zeros((SIDE, SIDE, 1), np.float32)
        for image, info in faces:
            matrix = geometry.crop_matrix(info.landmarks, SIDE, FaceType.FULL)
            total += geometry.warp_face(to_float(image), matrix, SIDE)
            seen += geometry.warp_face(np.ones((*image.shape[:2], 1), np.float32), matrix, SIDE)
        self.image = total / np.maximum(seen, 1e-3)
        self.weight = (seen[..., 0] > 0.5 * len(faces)).astype(np.float32)

    def paste(self, frame: Image, landmarks: np.ndarray) -> Image:
        """Return `frame` with the average pasted over the face, in that face's mean color.

        Parameters
        ----------
        frame : (H, W, 3) uint8 BGR
            The dst frame.
        landmarks : (68, 2) float32
            Frame pixels.
        """
        matrix = geometry.crop_matrix(landmarks, SIDE, FaceType.FULL)
        aligned = geometry.apply(matrix, landmarks)
        hull = hull_mask(aligned, (SIDE, SIDE))[..., 0] * self.weight
        original = geometry.warp_face(to_float(frame), matrix, SIDE)
        inside = hull > 0
        face = self.image + (original[inside].mean(axis=0) - self.image[inside].mean(axis=0))
        edge = int(2 * FEATHER * SIDE) | 1
        mask = cv2.GaussianBlur(cv2.erode(hull, np.ones((edge, edge))), (0, 0), FEATHER * SIDE)
        return to_uint8(_blend(to_float(frame), face, mask, matrix))


def _blend(frame: Image, face: Image, mask: Image, matrix: np.ndarray) -> Image:
    """Blend an aligned face into the frame it was cropped from."""
    size, back = frame.shape[1::-1], geometry.invert(matrix)
    face = cv2.warpAffine(face, back, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(mask, back, size, flags=cv2.INTER_LINEAR)[..., None]
    return frame + mask * (face - frame)
