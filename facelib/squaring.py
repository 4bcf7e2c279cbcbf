"""Faces that were found in footage with oblong pixels as they are in square ones."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from facelib import geometry, mask_label
from facelib.faceinfo import FaceInfo
from facelib.types import Rect


def in_square_pixels(info: FaceInfo, aspect: Fraction | None) -> FaceInfo:
    """Return a face with its places in the frame enlarged to square pixels.

    Earlier versions searched anamorphic footage as it is. Faces that were found in square pixels,
    and those of other footage, are returned as they are.

    Parameters
    ----------
    aspect : Fraction or None
        Width / height of the footage's pixels; None if they are square.
    """
    if aspect is None or info.pixel_aspect is not None:
        return info
    scale = np.array([max(aspect, 1), max(1 / aspect, 1)], np.float64)
    # pixel centers are integers, so the image's edge, which scaling preserves, is at -0.5
    enlarged = np.column_stack([np.diag(scale), (scale - 1) / 2])
    corners = geometry.apply(enlarged, np.array([info.source_rect[:2], info.source_rect[2:]]))
    iris, label = info.source_iris, info.mask_label
    return replace(
        info,
        source_iris=None if iris is None else geometry.apply(enlarged, iris),
        mask_label=label and mask_label.transformed(label, enlarged),
        source_landmarks=geometry.apply(enlarged, info.source_landmarks).astype(np.float32),
        source_rect=Rect(*corners.ravel().tolist()),
        pixel_aspect=float(aspect),
    )
