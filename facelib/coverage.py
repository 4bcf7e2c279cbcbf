"""Head directions that dst shows and src does not: there the model has to guess."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from facelib.faceset import FaceFiles
from facelib.pose import directions

REACH = 10.0
"""Degrees within which src's faces stand for a direction. Another face shape turns the fitted head
by a few degrees, and `directions` errs by up to 5."""
LEAST_SHARE = 0.02  # of dst's faces: fewer are not said


class DirectionGap(NamedTuple):
    """A direction that src lacks.

    Attributes
    ----------
    where : str
        "to the left", "to the right", "up" or "down", as the viewer sees it.
    share : float
        Of dst's faces: those that no face of src is within `REACH` of.
    """

    where: str
    share: float

    def __str__(self) -> str:
        return (
            f"{100 * self.share:.0f} % of dst's faces look more than {REACH:.0f} degrees farther "
            f"{self.where} than the nearest of src's: add such faces of src"
        )


def direction_gaps(src: FaceFiles, dst: FaceFiles, *, mirrored: bool) -> list[DirectionGap]:
    """Return the directions that dst's faces show and src's do not, the largest gap first.

    Parameters
    ----------
    src, dst : FaceFiles
        All faces of both people; no image is read.
    mirrored : bool
        Whether src's faces count mirrored, too, as `train --random-flip` shows them.
    """
    return gaps_between(_directions(src), _directions(dst), mirrored=mirrored)


def gaps_between(src: np.ndarray, dst: np.ndarray, *, mirrored: bool) -> list[DirectionGap]:
    """Do the same for (n, 2) and (m, 2) pitches and yaws in degrees."""
    if not len(src) or not len(dst):
        return []
    shown = np.concatenate([src, src * [1, -1]]) if mirrored else src
    distances, nearest = cKDTree(shown).query(dst)
    beyond = (dst - shown[nearest])[distances > REACH]
    sideways = np.abs(beyond[:, 1]) >= np.abs(beyond[:, 0])
    pitch, yaw = beyond.T
    there = {
        "to the left": sideways & (yaw > 0),
        "to the right": sideways & (yaw < 0),
        "up": ~sideways & (pitch < 0),
        "down": ~sideways & (pitch > 0),
    }
    gaps = [DirectionGap(where, int(each.sum()) / len(dst)) for where, each in there.items()]
    return sorted((gap for gap in gaps if gap.share >= LEAST_SHARE), key=lambda gap: -gap.share)


def _directions(faces: FaceFiles) -> np.ndarray:
    landmarks = [info.landmarks for _, info in faces]
    return directions(np.stack(landmarks)) if landmarks else np.empty((0, 2))
