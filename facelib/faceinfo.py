"""The metadata of a face file, as a record and as validated, versioned JSON.

The JSON comes from untrusted files: every value is checked for type, count and range before it is
used.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from facelib.fingerprint import CELLS
from facelib.types import FaceType, Rect
from utils.errors import InputError
from utils.files import ELSEWHERE

VERSION = 1
MAX_SIDE = 16_384  # pixels; the largest image that a face file may hold
FARTHEST = 1_000_000  # pixels; no landmark of a real frame lies further out
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, eq=False)
class FaceInfo:
    """Everything that later stages need to know about an aligned face.

    Attributes
    ----------
    face_type : FaceType
        How much of the head the aligned image shows.
    size : int
        Side of the aligned image in pixels; the longer side for MARK_ONLY.
    landmarks : (68, 2) float32
        Pixels of the aligned image.
    source_landmarks : (68, 2) float32
        Pixels of the frame.
    source_rect : Rect
        What the detector found, pixels of the frame.
    source_name : str
        File name of the frame, or the name that a video's frame would have.
    source : str
        Name of the folder or video that the frame is from.
    frame_index : int
        From 0.
    time : float or None
        Seconds; None for a frame from a folder.
    face_index : int
        From 0, the largest face of the frame.
    detector, landmarker : str
        Names in the registries.
    score : float
        The detector's confidence, 0..1.
    quality : float
        The landmarker's confidence, a logit; below 0 the landmarks are uncertain.
    matrix : (2, 3) float64
        From the frame to the aligned image.
    smoothed : bool
        Whether the landmarks were smoothed over time.
    pixel_aspect : float or None
        Width / height of the footage's pixels, if the frame was enlarged to square ones, in which
        `source_landmarks`, `source_rect` and `matrix` are; None: they are in the footage's own.
    frame_size : (int, int) or None
        Width and height of the frame as it was searched; None in files of version 0.1.0.
    fingerprint : (24, 24) uint8 or None
        What the frame shows around the face (`facelib.fingerprint`); cells beyond its edge are 0.
    source_iris : (2, 2) float32 or None
        Centers of the irises, pixels of the frame, the person's right eye first; None in files of
        an earlier build, and if the landmarker does not measure them.
    unknown : mapping of str to object
        Keys of a later build, which are written again as they are.
    """

    face_type: FaceType
    size: int
    landmarks: np.ndarray
    source_landmarks: np.ndarray
    source_rect: Rect
    source_name: str
    source: str
    frame_index: int
    time: float | None
    face_index: int
    detector: str
    landmarker: str
    score: float
    quality: float
    matrix: np.ndarray
    smoothed: bool = False
    pixel_aspect: float | None = None
    frame_size: tuple[int, int] | None = None
    fingerprint: np.ndarray | None = None
    source_iris: np.ndarray | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def iris(self) -> np.ndarray | None:
        """`source_iris` in pixels of the aligned image, like `landmarks`.

        Only the frame's pixels are stored, because an earlier build that scales an aligned image
        carries along, but does not scale, what it does not know.
        """
        if self.source_iris is None:
            return None
        aligned = self.source_iris @ self.matrix[:, :2].T + self.matrix[:, 2]
        return aligned.astype(np.float32)


def to_json(info: FaceInfo, name: str) -> bytes:
    """Return the metadata as JSON; landmarks are rounded to 0.001 pixel.

    Parameters
    ----------
    info : FaceInfo
        The metadata.
    name : str
        The file's, for messages.

    Raises
    ------
    InputError
        If reading it back would fail.
    """
    record = {
        **info.unknown,
        "version": VERSION,
        "face_type": info.face_type.value,
        "size": int(info.size),
        "landmarks": _rounded(info.landmarks),
        "source_landmarks": _rounded(info.source_landmarks),
        "source_rect": _rounded(info.source_rect),
        "source_name": info.source_name,
        "source": info.source,
        "frame_index": int(info.frame_index),
        "time": None if info.time is None else round(float(info.time), 6),
        "face_index": int(info.face_index),
        "detector": info.detector,
        "landmarker": info.landmarker,
        "score": round(float(info.score), 6),
        "quality": round(float(info.quality), 6),
        "matrix": [[float(f"{number:.10g}") for number in row] for row in info.matrix.tolist()],
        "smoothed": bool(info.smoothed),
    }
    if info.pixel_aspect is not None:
        record["pixel_aspect"] = round(float(info.pixel_aspect), 9)
    if info.frame_size is not None:
        record["frame_size"] = [int(side) for side in info.frame_size]
    if info.source_iris is not None:
        record["source_iris"] = _rounded(info.source_iris)
    if info.fingerprint is not None:
        record["fingerprint"] = base64.b64encode(info.fingerprint.tobytes()).decode()
    try:
        data = json.dumps(record, separators=(",", ":")).encode()
    except RecursionError:  # in what is unknown
        raise _damaged(name, "it is nested too deeply") from None
    from_json(data, name)
    return data


def _rounded(numbers: np.ndarray | Rect) -> list[Any]:
    # as float64, because a rounded float32 prints all its binary digits
    return np.asarray(numbers, np.float64).round(3).tolist()


def from_json(data: bytes, name: str) -> FaceInfo:
    """Parse and validate metadata.

    Parameters
    ----------
    data : bytes
        JSON.
    name : str
        The file's, for messages.

    Raises
    ------
    InputError
        If it is not complete and valid metadata of a known version.
    """
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        raise _damaged(name, "it is not JSON") from None
    if not isinstance(record, dict):
        raise _damaged(name, "it is not a JSON object")
    version = record.get("version")
    if type(version) is not int or version < 1:
        raise _damaged(name, "version: expected a whole number from 1")
    if version > VERSION:
        raise InputError(
            f'"{name}" was written by a newer version of this program; update the program to use it'
        )
    values = {}
    for key, read in _READERS.items():
        try:
            values[key] = read(record.get(key))
        except _UnfitError as problem:
            raise _damaged(name, f"{key}: expected {problem}") from None
    unknown = {key: value for key, value in record.items() if key not in _READERS}
    unknown.pop("version")
    return FaceInfo(**values, unknown=unknown)


class _UnfitError(Exception):
    """A value is not as expected; the message says what was expected."""


def _damaged(name: str, reason: str) -> InputError:
    return InputError(f'the face data in "{name}" is damaged ({reason}); extract this face again')


def _whole(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        # `type` and not `isinstance`: True is not a number here
        if type(value) is not int or not low <= value <= high:
            raise _UnfitError(f"a whole number from {low} to {high}")
        return value

    return read


def _number(low: float, high: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        # NaN fails the comparison, and an integer of any size passes it safely
        if (type(value) is not int and type(value) is not float) or not low <= value <= high:
            raise _UnfitError(f"a number from {low:g} to {high:g}")
        return float(value)

    return read


def _text(longest: int) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest or CONTROL.search(value):
            raise _UnfitError(f"text of up to {longest} characters")
        return value

    return read


def _file_name(value: object) -> str:
    name = _text(255)(value)
    # the name becomes part of paths that are written to, so it must not lead elsewhere
    if name in {"", ".", ".."} or ELSEWHERE.search(name):
        raise _UnfitError("the name of a file, without a folder")
    return name


def _table(rows: int, columns: int, farthest: float) -> Callable[[object], np.ndarray]:
    def read(value: object) -> np.ndarray:
        expected = f"{rows} rows of {columns} numbers from {-farthest:g} to {farthest:g}"
        if type(value) is not list or len(value) != rows or {list} != set(map(type, value)):
            raise _UnfitError(expected)
        # checked together and not one by one: many thousand files are opened at a time
        numbers = list(chain.from_iterable(value))
        if {columns} != set(map(len, value)) or not {int, float}.issuperset(map(type, numbers)):
            raise _UnfitError(expected)
        # before a huge integer becomes a float; a NaN that this overlooks is found below
        if not -farthest <= min(numbers) <= max(numbers) <= farthest:
            raise _UnfitError(expected)
        table = np.array(numbers, np.float64).reshape(rows, columns)
        if np.isnan(table).any():
            raise _UnfitError(expected)
        return table

    return read


def _landmarks(value: object) -> np.ndarray:
    points = _table(68, 2, FARTHEST)(value)
    if np.ptp(points, axis=0).max() < 1e-3:
        raise _UnfitError("68 points that are not all the same")
    return points.astype(np.float32)


def _iris(value: object) -> np.ndarray | None:
    return None if value is None else _table(2, 2, FARTHEST)(value).astype(np.float32)


def _matrix(value: object) -> np.ndarray:
    matrix = _table(2, 3, 1e9)(value)
    if not 1e-6 < np.linalg.det(matrix[:, :2]) < 1e6:
        raise _UnfitError("a matrix that can be inverted and does not mirror")
    return matrix


def _rect(value: object) -> Rect:
    if not isinstance(value, list) or len(value) != 4:
        raise _UnfitError("left, top, right and bottom")
    rect = Rect(*(_number(-FARTHEST, FARTHEST)(number) for number in value))
    if rect.width < 0 or rect.height < 0:
        raise _UnfitError("left, top, right and bottom")
    return rect


def _face_type(value: object) -> FaceType:
    names = [member.value for member in FaceType]
    if value not in names:
        raise _UnfitError("one of " + ", ".join(names))
    return FaceType(value)


def _time(value: object) -> float | None:
    return None if value is None else _number(-1e9, 1e9)(value)


def _aspect(value: object) -> float | None:
    return None if value is None else _number(0.1, 10)(value)


def _flag(value: object) -> bool:
    if value is not None and not isinstance(value, bool):  # records of version 0.1.0 have none
        raise _UnfitError("true or false")
    return bool(value)


def _size(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise _UnfitError("width and height")
    side = _whole(1, FARTHEST)
    return side(value[0]), side(value[1])


def _fingerprint(value: object) -> np.ndarray | None:
    if value is None:
        return None
    try:
        # the length first: text of any size may stand here
        fits = isinstance(value, str) and len(value) <= 2 * CELLS**2
        data = base64.b64decode(value, validate=True) if fits else b""  # type: ignore[arg-type]
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != CELLS**2:
        raise _UnfitError(f"{CELLS**2} bytes in base64")
    return np.frombuffer(data, np.uint8).reshape(CELLS, CELLS)


_READERS: dict[str, Callable[[object], Any]] = {
    "face_type": _face_type,
    "size": _whole(1, MAX_SIDE),
    "landmarks": _landmarks,
    "source_landmarks": _landmarks,
    "source_rect": _rect,
    "source_name": _file_name,
    "source": _text(255),
    "frame_index": _whole(0, 2**40),
    "time": _time,
    "face_index": _whole(0, 100_000),
    "detector": _text(64),
    "landmarker": _text(64),
    "score": _number(-1000, 1000),
    "quality": _number(-1e6, 1e6),
    "matrix": _matrix,
    "smoothed": _flag,
    "frame_size": _size,
    "fingerprint": _fingerprint,
    "source_iris": _iris,
    "pixel_aspect": _aspect,
}
