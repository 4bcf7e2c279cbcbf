"""Masks of DeepFaceLab's faces since 2020 ("XSeg"): what was drawn, and what a network computed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np

from facelib import geometry, mask_label, mask_png
from facelib.face_values import FARTHEST
from facelib.faceinfo import FaceInfo
from facelib.mask_label import LEAST_POINTS, POLYGON, MaskLabel, Shape
from utils.errors import InputError
from utils.images import decode_image

DRAWN, COMPUTED = "seg_ie_polys", "xseg_mask"
EXCLUDE, INCLUDE = 0, 1
MOST_POINTS = 1 << 20
LONGEST = 1 << 22  # bytes of a compressed mask; DeepFaceLab writes up to 50,000
LARGEST = 4096  # pixels; XSeg's have 256


class Masked(NamedTuple):
    """A face with what can be taken over of its masks.

    Attributes
    ----------
    info : FaceInfo
        The face.
    problems : list of str
        A sentence for each thing that cannot be taken over.
    simplified : bool
        Whether its outlines had more points than a face keeps.
    """

    info: FaceInfo
    problems: list[str]
    simplified: bool


def with_masks(info: FaceInfo, record: dict[Any, Any], name: str) -> Masked:
    """Return a face with the label and the mask of its DeepFaceLab metadata.

    Parameters
    ----------
    info : FaceInfo
        Of the image as it is, not cut down.
    record : dict
        The metadata, read without trust.
    name : str
        The file's, for messages.
    """
    problems, whole, label = [], None, None
    try:
        whole = _label(record.get(DRAWN), info)
        label = whole and mask_label.within_limits(whole, info)
    except InputError as problem:
        problems.append(f'the outlines drawn on "{name}" were not taken over: {problem}')
    try:
        mask = _mask(record.get(COMPUTED), name)
    except InputError as problem:
        mask = None
        problems.append(f'the mask of "{name}" was not taken over: {problem}')
    masked = replace(info, mask_label=label, mask=mask)
    return Masked(masked, problems, simplified=label is not whole and label is not None)


def _label(drawn: object, info: FaceInfo) -> MaskLabel | None:
    """Return polygons in pixels of the frame, those that include first, as DeepFaceLab does."""
    to_frame = geometry.invert(info.matrix)
    shapes = [
        Shape(POLYGON, include, points @ to_frame[:, :2].T + to_frame[:, 2])
        for include, points in _polygons(drawn)
        if len(points) >= LEAST_POINTS[POLYGON]  # others were begun and left
    ]
    if not shapes:
        return None
    shapes.sort(key=lambda shape: not shape.include)
    if any(np.abs(shape.points).max() > FARTHEST for shape in shapes):
        raise InputError("they lie far outside of the image")
    return MaskLabel(tuple(shapes))


def _polygons(drawn: object) -> Iterator[tuple[bool, np.ndarray]]:
    """Yield whether a polygon includes, and its points (n, 2) float64, pixels of the image."""
    if isinstance(drawn, dict):
        drawn = drawn.get("polys")
        pairs = [(p.get("type"), p.get("pts")) for p in _sequence(drawn) if isinstance(p, dict)]
    else:  # as the first versions wrote them
        pairs = [tuple(p) for p in _sequence(drawn) if isinstance(p, (list, tuple)) and len(p) == 2]
    if len(pairs) != len(_sequence(drawn)):
        raise InputError("they are damaged")
    for kind, points in pairs:
        if kind not in (EXCLUDE, INCLUDE):
            raise InputError("they are damaged")
        yield kind == INCLUDE, _points(points)


def _sequence(value: object) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise InputError("they are damaged")
    return value


def _points(value: object) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        rows = _sequence(value)
        flat = all(isinstance(row, (list, tuple, np.ndarray)) and len(row) == 2 for row in rows)
        if not flat or len(rows) > MOST_POINTS:
            raise InputError("they are damaged")
        cells = [float(cell) if isinstance(cell, (int, float, np.number)) else np.nan
                 for row in rows for cell in row]  # fmt: skip
        value = np.array(cells).reshape(-1, 2)
    if value.size == 0:
        return np.empty((0, 2))
    fits = value.ndim == 2 and value.shape[1] == 2 and value.dtype.kind in "iuf"
    if not fits or len(value) > MOST_POINTS:
        raise InputError("they are damaged")
    points = value.astype(np.float64)
    if not (np.abs(points) <= FARTHEST).all():  # nor NaN
        raise InputError("they lie far outside of the image")
    return points


def _mask(packed: object, name: str) -> bytes | None:
    """Return a mask, a PNG or JPEG of any size, as our PNG."""
    if packed is None:
        return None
    if isinstance(packed, np.ndarray) and packed.dtype == np.uint8:
        packed = packed.tobytes()
    if not isinstance(packed, bytes) or not 0 < len(packed) <= LONGEST:
        raise InputError("it is no image")
    mask = decode_image(packed, f"mask of {name}")[..., 0]
    if mask.shape[0] != mask.shape[1] or len(mask) > LARGEST:
        raise InputError(f"it is {mask.shape[1]}x{mask.shape[0]} pixels and not square")
    return mask_png.encode(mask_png.reduced(mask))


def cut_mask(png: bytes, old: FaceInfo, new: FaceInfo) -> bytes:
    """Return the part of a mask that another cut of the face shows; it has as many pixels."""
    mask = mask_png.decode(png, old.source_name)
    one, other = (
        np.vstack([mask_label.matrix_to(face, len(mask)), (0, 0, 1)]) for face in (old, new)
    )
    matrix = (other @ np.linalg.inv(one))[:2]
    return mask_png.encode(
        cv2.warpAffine(mask, matrix, mask.shape, borderMode=cv2.BORDER_REPLICATE)
    )
