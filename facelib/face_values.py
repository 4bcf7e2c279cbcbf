"""Values of a face's metadata, read from JSON that comes from untrusted files.

Each function returns the value, after checking its type, count and range.
"""

import base64
import binascii
import re
from collections.abc import Callable
from itertools import chain

import numpy as np

from facelib.fingerprint import CELLS
from facelib.types import EXTRACTED, FaceType, Rect
from utils.files import ELSEWHERE

FARTHEST = 1_000_000  # pixels; no landmark of a real frame lies further out
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class UnfitError(Exception):
    """A value is not as expected; the message says what was expected."""


def whole(low: int, high: int) -> Callable[[object], int]:
    """Return what reads a whole number."""

    def read(value: object) -> int:
        # `type` and not `isinstance`: True is not a number here
        if type(value) is not int or not low <= value <= high:
            raise UnfitError(f"a whole number from {low} to {high}")
        return value

    return read


def number(low: float, high: float) -> Callable[[object], float]:
    """Return what reads a number."""

    def read(value: object) -> float:
        # NaN fails the comparison, and an integer of any size passes it safely
        if (type(value) is not int and type(value) is not float) or not low <= value <= high:
            raise UnfitError(f"a number from {low:g} to {high:g}")
        return float(value)

    return read


def text(longest: int) -> Callable[[object], str]:
    """Return what reads text of one line."""

    def read(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest or CONTROL.search(value):
            raise UnfitError(f"text of up to {longest} characters")
        return value

    return read


def file_name(value: object) -> str:
    """Return the name of a file."""
    name = text(255)(value)
    # the name becomes part of paths that are written to, so it must not lead elsewhere
    if name in {"", ".", ".."} or ELSEWHERE.search(name):
        raise UnfitError("the name of a file, without a folder")
    return name


def table(value: object, rows: int, columns: int, farthest: float = FARTHEST) -> np.ndarray:
    """Return numbers: (rows, columns) float64."""
    expected = f"{rows} rows of {columns} numbers from {-farthest:g} to {farthest:g}"
    if type(value) is not list or len(value) != rows or {list} != set(map(type, value)):
        raise UnfitError(expected)
    # checked together and not one by one: many thousand files are opened at a time
    numbers = list(chain.from_iterable(value))
    if {columns} != set(map(len, value)) or not {int, float}.issuperset(map(type, numbers)):
        raise UnfitError(expected)
    # before a huge integer becomes a float; a NaN that this overlooks is found below
    if not -farthest <= min(numbers) <= max(numbers) <= farthest:
        raise UnfitError(expected)
    found = np.array(numbers, np.float64).reshape(rows, columns)
    if np.isnan(found).any():
        raise UnfitError(expected)
    return found


def landmarks(value: object) -> np.ndarray:
    """Return landmarks: (68, 2) float32."""
    points = table(value, 68, 2)
    if np.ptp(points, axis=0).max() < 1e-3:
        raise UnfitError("68 points that are not all the same")
    return points.astype(np.float32)


def iris(value: object) -> np.ndarray | None:
    """Return the centers of both irises: (2, 2) float32, or None."""
    return None if value is None else table(value, 2, 2).astype(np.float32)


def matrix(value: object) -> np.ndarray:
    """Return a crop matrix: (2, 3) float64."""
    found = table(value, 2, 3, 1e9)
    if not 1e-6 < np.linalg.det(found[:, :2]) < 1e6:
        raise UnfitError("a matrix that can be inverted and does not mirror")
    return found


def rect(value: object) -> Rect:
    """Return a rectangle."""
    if not isinstance(value, list) or len(value) != 4:
        raise UnfitError("left, top, right and bottom")
    found = Rect(*map(number(-FARTHEST, FARTHEST), value))
    if found.width < 0 or found.height < 0:
        raise UnfitError("left, top, right and bottom")
    return found


def face_type(value: object) -> FaceType:
    """Return a face type."""
    names = [member.value for member in EXTRACTED]
    if value not in names:
        raise UnfitError("one of " + ", ".join(names))
    return FaceType(value)


def time(value: object) -> float | None:
    """Return seconds, or None."""
    return None if value is None else number(-1e9, 1e9)(value)


def aspect(value: object) -> float | None:
    """Return width / height of pixels, or None."""
    return None if value is None else number(0.1, 10)(value)


def flag(value: object) -> bool:
    """Return true or false; what is missing is false."""
    if value is not None and not isinstance(value, bool):  # records of version 0.1.0 have none
        raise UnfitError("true or false")
    return bool(value)


def size(value: object) -> tuple[int, int] | None:
    """Return width and height in pixels, or None."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise UnfitError("width and height")
    side = whole(1, FARTHEST)
    return side(value[0]), side(value[1])


def fingerprint(value: object) -> np.ndarray | None:
    """Return an image of `facelib.fingerprint`: (CELLS, CELLS) uint8, or None."""
    if value is None:
        return None
    try:
        # the length first: text of any size may stand here
        fits = isinstance(value, str) and len(value) <= 2 * CELLS**2
        data = base64.b64decode(value, validate=True) if fits else b""  # type: ignore[arg-type]
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != CELLS**2:
        raise UnfitError(f"{CELLS**2} bytes in base64")
    return np.frombuffer(data, np.uint8).reshape(CELLS, CELLS)
