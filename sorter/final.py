"""The sort method `final`: selects a small, sharp set that covers head poses evenly.

The yaw number, the bins, the quota and the two selections in each bin are those of the 2019 tools,
so as many faces are kept; but the number is measured in a face of a fixed size, and a bin's quota
is distributed over its pitches.
"""

import numpy as np

from facelib.faceset import FaceInfo
from sorter.features import IMAGE_STATS, POSE
from sorter.job import Placed, SortJob
from sorter.metrics import bhattacharyya_sums, shape_of

EDGES = np.linspace(-255, 255, 128)
QUOTA = 15
TIMES_SHARP, TIMES_MOST = 2, 10
UNITS = 256 * (1 - 2 * 12 / 64)  # pixels of the unit square in a full face of 256 pixels
WEDGE = 32  # range of yaw numbers that form a group
PITCHES = 10  # degrees that count as the same pitch


def final(job: SortJob) -> list[Placed]:
    """Select faces evenly over yaw and pitch, sharpest first, then most different.

    The key is the sharpness. Faces not selected are marked for the trash and come last, in the
    order of their bins. `job.target` sets how many are kept.
    """
    posed, poses = job.measure(POSE)
    pitch_of = dict(zip([path for path, _ in posed], poses["pitch"], strict=True))
    seen, stats = job.measure(IMAGE_STATS)
    both = [i for i, (path, _) in enumerate(seen) if path in pitch_of]
    faces, stats = [seen[i] for i in both], stats[both]
    pitches = np.array([pitch_of[path] for path, _ in faces])
    bins = bin_of(np.array([yaw_number(info) for _, info in faces]))
    counts = np.bincount(bins, minlength=len(EDGES))
    kept: list[tuple[int, int]] = []
    dropped: list[tuple[int, int]] = []
    for number, quota in enumerate(quotas(counts, job.target)):
        members = np.flatnonzero(bins == number)
        chosen = choose(members, quota, stats, pitches)
        kept += [(i, number) for i in chosen]
        dropped += [(i, number) for i in sorted(set(members.tolist()) - set(chosen))]
    keys = stats["sharpness"].tolist()
    return [
        Placed(faces[i][0], keys[i], _group(number), keep)
        for part, keep in ((kept, True), (dropped, False))
        for i, number in part
    ]


def _group(number: int) -> str:
    """Name the group of a bin; 128 bins are too many to look through."""
    return f"yaw {-round(EDGES[number] / WEDGE) * WEDGE:+d}"


def yaw_number(info: FaceInfo) -> float:
    """Return how much farther the nose is from the image-right jaw than from the image-left one.

    In pixels of a full face of 256 pixels, whatever the image's size and type; 0 is frontal.
    """
    x = shape_of(info).reshape(68, 2)[:, 0]
    left = (x[[27, 28, 29]] - x[[0, 1, 2]]).mean()
    right = (x[[16, 15, 14]] - x[[27, 28, 29]]).mean()
    return float(right - left) * UNITS


def bin_of(yaws: np.ndarray) -> np.ndarray:
    """Return the bin of each yaw number, (n,) int from 0: positive yaws first.

    Bin g holds [edge g, edge g + 1) of the negated number; the first and the last are open.
    """
    return np.clip(np.searchsorted(EDGES, -yaws, side="right") - 1, 0, len(EDGES) - 1)


def quotas(counts: np.ndarray, target: int | None) -> list[int]:
    """Return how many faces each bin may keep, (bins,) int.

    Without a target: 15, plus an equal share of what smaller bins leave over. With one: as even as
    possible, so that the target is met if there are enough faces.
    """
    if target is None:
        lack = int(np.maximum(QUOTA - counts, 0).sum())
        return [QUOTA + lack // len(counts)] * len(counts)
    level = 0
    while np.minimum(counts, level + 1).sum() <= target and level < counts.max(initial=0):
        level += 1
    allowed = np.minimum(counts, level)
    more = np.argsort(-counts, kind="stable")[: max(0, target - int(allowed.sum()))]
    allowed[more] = np.minimum(counts[more], level + 1)
    return allowed.tolist()


def choose(members: np.ndarray, quota: int, stats: np.ndarray, pitches: np.ndarray) -> list[int]:
    """Select up to `quota` of a bin's members: the most different ones of the sharper half.

    Parameters
    ----------
    members : (m,) int
        Indices of the bin's faces.
    quota : int
        How many to select.
    stats : (n,) records of `IMAGE_STATS`
        Of all faces.
    pitches : (n,) float
        Degrees.

    Returns
    -------
    chosen : list of int
        Indices, most different first; pitches take turns.
    """
    sharpest = members[np.argsort(-stats["sharpness"][members], kind="stable")]
    if len(sharpest) > TIMES_SHARP * quota:
        sharpest = sharpest[: len(sharpest) // 2]
    sharpest = sharpest[: TIMES_MOST * quota]
    unlike = bhattacharyya_sums(stats["grey"][sharpest]).round(6)
    order = sharpest[np.argsort(-unlike, kind="stable")]
    pitch = np.rint(pitches[order] / PITCHES).astype(int)
    turn = np.array([np.count_nonzero(pitch[:i] == pitch[i]) for i in range(len(order))], int)
    picked = np.sort(np.argsort(turn, kind="stable")[:quota])
    return order[picked].tolist()
