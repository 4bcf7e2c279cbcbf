"""Face files as DeepFaceLab writes them, made with its formulas and real pickles."""

import pickle
import struct
import zlib

import cv2
import numpy as np
from support.synthetic import draw_face, make_landmarks

from facelib.geometry import MEAN_FACE


def matrix_of(landmarks, size, border):
    """Umeyama's fit of landmarks 17..67, scaled to a picture with a border on each side."""
    source, reference = np.asarray(landmarks, np.float64)[17:], MEAN_FACE
    a, b = source - source.mean(axis=0), reference - reference.mean(axis=0)
    u, s, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.array([1, np.sign(np.linalg.det(u @ vt))])
    turn = u @ np.diag(sign) @ vt
    scale = (s * sign).sum() / a.var(axis=0).sum()
    shift = reference.mean(axis=0) - scale * turn @ source.mean(axis=0)
    matrix = np.column_stack([scale * turn, shift]) * (size - 2 * border)
    matrix[:, 2] += border
    return matrix


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
