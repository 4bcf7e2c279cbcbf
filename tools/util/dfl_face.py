"""The ancestor's face files (DeepFaceLab, 2018 and later): where their record is, what it says."""

import io
import re
import struct
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np

from facelib import geometry, png
from facelib.faceinfo import FARTHEST, FaceInfo
from facelib.types import FaceType, Rect
from tools.util import dfl_pickle
from utils.errors import InputError
from utils.images import read_file

PNG_CHUNK = b"fcWp"
JPEG_START, JPEG_SEGMENT, JPEG_PIXELS = b"\xff\xd8", 0xEF, 0xDA
UNKNOWN = "unknown"  # detector and landmarker are not in the record
MASKS = frozenset({"ie_polys", "seg_ie_polys", "xseg_mask", "fanseg_mask"})
ROUNDED = 1.5  # pixels by which whole-numbered landmarks may miss what their matrix says
SAME_SCALE = 1.25  # ratio; beyond it the picture was scaled after it was aligned


class DflFace(NamedTuple):
    """What the ancestor knew of a face.

    Attributes
    ----------
    face_type : FaceType
    landmarks : (68, 2) float64, in the aligned picture
    source_landmarks : (68, 2) float64, in the frame
    source_rect : Rect, in the frame
    source_name : str, the frame's file name
    matrix : (2, 3) float64, frame -> aligned picture; None: the record has none
    masked : whether it holds a mask, which is not taken over
    """

    face_type: FaceType
    landmarks: np.ndarray
    source_landmarks: np.ndarray
    source_rect: Rect
    source_name: str
    matrix: np.ndarray | None
    masked: bool


def read_dfl(path: Path) -> DflFace:
    """Read the record of one of the ancestor's face files, PNG or JPEG.

    Raises
    ------
    InputError
        If there is none, it is damaged, or it holds something else than data.
    """
    data = read_file(path)
    find = _in_jpeg if data.startswith(JPEG_START) else _in_png
    payload = find(data, path.name)
    if payload is None:
        raise InputError(f'"{path.name}" holds no record of the ancestor (DeepFaceLab)')
    record = dfl_pickle.read(payload, path.name)
    if not isinstance(record, dict):
        raise _unfit(path.name, "a dict")
    return _face(record, path)


def _in_png(data: bytes, name: str) -> bytes | None:
    file = io.BytesIO(data)
    for kind, start, length in png.chunks(file, name):
        if kind == PNG_CHUNK:
            return png.content(file, start, length, name)
    return None


def _in_jpeg(data: bytes, name: str) -> bytes | None:
    """Return the content of the first segment APP15 before the pixels."""
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


def _face(record: dict[Any, Any], path: Path) -> DflFace:
    name, kinds = path.name, [member.value for member in FaceType]
    kind = record.get("face_type", FaceType.FULL.value)  # the first versions had only this one
    if kind not in kinds:
        raise _unfit(name, f"face_type: one of {', '.join(kinds)}", kind)
    source_name = record.get("source_filename")
    if source_name is None:
        source_name = re.sub(r"_\d+$", "", path.stem) + ".png"
    if not isinstance(source_name, str):
        raise _unfit(name, "source_filename: text", source_name)
    rect = _table([record.get("source_rect")], (1, 4), f"{name}", "source_rect")[0]
    matrix = record.get("image_to_face_mat")
    return DflFace(
        FaceType(kind),
        _table(record.get("landmarks"), (68, 2), name, "landmarks"),
        _table(record.get("source_landmarks"), (68, 2), name, "source_landmarks"),
        Rect(*rect.tolist()),
        PureWindowsPath(source_name).name,
        None if matrix is None else _table(matrix, (2, 3), name, "image_to_face_mat"),
        not MASKS.isdisjoint(record),
    )


def _table(value: object, shape: tuple[int, int], name: str, key: str) -> np.ndarray:
    """Return numbers as float64, after looking at how many there are and of what type."""
    expected = f"{key}: {shape[0]} times {shape[1]} numbers"
    rows = _row(value, shape[0])
    cells = [cell for row in rows for cell in _row(row, shape[1])]
    if len(rows) != shape[0] or len(cells) != shape[0] * shape[1]:
        raise _unfit(name, expected)
    if any(type(cell) not in (int, float) or not abs(cell) <= FARTHEST for cell in cells):
        raise _unfit(name, expected)
    return np.array(cells, np.float64).reshape(shape)


def _row(value: object, length: int) -> Sequence[Any]:
    """Return a list, tuple or array as a list, and anything else, or one too long, as nothing."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return ()
    if len(getattr(value, "shape", (0,))) == 0 or len(value) != length:
        return ()
    return [cell.item() if isinstance(cell, np.generic) else cell for cell in value]


def _unfit(name: str, expected: str, received: object = None) -> InputError:
    got = f". Received: {received[:80]}" if isinstance(received, str) else ""
    return InputError(f'the record in "{name}" is damaged. Expected {expected}{got}')


def to_info(face: DflFace, size: int, name: str, source: str, **place: int) -> FaceInfo:
    """Return our record of one of the ancestor's faces.

    Its aligned landmarks are whole numbers; those of the result are what the matrix says.

    Parameters
    ----------
    size : side of its picture in pixels
    name : of the file, for messages
    source : name of the folder or video the frame is from
    place : frame_index and face_index

    Raises
    ------
    InputError
        If landmarks, frame and picture do not belong together.
    """
    matrix = _matrix(face, size, name)
    return FaceInfo(
        face_type=face.face_type,
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


def _matrix(face: DflFace, size: int, name: str) -> np.ndarray:
    """Return the matrix from the frame to the picture.

    That of the record, or the usual one, if it takes the landmarks where the record has them; else
    the one that does: the ancestor turned some profiles, and later versions aligned differently.
    """
    try:
        usual = geometry.crop_matrix(face.source_landmarks, size, face.face_type)
    except InputError as problem:
        raise InputError(f'"{name}": {problem}') from None
    for matrix in (face.matrix, usual):
        if matrix is not None and _misses(matrix, face) < ROUNDED:
            return matrix
    fitted = geometry.fit_similarity(face.source_landmarks, face.landmarks)
    ratio = geometry.crop_side(fitted, size) / geometry.crop_side(usual, size)
    if not 1 / SAME_SCALE < ratio < SAME_SCALE or _misses(fitted, face) > size / 50:
        raise InputError(
            f'the landmarks in "{name}" do not fit its {size} pixels; it was scaled or cropped '
            "after it was aligned"
        )
    return fitted


def _misses(matrix: np.ndarray, face: DflFace) -> float:
    """Return by how many pixels a matrix misses the aligned landmarks at worst."""
    return float(np.abs(geometry.apply(matrix, face.source_landmarks) - face.landmarks).max())
