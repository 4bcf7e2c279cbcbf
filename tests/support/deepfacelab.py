"""Face files as DeepFaceLab writes them, made with its formulas and real pickles."""

import pickle
import struct
import sys
import zlib
from enum import IntEnum
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import cv2
import numpy as np
from support.synthetic import draw_face, make_landmarks

from facelib.geometry import MEAN_FACE

PADDING = {
    "half_face": 0.0, "midfull_face": 0.0675, "full_face": 0.2109375,
    "full_face_no_align": 0.2109375, "whole_face": 0.40, "head": 0.70, "head_no_align": 0.70,
}  # fmt: skip
"""The face types since 2020."""
FRAME = (360, 380)
STEADY = [*range(17, 49), 54]


def matrix_of(landmarks, size, border):
    """Umeyama's fit of landmarks 17..67, scaled to a picture with a border on each side."""
    matrix = fit(np.asarray(landmarks, np.float64)[17:], MEAN_FACE) * (size - 2 * border)
    matrix[:, 2] += border
    return matrix


def later_matrix(landmarks, size, face_type):
    """The crop of a face type since 2020, drawn in the frame corner by corner."""
    points = np.asarray(landmarks, np.float64)
    unit = fit(points[STEADY], MEAN_FACE[np.array(STEADY) - 17])
    back = np.linalg.inv(np.vstack([unit, [0, 0, 1]]))
    top_left, top_right, bottom_right, bottom_left, middle = (
        np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0.5, 0.5)]) @ back[:2, :2].T + back[:2, 2]
    )
    half = np.linalg.norm(bottom_right - top_left) * (PADDING[face_type] * np.sqrt(2) + 0.5)
    if face_type == "whole_face":
        middle += 0.07 * (top_left - bottom_left)
    elif face_type == "head":
        x = (points @ unit[:, :2].T + unit[:, 2])[:, 0]
        left, right = (x[27:30] - x[:3]).mean(), (x[[16, 15, 14]] - x[27:30]).mean()
        yaw = right - left
        middle += 0.5 * (top_left - bottom_left)
        middle += yaw * abs(np.tanh(2 * yaw)) / 2 * (top_right - top_left)
    falling = half * (bottom_right - top_left) / np.linalg.norm(bottom_right - top_left)
    rising = half * (top_right - bottom_left) / np.linalg.norm(top_right - bottom_left)
    corners = np.array([middle - falling, middle + rising, middle + falling])
    if face_type.endswith("no_align"):
        (ax, ay), (bx, by) = corners[1] - corners[0], corners[2] - corners[1]
        reach = np.sqrt(abs(ax * by - ay * bx)) / 2
        corners = middle + reach * np.array([(-1, -1), (1, -1), (1, 1)])
    target = size * np.array([(0, 0), (1, 0), (1, 1)])
    return np.linalg.solve(np.column_stack([corners, np.ones(3)]), target).T


def fit(source, reference):
    """Umeyama's similarity of points (n, 2) float64 to others, by his own formulas."""
    a, b = source - source.mean(axis=0), reference - reference.mean(axis=0)
    u, s, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.array([1, np.sign(np.linalg.det(u @ vt))])
    turn = u @ np.diag(sign) @ vt
    scale = (s * sign).sum() / a.var(axis=0).sum()
    shift = reference.mean(axis=0) - scale * turn @ source.mean(axis=0)
    return np.column_stack([scale * turn, shift])


def make_face(seed=0, size=256, center=(150, 140), width=120, **changes):
    """(aligned picture, record) of a synthetic full face, its landmarks cut to whole numbers."""
    points = make_landmarks(10, 5, center=center, width=width, seed=seed).astype(int)
    frame = draw_face(points, (300, 320), seed)
    matrix = matrix_of(points, size, size * 12 / 64)
    aligned = np.rint(points @ matrix[:, :2].T + matrix[:, 2]).astype(int)
    low, high = points.min(axis=0), points.max(axis=0)
    record = {
        "face_type": "full_face",
        "landmarks": aligned.tolist(),
        "yaw_value": 3.5,
        "pitch_value": np.float64(1.25),
        "source_filename": f"{seed:05d}.png",
        "source_rect": (*low.tolist(), *high.tolist()),
        "source_landmarks": points.tolist(),
    }
    record.update(changes)
    return cv2.warpAffine(frame, matrix, (size, size)), record


def make_later_face(face_type, size=192, pose=(10, 5), **changes):
    """(aligned picture, record) as DeepFaceLab writes them since 2020."""
    points = make_landmarks(*pose, center=(180, 190), width=90)
    frame = draw_face(points, FRAME)
    matrix = later_matrix(points, size, face_type)
    low, high = points.min(axis=0), points.max(axis=0)
    record = {
        "face_type": face_type,
        "landmarks": (points @ matrix[:, :2].T + matrix[:, 2]).tolist(),
        "source_filename": "00007.png",
        "source_rect": [int(edge) for edge in (*low, *high)],
        "source_landmarks": points.tolist(),
        "image_to_face_mat": matrix,
        **changes,
    }
    return cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_CUBIC), record


def png_with(image, payload):
    """The bytes of a PNG with a chunk fcWp before its end."""
    data = cv2.imencode(".png", image)[1].tobytes()
    body = b"fcWp" + payload
    chunk = struct.pack(">I", len(payload)) + body + struct.pack(">I", zlib.crc32(body))
    return data[:-12] + chunk + data[-12:]


def jpeg_with(image, payload):
    """The bytes of a JPEG with a segment APP15 after its beginning."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    return data[:2] + b"\xff\xef" + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def write(folder, name, image, record, protocol=3):
    """Write a face file as PNG or JPEG by its suffix; return the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    make = png_with if path.suffix == ".png" else jpeg_with
    path.write_bytes(make(image, pickle.dumps(record, protocol)))
    return path


class SampleType(IntEnum):
    FACE = 1


class FaceType(IntEnum):
    FULL = 2


MODULES = {"samplelib": None, "samplelib.Sample": SampleType, "facelib.FaceType": FaceType}
"""Where DeepFaceLab defines them, which their pickles name."""
for module, kind in MODULES.items():
    if kind is not None:
        kind.__module__ = module


def dumps(records):
    """Pickle what has members of the enumerations, as DeepFaceLab does."""
    modules = {name: ModuleType(name) for name in MODULES}
    for name, kind in MODULES.items():
        if kind is not None:
            setattr(modules[name], kind.__name__, kind)
    with patch.dict(sys.modules, modules):
        return pickle.dumps(records, 4)


def pack(path, faces, records=None, **changes):
    """Write a faceset.pak of face files, {name: bytes} in order; return the path.

    `records` replaces what is listed; of `changes`, version and last stand in the file's head and
    at the end of the table, and the bytes `data` replace the list.
    """
    listed = records or [
        {
            "sample_type": SampleType.FACE, "filename": name, "face_type": FaceType.FULL,
            "shape": (256, 256, 3), "landmarks": np.arange(136.0).reshape(68, 2).tolist(),
            "seg_ie_polys": {"polys": [{"type": 1, "pts": np.ones((3, 2), np.float32)}]},
            "xseg_mask": None, "xseg_mask_compressed": np.zeros(9, np.uint8),
            "eyebrows_expand_mod": 1.0, "source_filename": "00000.png", "person_name": None,
        }
        for name in faces
    ]  # fmt: skip
    data = changes.get("data", dumps(listed))
    ends = np.cumsum([0, *map(len, faces.values())])
    begin = 16 + len(data) + 8 * len(ends)
    places = [*ends[:-1].tolist(), changes.get("last", begin + int(ends[-1]))]
    head = struct.pack("<QQ", changes.get("version", 1), changes.get("length", len(data)))
    table = struct.pack(f"<{len(places)}Q", *places)
    Path(path).write_bytes(head + data + table + b"".join(faces.values()))
    return path
