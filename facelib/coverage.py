"""Head directions that dst shows and src does not: there the model has to guess."""

from pathlib import Path

import numpy as np

from facelib.faceset import FaceFiles, FaceInfo, read_info, try_each
from facelib.pose import directions
from facelib.verdict import REACH, DirectionGap
from utils.files import list_images

LEAST_SHARE = 0.02  # of dst's faces: fewer are not said
SAMPLE = 500  # faces of each side for a quick answer; 0.3 ms each
AT_ONCE = 1000  # faces of dst whose distances to all of src's are in memory


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


def sampled_gaps(src: Path, dst: Path, *, mirrored: bool) -> list[DirectionGap] | None:
    """Do the same for two folders, from a sample of the faces; None if a side shows none.

    Raises
    ------
    InputError
        If there is no such folder, or no image in it.
    """
    sides = [_sample(src), _sample(dst)]
    return direction_gaps(*sides, mirrored=mirrored) if all(sides) else None


def gaps_between(src: np.ndarray, dst: np.ndarray, *, mirrored: bool) -> list[DirectionGap]:
    """Do the same for (n, 2) and (m, 2) pitches and yaws in degrees."""
    if not len(src) or not len(dst):
        return []
    shown = np.concatenate([src, src * [1, -1]]) if mirrored else src
    shown = np.unique(np.round(shown), axis=0)  # to a degree, which is less than they err by
    apart = np.concatenate([_from_nearest(part, shown) for part in _parts(dst)])
    beyond = apart[np.hypot(*apart.T) > REACH]
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


def _from_nearest(turns: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return how far each turn (n, 2) is from the nearest one that is shown: (n, 2)."""
    squares = sum(np.square(turns[:, axis, None] - shown[:, axis]) for axis in (0, 1))
    return turns - shown[np.argmin(squares, axis=1)]


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]


def _sample(folder: Path) -> list[tuple[Path, FaceInfo]]:
    paths = list_images(folder)
    chosen = paths[:: -(-len(paths) // SAMPLE)]
    infos = zip(chosen, try_each(read_info, chosen), strict=True)
    return [(path, info) for path, info in infos if isinstance(info, FaceInfo)]


def _directions(faces: FaceFiles) -> np.ndarray:
    landmarks = [info.landmarks for _, info in faces]
    return directions(np.stack(landmarks)) if landmarks else np.empty((0, 2))
