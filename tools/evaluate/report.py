"""From observations to metrics, and from metrics to a table and to JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from facelib import similarity
from facelib.following import LEAST_GAZE, following, is_known
from tools.evaluate import metrics
from tools.evaluate.compared import ComparedFrames, FaceTrack
from tools.evaluate.observe import NEAR, Observation
from tools.evaluate.rows import OPTIONAL, ROWS

NOT_MEASURED = "-"
REFERENCES = 64  # the medoid of more embeddings is the same

PlainJson = Any
"""Anything that JSON can represent."""


class Recognizer(Protocol):
    """The part of a recognizer that is used here."""

    same_below: float

    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """Return the distance between two identities."""


# what a frame without a face scores: a failure, not a frame less
NOT_FOUND_POSE = 180.0  # degrees
NOT_FOUND_LANDMARKS = 100 * NEAR  # a face farther away is not taken for the swapped one


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
    frames = ComparedFrames.of(observations, version)
    if frames is None:
        return {row.key: math.nan for row in ROWS} | {"face_found": 0.0}
    return {
        "face_found": float(frames.found.mean()),
        **_identity(frames, src, recognizer),
        **_expression(frames),
        **_appearance(frames),
    }


def _identity(frames: ComparedFrames, src: np.ndarray, recognizer: Recognizer) -> dict[str, float]:
    dst = FaceTrack.of(frames.dst).embeddings
    typical = similarity.spread_out(len(dst), REFERENCES)
    dst_reference = similarity.medoid(dst[typical], recognizer.distance)
    # without a face there is nothing of src, and it is no farther from dst than dst
    to_src = np.array([recognizer.distance(face, src) for face in dst])
    faces = frames.result_faces.embeddings
    to_src[frames.found] = [recognizer.distance(face, src) for face in faces]
    from_dst = np.array([recognizer.distance(face, dst_reference) for face in faces])
    to_dst = frames.with_failures(from_dst, 0.0)
    return {
        "identity_to_src": float(np.median(to_src)),
        "identity_to_dst": float(np.median(to_dst)),
        "nearer_to_src": float(np.mean(frames.found & (to_src < to_dst))),
        "taken_for_src": float(np.mean(frames.found & (to_src < recognizer.same_below))),
    }


def _expression(frames: ComparedFrames) -> dict[str, float]:
    result, dst, shots = frames.result_faces, frames.dst_faces, frames.shots
    openings = [frames.standing_still(values) for values in result.openings()]
    mouth, eyes = (
        following(values, dst_values, shots)
        for values, dst_values in zip(openings, FaceTrack.of(frames.dst).openings(), strict=True)
    )
    looks = _following_gaze(frames)
    turned = frames.with_failures(metrics.pose_error(result.poses(), dst.poses()), NOT_FOUND_POSE)
    away = metrics.landmark_error(result.landmarks, dst.landmarks)
    moved = metrics.movement_error(result.landmarks, dst.landmarks, shots[frames.found])
    errors = [frames.with_failures(values, NOT_FOUND_LANDMARKS) for values in (away, moved)]
    return {
        "mouth_correlation": mouth[0],
        "mouth_gain": mouth[1],
        "eye_correlation": eyes[0],
        "eye_gain": eyes[1],
        "gaze_correlation": looks[0],
        "gaze_gain": looks[1],
        "pose_error": float(np.median(turned)),
        "pose_error_95": float(np.percentile(turned, 95)),
        "landmark_error": float(np.median(errors[0])),
        "movement_error": float(np.median(errors[1])),
    }


def _following_gaze(frames: ComparedFrames) -> tuple[float, float]:
    """Return `following` of the gaze, over the frames in which dst's eyes are open.

    Where only the result's are shut, it does not follow.
    """
    dst = FaceTrack.of(frames.dst).gazes
    counts = is_known(dst)
    gazes = np.where(counts[frames.found, None], frames.result_faces.gazes, math.nan)
    gazes = frames.standing_still(gazes)
    return following(gazes[counts], dst[counts], frames.shots[counts], LEAST_GAZE)


def _appearance(frames: ComparedFrames) -> dict[str, float]:
    """Return what is measured in the pixels, and so in frames without a face too, and jitter."""
    runs = metrics.label_runs(frames.indices, frames.shots)
    found = metrics.label_runs(frames.indices[frames.found], frames.shots[frames.found])
    shaking, shaking_before = (
        metrics.jitter(track.landmarks, found) for track in (frames.result_faces, frames.dst_faces)
    )
    changing, changing_before = (
        metrics.flicker(np.stack([face.lab for face in faces]), runs)
        for faces in (frames.seen, frames.dst)
    )
    colors, dst_colors = (
        np.stack([face.colors for face in faces]) for faces in (frames.seen, frames.dst)
    )
    share = np.array([face.sharpness for face in frames.seen])
    share = share[np.isfinite(share)]
    occluded = np.array([face.occlusion_changed for face in frames.seen])
    occluded = occluded[np.isfinite(occluded)]
    return {
        "sharpness": float(np.median(share)) if share.size else math.nan,
        "jitter": shaking,
        "jitter_excess": shaking - shaking_before,
        "flicker": changing,
        "flicker_excess": changing - changing_before,
        "local_flicker": metrics.local_flicker(colors, dst_colors, runs),
        "edge_flicker": metrics.edge_flicker(np.stack([face.rim for face in frames.seen]), runs),
        "occlusion_changed": float(np.mean(occluded)) if occluded.size else math.nan,
    }


def table(columns: Mapping[str, Mapping[str, float]]) -> str:
    """Return the metrics as text: a line per metric, a column per version, and the ideal.

    What was measured of no version is named below.
    """
    labels = max(len(row.label) for row in ROWS)
    heads = [*columns, "good"]
    widths = [max(len(head), len("100 %")) for head in heads]

    def line(label: str, cells: Sequence[str]) -> str:
        aligned = [f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True)]
        return f"{label:<{labels}}{''.join(aligned)}"

    lines = [line("", heads)]
    unknown: list[str] = []
    for row in ROWS:
        cells = [_cell(values[row.key], row.form) for values in columns.values()]
        if set(cells) == {NOT_MEASURED}:
            unknown += [] if row.key in OPTIONAL else [row.label.split(":")[0].strip()]
            continue
        lines.append(line(row.label, [*cells, row.good]))
    if unknown:
        lines.append(f"dst shows too little to measure: {', '.join(dict.fromkeys(unknown))}")
    return "\n".join(lines)


def _cell(value: float, form: str) -> str:
    if math.isnan(value):
        return NOT_MEASURED
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
