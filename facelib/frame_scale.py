"""Faces in frames of another size: the same footage, such as a proxy and its original."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from facelib import geometry
from facelib.faceset import FaceInfo, Faceset
from facelib.types import FaceType, Rect
from utils.images import size_of
from utils.video.source import FrameSource

Scale = tuple[float, float]
"""Pixels of the footage for one of the frame in which a face was found, (x, y)."""


def fit_to_size(faces: Faceset, source: FrameSource) -> Faceset:
    """Return the faces with landmarks, rectangle and matrix for the size that the frames have."""
    scale_of = scales_of(source)
    return Faceset(
        faces.folder, [(path, scaled(info, scale_of(info))) for path, info in faces], faces.skipped
    )


def scaled(info: FaceInfo, scale: Scale) -> FaceInfo:
    """Return a face as it is in its frame at another size."""
    if scale == (1, 1) or info.frame_size is None:
        return info
    # pixel centers are at integers, so it is their edges that scale
    to_frame = np.array([[scale[0], 0, (scale[0] - 1) / 2], [0, scale[1], (scale[1] - 1) / 2]])
    back = np.vstack([geometry.invert(to_frame), [0, 0, 1]])
    whole = info.face_type is FaceType.MARK_ONLY
    width, height = (
        round(side * share) for side, share in zip(info.frame_size, scale, strict=True)
    )
    return replace(
        info,
        source_landmarks=geometry.apply(to_frame, info.source_landmarks),
        source_rect=scaled_rect(info.source_rect, scale),
        matrix=info.matrix if whole else info.matrix @ back,
        frame_size=(width, height),
    )


def scaled_rect(rect: Rect, scale: Scale) -> Rect:
    """Return a rectangle of a frame in the same frame at another size."""
    (x, y), half = scale, 0.5
    return Rect(
        *((rect.left + half) * x - half, (rect.top + half) * y - half),
        *((rect.right + half) * x - half, (rect.bottom + half) * y - half),
    )


def scales_of(source: FrameSource) -> Callable[[FaceInfo], Scale]:
    """Return what gives the scale of a face: the images of a folder may have several sizes."""
    files = {file.stem: file for file in source.files}

    def size_for(info: FaceInfo) -> tuple[int, int] | None:
        file = files.get(stem_of(info))
        if source.is_video or file is None or info.frame_size in (None, source.size):
            return source.size
        return size_of(file)

    def scale_of(info: FaceInfo) -> Scale:
        old, new = info.frame_size, size_for(info)
        if (
            old is None
            or new is None
            or all(abs(a - b) <= 1 for a, b in zip(old, new, strict=True))
        ):
            return 1.0, 1.0  # encoders pad odd sides by a pixel
        return new[0] / old[0], new[1] / old[1]

    return scale_of


def stem_of(info: FaceInfo) -> str:
    """Return the stem of the name of a face's frame, which ties the face to it."""
    return PurePosixPath(info.source_name).stem
