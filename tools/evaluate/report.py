"""From observations to metrics, and from metrics to a table and to JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from facelib import similarity
from facelib.geometry import pose
from facelib.landmarks import eye_opening, mouth_opening
from tools.evaluate import metrics
from tools.evaluate.observe import Observation, SeenFace

REFERENCES = 64  # the medoid of more embeddings is the same

PlainJson = Any
"""Anything that JSON can represent."""


class Recognizer(Protocol):
    """The part of a recognizer that is used here."""

    same_below: float

    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """Return the distance between two identities."""


class MetricRow(NamedTuple):
    """A line of the table: JSON key, label, number format, and the ideal value."""

    key: str
    label: str
    form: str
    good: str


ROWS = (
    MetricRow("identity_to_src", "identity: distance to src (median)", ".3f", "low"),
    MetricRow("identity_to_dst", "identity: distance to dst (median)", ".3f", "high"),
    MetricRow("nearer_to_src", "identity: frames nearer to src than to dst", ".0%", "100 %"),
    MetricRow("taken_for_src", "identity: frames taken for src", ".0%", "100 %"),
    MetricRow("mouth_correlation", "mouth opening: correlation with dst", ".2f", "1"),
    MetricRow("mouth_gain", "mouth opening: movement, share of dst's", ".2f", "1"),
    MetricRow("eye_correlation", "eye opening: correlation with dst", ".2f", "1"),
    MetricRow("eye_gain", "eye opening: movement, share of dst's", ".2f", "1"),
    MetricRow("pose_error", "head pose: error in degrees (median)", ".1f", "0"),
    MetricRow("pose_error_95", "head pose: error in degrees (95 %)", ".1f", "0"),
    MetricRow("landmark_error", "landmarks: error in % of eye distance", ".1f", "low"),
    MetricRow("movement_error", "landmarks: the part that changes", ".1f", "low"),
    MetricRow("sharpness", "sharpness, share of dst's", ".2f", "1"),
    MetricRow("jitter", "landmark jitter in % of eye distance", ".2f", "dst's"),
    MetricRow("jitter_excess", "  beyond dst's own", ".2f", "0"),
    MetricRow("flicker", "color change between frames, Lab units", ".2f", "dst's"),
    MetricRow("flicker_excess", "  beyond dst's own", ".2f", "0"),
)


@dataclass(frozen=True, eq=False)
class Track:
    """The followed face over the measured frames, as arrays with one row per frame."""

    landmarks: np.ndarray
    embeddings: np.ndarray
    labs: np.ndarray
    sharpness: np.ndarray

    @classmethod
    def of(cls, faces: Sequence[SeenFace]) -> "Track":
        """Stack the observed faces."""
        return cls(
            landmarks=np.stack([face.landmarks for face in faces]).astype(float),
            embeddings=np.stack([face.embedding for face in faces]),
            labs=np.stack([face.lab for face in faces]),
            sharpness=np.array([face.sharpness for face in faces]),
        )

    def openings(self) -> tuple[np.ndarray, np.ndarray]:
        """Return how far mouth and eyes are open, each (n,)."""
        mouth = [mouth_opening(face) for face in self.landmarks]
        return np.array(mouth), np.array([eye_opening(face) for face in self.landmarks])

    def poses(self) -> np.ndarray:
        """Return pitch, yaw, roll of each face, (n, 3) degrees."""
        return np.array([pose(face) for face in self.landmarks])


def compare(
    observations: Sequence[Observation],
    version: str,
    src: np.ndarray,
    recognizer: Recognizer,
) -> dict[str, float]:
    """Return every metric of ROWS for one version of the footage.

    Parameters
    ----------
    version : str
        "result", "average", or "dst" for the original footage itself.
    src : (D,) float32
        The embedding that represents src.
    """
    pairs = [(o, o.dst if version == "dst" else o.compared.get(version)) for o in observations]
    kept = [(o, face) for o, face in pairs if o.dst is not None and face is not None]
    if not kept:
        return {row.key: math.nan for row in ROWS}
    result = Track.of([face for _, face in kept])
    dst = Track.of([o.dst for o, _ in kept if o.dst is not None])
    shots = metrics.label_shots(np.stack([o.thumbnail for o, _ in kept]), dst.landmarks)
    runs = metrics.label_runs(np.array([o.index for o, _ in kept]), shots)
    return {
        **_identity(result, dst, src, recognizer),
        **_expression(result, dst, shots),
        **_appearance(result, dst, runs),
    }


def _identity(
    result: Track, dst: Track, src: np.ndarray, recognizer: Recognizer
) -> dict[str, float]:
    typical = similarity.spread_out(len(dst.embeddings), REFERENCES)
    dst_reference = similarity.medoid(dst.embeddings[typical], recognizer.distance)
    to_src = np.array([recognizer.distance(face, src) for face in result.embeddings])
    to_dst = np.array([recognizer.distance(face, dst_reference) for face in result.embeddings])
    return {
        "identity_to_src": float(np.median(to_src)),
        "identity_to_dst": float(np.median(to_dst)),
        "nearer_to_src": float(np.mean(to_src < to_dst)),
        "taken_for_src": float(np.mean(to_src < recognizer.same_below)),
    }


def _expression(result: Track, dst: Track, shots: np.ndarray) -> dict[str, float]:
    (mouth, eyes), (dst_mouth, dst_eyes) = result.openings(), dst.openings()
    mouth_correlation, mouth_gain = metrics.following(mouth, dst_mouth, shots)
    eye_correlation, eye_gain = metrics.following(eyes, dst_eyes, shots)
    turned = metrics.pose_error(result.poses(), dst.poses())
    moved = metrics.movement_error(result.landmarks, dst.landmarks, shots)
    return {
        "mouth_correlation": mouth_correlation,
        "mouth_gain": mouth_gain,
        "eye_correlation": eye_correlation,
        "eye_gain": eye_gain,
        "pose_error": float(np.median(turned)),
        "pose_error_95": float(np.percentile(turned, 95)),
        "landmark_error": float(np.median(metrics.landmark_error(result.landmarks, dst.landmarks))),
        "movement_error": float(np.median(moved)),
    }


def _appearance(result: Track, dst: Track, runs: np.ndarray) -> dict[str, float]:
    shaking, shaking_before = (metrics.jitter(t.landmarks, runs) for t in (result, dst))
    changing, changing_before = (metrics.flicker(t.labs, runs) for t in (result, dst))
    usable = dst.sharpness > 0
    share = result.sharpness[usable] / dst.sharpness[usable]
    return {
        "sharpness": float(np.median(share)) if share.size else math.nan,
        "jitter": shaking,
        "jitter_excess": shaking - shaking_before,
        "flicker": changing,
        "flicker_excess": changing - changing_before,
    }


def table(columns: Mapping[str, Mapping[str, float]]) -> str:
    """Return the metrics as text: a line per metric, a column per version, and the ideal."""
    width = max(len(row.label) for row in ROWS)
    heads = [*columns, "good"]
    lines = [" " * width + "".join(f"  {head:>12}" for head in heads)]
    for row in ROWS:
        cells = [_cell(values[row.key], row.form) for values in columns.values()]
        lines.append(f"{row.label:<{width}}" + "".join(f"  {c:>12}" for c in [*cells, row.good]))
    return "\n".join(lines)


def _cell(value: float, form: str) -> str:
    if math.isnan(value):
        return "-"
    text = format(value, form)
    return text.replace("%", " %") if "%" in form else text


def plain(value: PlainJson) -> PlainJson:
    """Return `value` fit for JSON: a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value
