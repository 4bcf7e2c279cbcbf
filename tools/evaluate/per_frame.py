"""What each frame of the result scores, for a curve over time."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from tools.evaluate import metrics
from tools.evaluate.compared import ComparedFrames
from tools.evaluate.observe import Observation
from tools.evaluate.report import Recognizer

DIGITS = 4


def per_frame(
    observations: Sequence[Observation], src: np.ndarray, recognizer: Recognizer
) -> dict[str, list[Any]]:
    """Return columns of equal length, with an entry for each frame that can be compared.

    Parameters
    ----------
    src : (D,) float32
        The embedding that represents src.

    Returns
    -------
    columns : dict of str to list
        `name`, `seconds` in dst, `result_seconds`; and metrics as in `ROWS`, NaN where the result
        shows no face.
    """
    frames = ComparedFrames.of(observations, "result")
    if frames is None:
        return {}
    kept = [o for o in observations if o.dst is not None and o.compared.get("result") is not None]
    result, dst = frames.result_faces, frames.dst_faces
    values = {
        "identity_to_src": np.array([recognizer.distance(each, src) for each in result.embeddings]),
        "pose_error": metrics.pose_error(result.poses(), dst.poses()),
        "landmark_error": metrics.landmark_error(result.landmarks, dst.landmarks),
        "movement_error": metrics.movement_error(
            result.landmarks, dst.landmarks, frames.shots[frames.found]
        ),
    }
    columns = {name: frames.with_failures(found, math.nan) for name, found in values.items()}
    columns["sharpness"] = np.array([face.sharpness for face in frames.seen])
    return {
        "name": [o.name for o in kept],
        "seconds": [_seconds(o.times[0]) for o in kept],
        "result_seconds": [_seconds(o.times[1]) for o in kept],
        **{name: np.round(column, DIGITS).tolist() for name, column in columns.items()},
    }


def _seconds(time: Fraction | None) -> float | None:
    return None if time is None else round(float(time), 6)
