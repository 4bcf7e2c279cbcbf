"""`to_label.json`: the faces that a mask model is least sure of, which are worth drawing next.

Two things tell: how far from 0 and 1 the mask is (its entropy, around the face), and how much the
mask of the mirrored image differs from it. Neighboring frames are unsure for the same reason, so
each face that is listed makes those near it less wanted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from facelib.faceset import FaceInfo
from facelib.geometry import apply, crop_matrix
from facelib.landmarks import hull_mask
from facelib.similarity import spread_out
from facelib.types import FaceType
from models.backend import Tensor
from models.base import ModelBase
from models.engine import engine
from trainer.data.sampler import Sampler
from utils.files import write_json
from utils.images import to_float

FILE, VERSION = "to_label.json", 1
LISTED = 12
AROUND = 0.12  # of the side: so far around the hull it matters whether the face is visible
NEAR = 1 / 20  # of a source's frames: so near, a face shows about the same
LEAST_NEAR = 8  # frames


class UnsureFace(NamedTuple):
    """A face, and how unsure its mask is: 0 for certain, 1 for a guess."""

    side: str
    path: Path
    info: FaceInfo
    doubt: float


def find(model: ModelBase, sides: Sequence[tuple[str, Sampler]], most: int) -> list[UnsureFace]:
    """Return the faces whose masks are the least sure, a varied selection, least sure first.

    Parameters
    ----------
    model : ModelBase
        In its present state.
    sides : sequence of (str, Sampler)
        The unlabeled faces, by the name of their side.
    most : int
        Faces that are looked at.
    """

    def masks(faces: Tensor) -> Tensor:
        mask: Tensor = model.swap(faces).mask
        return mask[..., 0]

    predict = engine().predictor(masks, (2, model.resolution, model.resolution, 3))
    found: list[UnsureFace] = []
    total = sum(len(sampler.faces) for _, sampler in sides)
    for side, sampler in sides:
        share = -(-most * len(sampler.faces) // total)
        for index in spread_out(len(sampler.faces), share).tolist():
            path, info = sampler.faces[index]
            face, settings = to_float(sampler.plain(index)[..., :3]), sampler.settings
            both = np.stack([face, face[:, ::-1]])
            mask, mirrored = predict(both)
            around = _around(info, settings.resolution, settings.face_type)
            found.append(UnsureFace(side, path, info, doubt(mask, mirrored[:, ::-1], around)))
    return varied(found, LISTED)


def doubt(mask: np.ndarray, mirrored: np.ndarray, around: np.ndarray) -> float:
    """Return how unsure a mask is, 0..1.

    Parameters
    ----------
    mask, mirrored : (R, R) float32, 0..1
        The mask, and that of the mirrored image, mirrored back.
    around : (R, R) bool
        Where it matters.
    """
    inside = np.clip(np.float64(mask[around]), 1e-6, 1 - 1e-6)
    entropy = -(inside * np.log2(inside) + (1 - inside) * np.log2(1 - inside))
    disagreement = np.abs(mask[around] - mirrored[around])
    return float((entropy.mean() + disagreement.mean()) / 2)


def varied(faces: Sequence[UnsureFace], count: int) -> list[UnsureFace]:
    """Return the least sure faces, each counted the less the nearer it is to one chosen before."""
    spans: dict[tuple[str, str], list[int]] = {}
    for face in faces:
        spans.setdefault((face.side, face.info.source), []).append(face.info.frame_index)
    reach = {
        source: max(LEAST_NEAR, NEAR * (max(frames) - min(frames)))
        for source, frames in spans.items()
    }
    left, chosen = list(faces), list[UnsureFace]()
    wanted = [face.doubt for face in left]
    while left and len(chosen) < count:
        best = int(np.argmax(wanted))
        picked = left.pop(best)
        wanted.pop(best)
        chosen.append(picked)
        for number, face in enumerate(left):
            if (face.side, face.info.source) == (picked.side, picked.info.source):
                apart = abs(face.info.frame_index - picked.info.frame_index)
                near = np.exp(-((apart / reach[face.side, face.info.source]) ** 2))
                wanted[number] *= 1 - near
    return sorted(chosen, key=lambda face: -face.doubt)


def write(folder: Path, faces: Sequence[UnsureFace], iteration: int) -> Path:
    """Write the list into a model folder and return its path."""
    record = {
        "version": VERSION,
        "iteration": iteration,
        "faces": [
            {
                "side": face.side,
                "folder": str(face.path.parent.absolute()),
                "file": face.path.name,
                "source": face.info.source,
                "frame_index": face.info.frame_index,
                "face_index": face.info.face_index,
                "doubt": round(face.doubt, 4),
            }
            for face in faces
        ],
    }
    write_json(folder / FILE, record)
    return folder / FILE


def _around(info: FaceInfo, resolution: int, face_type: FaceType) -> np.ndarray:
    """Return where it matters whether the face is visible, (R, R) bool."""
    matrix = crop_matrix(info.landmarks, resolution, face_type)
    hull = hull_mask(apply(matrix, info.landmarks), (resolution, resolution))[..., 0]
    size = 2 * round(AROUND * resolution) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(hull, kernel) > 0
