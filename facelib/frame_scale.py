"""Faces in frames of another size: the same footage, such as a proxy and its original."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from facelib import geometry, mask_label
from facelib.faceset import FaceInfo, Faceset
from facelib.squaring import in_square_pixels
from facelib.types import FaceType, Rect
from utils.images import size_of
from utils.video.aspect import square_size
from utils.video.source import FrameSource

Scale = tuple[float, float]
"""Pixels of the footage for one of the frame in which a face was found, (x, y)."""


def fit_to_frames(faces: Faceset, source: FrameSource) -> Faceset:
    """Return the faces with landmarks, rectangle and matrix for the images that frames have.

    Those may have another size than the frames in which the faces were found, or square pixels.
    """
    scale_of = scales_of(source)
    fitted = [
        (
            path,
            in_square_pixels(info, source.stretch)
            if info.frame_size is None
            else scaled(info, scale_of(info)),
        )
        for path, info in faces
    ]
    return Faceset(faces.folder, fitted, faces.skipped)


def scaled(info: FaceInfo, scale: Scale) -> FaceInfo:
    """Return a face as it is in its frame at another size."""
    if scale == (1.0, 1.0):
        return info
    # pixel centers are at integers, so it is their edges that scale
    to_frame = np.array([[scale[0], 0, (scale[0] - 1) / 2], [0, scale[1], (scale[1] - 1) / 2]])
    back = np.vstack([geometry.invert(to_frame), [0, 0, 1]])
    whole = info.face_type is FaceType.MARK_ONLY
    iris, label = info.source_iris, info.mask_label
    size = info.frame_size
    return replace(
        info,
        source_landmarks=geometry.apply(to_frame, info.source_landmarks),
        source_iris=None if iris is None else geometry.apply(to_frame, iris),
        mask_label=label and mask_label.transformed(label, to_frame),
        source_rect=scaled_rect(info.source_rect, scale),
        matrix=info.matrix if whole else info.matrix @ back,
        frame_size=None if size is None else (round(size[0] * scale[0]), round(size[1] * scale[1])),
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
        own = size_of(file)
        return own and square_size(*own, source.stretch)

    def scale_of(info: FaceInfo) -> Scale:
        old, new = info.frame_size, size_for(info)
        if old is None and info.pixel_aspect is None and source.stretch is not None:
            aspect = float(source.stretch)  # such footage was searched as it is
            return max(aspect, 1.0), max(1 / aspect, 1.0)
        if old is None or new is None or _padded(old, new):
            return 1.0, 1.0
        return new[0] / old[0], new[1] / old[1]

    return scale_of


def _padded(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes differ by no more than the pixel that encoders add to odd sides."""
    return all(abs(a - b) <= 1 for a, b in zip(one, other, strict=True))


def stem_of(info: FaceInfo) -> str:
    """Return the stem of the name of a face's frame, which ties the face to it."""
    return PurePosixPath(info.source_name).stem
