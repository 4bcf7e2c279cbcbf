"""Face files of DeepFaceLab (2018 and later): where their metadata is, and what it means."""

import io
import re
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath, PureWindowsPath
from typing import Any, NamedTuple

import cv2
import numpy as np

from facelib import geometry, png
from facelib.face_values import FARTHEST
from facelib.faceinfo import FaceInfo
from facelib.geometry import HEAD_2019, SHAPES
from facelib.types import EXTRACTED, FaceType, Rect
from tools.util import dfl_pickle
from tools.util.dfl_mask import COMPUTED, DRAWN, cut_mask
from utils.errors import InputError
from utils.images import Image

PNG_CHUNK = b"fcWp"
JPEG_START, JPEG_SEGMENT, JPEG_PIXELS = b"\xff\xd8", 0xEF, 0xDA
UNKNOWN = "unknown"  # detector and landmarker are not in the metadata
OLD_MASKS = frozenset({"ie_polys", "fanseg_mask"})
ROUNDED = 1.5  # pixels between integer landmarks and what their matrix gives, at most
SAME_SCALE = 1.25  # ratio; beyond it the image was scaled after it was aligned
OURS = {kind.value: kind for kind in EXTRACTED}
THEIRS = {
    "half_face": (SHAPES[FaceType.HALF], SHAPES[FaceType.HALF_2020]),
    "midfull_face": (SHAPES[FaceType.MID_FULL],),
    "full_face": (SHAPES[FaceType.FULL], SHAPES[FaceType.FULL_2020]),
    "full_face_no_align": (SHAPES[FaceType.FULL_2020],),
    "whole_face": (SHAPES[FaceType.WHOLE],),
    "head": (SHAPES[FaceType.HEAD], HEAD_2019),
    "head_no_align": (SHAPES[FaceType.HEAD],),
}
"""DeepFaceLab's crops by face type; some changed in 2020."""
OVERHANG = 0.03  # sides of the image; by so much a crop may leave the image that it is cut from


class DflFace(NamedTuple):
    """The metadata of a DeepFaceLab face.

    Attributes
    ----------
    face_type : str
        DeepFaceLab's name for how much of the head it shows.
    landmarks : (68, 2) float64
        Pixels of the aligned image.
    source_landmarks : (68, 2) float64
        Pixels of the frame.
    source_rect : Rect
        Pixels of the frame.
    source_name : str
        The frame's file name.
    matrix : (2, 3) float64 or None
        From the frame to the aligned image; None when the metadata has none.
    masks : dict
        What it holds of the keys of `dfl_mask`, as it was read.
    old_mask : bool
        Whether it holds a mask of 2019, which is not imported.
    """

    face_type: str
    landmarks: np.ndarray
    source_landmarks: np.ndarray
    source_rect: Rect
    source_name: str
    matrix: np.ndarray | None
    masks: dict[str, Any]
    old_mask: bool


def read_dfl(data: bytes, name: str) -> DflFace:
    """Read the metadata in the bytes of a DeepFaceLab face file, PNG or JPEG.

    Raises
    ------
    InputError
        If there is none, it is damaged, or it holds anything but data.
    """
    find = _in_jpeg if data.startswith(JPEG_START) else _in_png
    payload = find(data, name)
    if payload is None:
        raise InputError(f'"{name}" holds no DeepFaceLab metadata')
    record = dfl_pickle.read(payload, name)
    if not isinstance(record, dict):
        raise _unfit(name, "a dict")
    return _face(record, name)


def _in_png(data: bytes, name: str) -> bytes | None:
    file = io.BytesIO(data)
    for kind, start, length in png.chunks(file, name):
        if kind == PNG_CHUNK:
            return png.content(file, start, length, name)
    return None


def _in_jpeg(data: bytes, name: str) -> bytes | None:
    """Return the content of the first APP15 segment before the pixels."""
    at = len(JPEG_START)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker == JPEG_SEGMENT:
            return data[at + 4 : at + 2 + length]
        if marker == JPEG_PIXELS:
            return None
        at += 2 + max(2, length)
    raise InputError(f'"{name}" is truncated or damaged')


def _face(record: dict[Any, Any], name: str) -> DflFace:
    kinds = [*THEIRS, FaceType.MARK_ONLY.value]
    kind = record.get("face_type", FaceType.FULL.value)  # the only one of the first versions
    if not isinstance(kind, str) or kind not in kinds:
        raise _unfit(name, f"face_type: one of {', '.join(kinds)}", kind)
    source_name = record.get("source_filename")
    if source_name is None:
        source_name = re.sub(r"_\d+$", "", PurePath(name).stem) + ".png"
    if not isinstance(source_name, str):
        raise _unfit(name, "source_filename: text", source_name)
    rect = _table([record.get("source_rect")], (1, 4), f"{name}", "source_rect")[0]
    matrix = record.get("image_to_face_mat")
    return DflFace(
        kind,
        _table(record.get("landmarks"), (68, 2), name, "landmarks"),
        _table(record.get("source_landmarks"), (68, 2), name, "source_landmarks"),
        Rect(*rect.tolist()),
        PureWindowsPath(source_name).name,
        None if matrix is None else _table(matrix, (2, 3), name, "image_to_face_mat"),
        {key: record[key] for key in (DRAWN, COMPUTED) if key in record},
        not OLD_MASKS.isdisjoint(record),
    )


def _table(value: object, shape: tuple[int, int], name: str, key: str) -> np.ndarray:
    """Return numbers as float64, after checking their count and type."""
    expected = f"{key}: {shape[0]} times {shape[1]} numbers"
    rows = _row(value, shape[0])
    cells = [cell for row in rows for cell in _row(row, shape[1])]
    if len(rows) != shape[0] or len(cells) != shape[0] * shape[1]:
        raise _unfit(name, expected)
    if any(type(cell) not in (int, float) or not abs(cell) <= FARTHEST for cell in cells):
        raise _unfit(name, expected)
    return np.array(cells, np.float64).reshape(shape)


def _row(value: object, length: int) -> Sequence[Any]:
    """Return a list, tuple or array of the right length as a list, anything else as empty."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return ()
    if len(getattr(value, "shape", (0,))) == 0 or len(value) != length:
        return ()
    return [cell.item() if isinstance(cell, np.generic) else cell for cell in value]


def _unfit(name: str, expected: str, received: object = None) -> InputError:
    got = f". Received: {received[:80]!a}" if isinstance(received, str) else ""
    return InputError(f'the metadata of "{name}" is damaged. Expected {expected}{got}')


def to_info(face: DflFace, size: int, name: str, source: str, **place: int) -> FaceInfo:
    """Convert the metadata of a DeepFaceLab face.

    Its aligned landmarks are integers; those of the result are computed by the matrix. The face
    type is the widest of ours that the image shows: call `cut_down` if it is not the image's own.

    Parameters
    ----------
    size : int
        Side of the image in pixels.
    name : str
        The file's, for messages.
    source : str
        Name of the folder or video that the frame is from.
    place : int
        `frame_index` and `face_index`.

    Raises
    ------
    InputError
        If landmarks, frame and image do not belong together.
    """
    try:
        matrix, face_type = _alignment(face, size)
    except InputError as problem:
        raise InputError(f'"{name}": {problem}') from None
    return FaceInfo(
        face_type=face_type,
        size=size,
        landmarks=geometry.apply(matrix, face.source_landmarks),
        source_landmarks=face.source_landmarks.astype(np.float32),
        source_rect=face.source_rect,
        source_name=face.source_name,
        source=source,
        frame_index=place["frame_index"],
        time=None,
        face_index=place["face_index"],
        detector=UNKNOWN,
        landmarker=UNKNOWN,
        score=1.0,
        quality=0.0,
        matrix=matrix,
    )


def _alignment(face: DflFace, size: int) -> tuple[np.ndarray, FaceType]:
    """Return the matrix from the frame to the image, and the face type.

    Where the image is not a crop of ours, the type is the widest that it shows.
    """
    points, ours = face.source_landmarks, OURS.get(face.face_type)
    crops = _crops(face, size)
    matrix = _matrix(face, size, crops if ours else [])
    side = geometry.crop_side(matrix, size)
    sides = [geometry.crop_side(crop, size) for crop in crops]
    if min(max(side / each, each / side) for each in sides) > SAME_SCALE:
        raise _misfit(size)
    return matrix, ours or _widest(points, matrix, size)


def _crops(face: DflFace, size: int) -> list[np.ndarray]:
    """Return the matrices that the crops of a face type have, but for the turn of some."""
    if face.face_type == FaceType.MARK_ONLY.value:
        return [np.eye(2, 3)]
    return [shape.matrix(face.source_landmarks, size) for shape in THEIRS[face.face_type]]


def _matrix(face: DflFace, size: int, usual: Sequence[np.ndarray]) -> np.ndarray:
    """Return the matrix from the frame to the image.

    The stored one, or a usual one, if it maps the landmarks to where they are stored; otherwise a
    fitted one: DeepFaceLab rotated some profiles.
    """
    known = [] if face.matrix is None else [face.matrix]
    for matrix in (*known, *usual):
        if _worst_error(matrix, face) < ROUNDED:
            return matrix
    fitted = geometry.fit_similarity(face.source_landmarks, face.landmarks)
    if _worst_error(fitted, face) > size / 50:
        raise _misfit(size)
    return fitted


def _misfit(size: int) -> InputError:
    return InputError(
        f"the landmarks do not fit its {size} pixels; it was scaled or cropped after it was aligned"
    )


def _widest(points: np.ndarray, matrix: np.ndarray, size: int) -> FaceType:
    """Return the widest of our face types that an image shows."""
    over = OVERHANG * size
    for kind in (FaceType.HEAD, FaceType.WHOLE, FaceType.FULL, FaceType.MID_FULL):
        square = geometry.crop_corners(geometry.crop_matrix(points, size, kind), size)
        corners = geometry.apply(matrix, square) + 0.5
        if corners.min() >= -over and corners.max() <= size + over:
            return kind
    return FaceType.HALF


def _worst_error(matrix: np.ndarray, face: DflFace) -> float:
    """Return the largest distance in pixels between mapped and stored landmarks."""
    return float(np.abs(geometry.apply(matrix, face.source_landmarks) - face.landmarks).max())


def cut_down(image: Image, info: FaceInfo) -> tuple[Image, FaceInfo]:
    """Cut a wider image down to the crop that its face type stands for; pixels keep their size."""
    points, kind = info.source_landmarks, info.face_type
    side = geometry.crop_side(geometry.crop_matrix(points, 1, kind), 1)
    size = max(1, round(info.size * side / geometry.crop_side(info.matrix, info.size)))
    matrix = geometry.crop_matrix(points, size, kind)
    to_frame = np.vstack([geometry.invert(info.matrix), (0, 0, 1)])
    cut = cv2.warpAffine(
        image,
        matrix @ to_frame,
        (size, size),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    landmarks = geometry.apply(matrix, points)
    new = replace(info, size=size, matrix=matrix, landmarks=landmarks)
    return cut, new if info.mask is None else replace(new, mask=cut_mask(info.mask, info, new))
