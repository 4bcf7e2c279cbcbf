"""Predicted faces and scenes of the astronaut, for the tests of blending."""

import dataclasses

import cv2
import numpy as np

from converters.blending.crop import Crop
from converters.blending.mask import Swap, hull_mask
from facelib import geometry
from facelib.types import FaceType

TINT = np.float32([0.75, 1.0, 1.1])


def make_swap(frame, landmarks, size=64, face_type=FaceType.FULL, tint=None, index=0):
    """The prediction of an identity model: the crop times a tint, and the mask of its hull."""
    crop = Crop.of(landmarks, size, face_type).cut(frame, size).astype(np.float32) / 255
    face = crop if tint is None else np.clip(crop * tint, 0, 1)
    swap = Swap(landmarks, crop, face, np.ones((size, size, 1), np.float32), face_type, index)
    mask = cv2.resize(hull_mask(swap), (size, size), interpolation=cv2.INTER_AREA)
    return dataclasses.replace(swap, mask=mask[..., None])


def difference(one, other):
    return np.abs(one.astype(int) - other.astype(int))


def scene(astronaut, landmarks, zoom, roll=0.0, shift=(0, 0), shape=None):
    """The astronaut scaled and rotated about her face, and the landmarks there."""
    side = int(max(160, 200 * zoom))
    height, width = shape or (side, side)
    matrix = cv2.getRotationMatrix2D((222, 125), roll, zoom)
    matrix[:, 2] += np.array([width / 2 - 222, height / 2 - 125]) + shift
    method = cv2.INTER_CUBIC if zoom >= 1 else cv2.INTER_AREA
    frame = cv2.warpAffine(
        astronaut, matrix, (width, height), flags=method, borderMode=cv2.BORDER_REFLECT
    )
    return frame, geometry.apply(matrix, landmarks)


def smooth_scene(astronaut, landmarks, zoom, size, **kwargs):
    """A scene without detail finer than a model of `size` can reproduce."""
    frame, points = scene(astronaut, landmarks, zoom, **kwargs)
    pixel = Crop.of(points, size, FaceType.FULL).side / size
    return cv2.GaussianBlur(frame, (0, 0), 2 * max(pixel, 1.0)), points
