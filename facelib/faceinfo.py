"""The metadata of a face file, as a record and as validated, versioned JSON.

The JSON comes from untrusted files: every value is checked for type, count and range before it is
used.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facelib import face_values, mask_label, mask_png
from facelib.face_values import UnfitError
from facelib.mask_label import MaskLabel
from facelib.types import FaceType, Rect
from utils.errors import InputError

VERSION = 1
MAX_SIDE = 16_384  # pixels; the largest image that a face file may hold


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
    mask_label : MaskLabel or None
        What a person drew to say where the face is visible.
    mask : bytes or None
        What a network or an import says of that, of this very cut: an 8-bit gray PNG that covers
        the aligned image, whatever the size of both. `facelib.face_mask` decodes it, and says which
        mask counts.
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
    mask_label: MaskLabel | None = None
    mask: bytes | None = None
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

    def is_same(self, other: "FaceInfo") -> bool:
        """Whether both are of one face of a frame, cut alike; their masks may differ."""
        return (
            (self.source, self.source_name) == (other.source, other.source_name)
            and np.array_equal(self.source_landmarks, other.source_landmarks)
            and np.array_equal(self.matrix, other.matrix)
        )


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
    if info.mask_label is not None:
        record["mask_label"] = mask_label.to_record(info.mask_label)
    if info.mask is not None:
        record["mask"] = base64.b64encode(info.mask).decode()
    try:
        data = json.dumps(record, separators=(",", ":")).encode()
    except RecursionError:  # in what is unknown
        raise _damaged(name, "it is nested too deeply") from None
    from_json(data, name)
    return data


def as_stored(points: np.ndarray) -> np.ndarray:
    """Return points (n, 2) float32 as they are read back from a file."""
    return np.asarray(_rounded(points), np.float64).astype(np.float32)


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
        except UnfitError as problem:
            raise _damaged(name, f"{key}: expected {problem}") from None
    unknown = {key: value for key, value in record.items() if key not in _READERS}
    unknown.pop("version")
    return FaceInfo(**values, unknown=unknown)


def _damaged(name: str, reason: str) -> InputError:
    return InputError(f'the face data in "{name}" is damaged ({reason}); extract this face again')


_READERS: dict[str, Callable[[object], Any]] = {
    "face_type": face_values.face_type,
    "size": face_values.whole(1, MAX_SIDE),
    "landmarks": face_values.landmarks,
    "source_landmarks": face_values.landmarks,
    "source_rect": face_values.rect,
    "source_name": face_values.file_name,
    "source": face_values.text(255),
    "frame_index": face_values.whole(0, 2**40),
    "time": face_values.time,
    "face_index": face_values.whole(0, 100_000),
    "detector": face_values.text(64),
    "landmarker": face_values.text(64),
    "score": face_values.number(-1000, 1000),
    "quality": face_values.number(-1e6, 1e6),
    "matrix": face_values.matrix,
    "smoothed": face_values.flag,
    "frame_size": face_values.size,
    "fingerprint": face_values.fingerprint,
    "source_iris": face_values.iris,
    "pixel_aspect": face_values.aspect,
    "mask_label": mask_label.read,
    "mask": mask_png.read,
}
