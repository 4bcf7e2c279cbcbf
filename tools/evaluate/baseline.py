"""The trivial swap that figures are compared with: src's average face, pasted onto every dst face.

It has src's identity and no expression at all, which is what a model that learned nothing but the
average would give. A figure that is no better than this one's proves nothing.
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
    image : (SIDE, SIDE, 3) float32 BGR, full-face crop
    weight : (SIDE, SIDE) float32, 0 where no picture shows anything, 1 where most do
    """

    def __init__(self, faces: Sequence[tuple[Image, FaceInfo]]) -> None:
        total = np.zeros((SIDE, SIDE, 3), np.float32)
        seen = np.zeros((SIDE, SIDE, 1), np.float32)
        for picture, info in faces:
            matrix = geometry.crop_matrix(info.landmarks, SIDE, FaceType.FULL)
            total += geometry.warp_face(to_float(picture), matrix, SIDE)
            seen += geometry.warp_face(np.ones((*picture.shape[:2], 1), np.float32), matrix, SIDE)
        self.image = total / np.maximum(seen, 1e-3)
        self.weight = (seen[..., 0] > 0.5 * len(faces)).astype(np.float32)

    def paste(self, frame: Image, landmarks: np.ndarray) -> Image:
        """Return `frame` with the average over the face, in that face's mean colors.

        Parameters
        ----------
        frame : (H, W, 3) uint8 BGR
        landmarks : (68, 2) float32, frame pixels
        """
        matrix = geometry.crop_matrix(landmarks, SIDE, FaceType.FULL)
        aligned = geometry.apply(matrix, landmarks)
        hull = hull_mask(aligned, (SIDE, SIDE))[..., 0] * self.weight
        there = geometry.warp_face(to_float(frame), matrix, SIDE)
        inside = hull > 0
        face = self.image + (there[inside].mean(axis=0) - self.image[inside].mean(axis=0))
        edge = int(2 * FEATHER * SIDE) | 1
        mask = cv2.GaussianBlur(cv2.erode(hull, np.ones((edge, edge))), (0, 0), FEATHER * SIDE)
        return to_uint8(_put_back(to_float(frame), face, mask, matrix))


def _put_back(frame: Image, face: Image, mask: Image, matrix: np.ndarray) -> Image:
    """Blend an aligned face into the frame it was cut from."""
    size, back = frame.shape[1::-1], geometry.invert(matrix)
    face = cv2.warpAffine(face, back, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(mask, back, size, flags=cv2.INTER_LINEAR)[..., None]
    return frame + mask * (face - frame)
