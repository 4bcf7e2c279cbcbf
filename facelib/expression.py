"""What a face expresses, as a few numbers: how open lids, lips and brows are, where it looks.

A network learns to predict them, and the decoders of both people are told them: openings are
counted from each person's own range, so that 0 is as closed and 1 as open as this person's faces
ever are, whatever the shape of the eyes. Angles mean the same for everyone.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from facelib.faceinfo import FaceInfo
from facelib.landmarks import gaze, opening
from facelib.poses import poses
from facelib.types import EXPRESSION as NAMES

PERCENTILES = (2, 98)  # of a person's openings: 0 and 1
HALF_TURN = 90.0  # degrees from 0.5 to 1
GAZE = 0.25  # eye widths from 0.5 to 1
SHUT = 0.2  # lids less open than this hide where the eyes look
MIRROR = (1, 0, 2, 3, 5, 4, 6, 7, 8, 9)
MIRRORED_SIGN = ("yaw", "gaze across")
UNKNOWN = 0.5  # in place of what a face lacks
LEAST_RANGE = np.array([0.06, 0.06, 0.12, 0.1, 0.05, 0.05])  # of each opening, eye distances
UPWARD = np.array([0, 0, 1, 0.5, 0.5, 0.5])  # share by which a narrow range grows upward
STANDSTILL = 0.02  # eye distances from the lowest to the highest opening: less is noise
STILL = (
    ("the eyelids", [0, 1], "shut and open eyes"),
    ("the lips", [2], "a shut and an open mouth"),
)

# The landmarks between which an opening is: one side, and the other.
_SIDES = (
    ([37, 38], [41, 40]),
    ([43, 44], [47, 46]),
    ([61, 62, 63], [67, 66, 65]),
    ([48], [54]),
    ([19, 20], [37, 38]),
    ([24, 23], [44, 43]),
)


class Range(NamedTuple):
    """The lowest and highest openings of a person, (6,) float64, in eye distances."""

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, faces: Iterable[FaceInfo]) -> "Range":
        """Return the range of a person's faces, without the rarest few percent.

        It is never narrower than what people do at least: the eyes of someone who never shuts them
        are open and lips that never part are shut, not both by chance.
        """
        openings = np.stack([_openings(face.landmarks) for face in faces])
        low, high = np.percentile(openings, PERCENTILES, axis=0)
        missing = np.maximum(LEAST_RANGE - (high - low), 0)
        return cls(low - missing * (1 - UPWARD), high + missing * UPWARD)


def gaps(faces: Sequence[FaceInfo]) -> list[str]:
    """Say what cannot be learned from a person's faces: clauses that begin with what is missing."""
    openings = np.stack([_openings(face.landmarks) for face in faces])
    moves = np.ptp(np.percentile(openings, PERCENTILES, axis=0), axis=0)
    said = [
        f"{part} hardly move in these faces, and so they will not in the swap: add faces with {how}"
        for part, which, how in STILL
        if moves[which].max() < STANDSTILL
    ]
    blind = sum(face.iris is None for face in faces)
    if blind > len(faces) / 2:
        said.append(
            f"{blind} of {len(faces)} faces have no iris centers, so where they look is not "
            "learned: extract them again for that"
        )
    return said


def expression(face: FaceInfo, person: Range) -> np.ndarray:
    """Return the numbers of a face, (10,) float64 in 0..1, in the order of `NAMES`.

    What a face lacks is 0.5.
    """
    return _numbers([face], person)[0]


def expressions(faces: Sequence[FaceInfo]) -> np.ndarray:
    """Return the numbers of all faces of a person, (n, 10), counted from that person's range."""
    return _numbers(faces, Range.of(faces))


def _numbers(faces: Sequence[FaceInfo], person: Range) -> np.ndarray:
    openings = np.stack([_openings(face.landmarks) for face in faces])
    openings = (openings - person.low) / (person.high - person.low)
    heads = poses(np.stack([face.landmarks for face in faces]))
    angles = heads[:, [1, 0]] / HALF_TURN / 2 + 0.5  # yaw, pitch
    angles[np.isnan(angles)] = UNKNOWN  # degenerate landmarks
    looks = np.full((len(faces), 2), UNKNOWN)
    for i, face in enumerate(faces):
        if face.iris is not None and openings[i, :2].mean() > SHUT:
            looks[i] = 0.5 + gaze(face.landmarks, face.iris) / GAZE / 2
    return np.clip(np.concatenate([openings, angles, looks], axis=1), 0, 1)


def mirror(numbers: np.ndarray) -> np.ndarray:
    """Return the numbers (10,) of the mirrored face."""
    mirrored = numbers[list(MIRROR)]
    for name in MIRRORED_SIGN:
        mirrored[NAMES.index(name)] = 1 - mirrored[NAMES.index(name)]
    return mirrored


def _openings(landmarks: np.ndarray) -> np.ndarray:
    """Return how open each part is, (6,), in distances of the outer eye corners."""
    return np.array([opening(landmarks, one, other) for one, other in _SIDES])
