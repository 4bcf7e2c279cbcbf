"""Feed sorted by yaw: each dst sample gets a src face that looks the same way, mirrored or not.

The ancestor sorts both facesets into 64 bins of yaw. Here each face has its own angle, and any of
the src faces near enough may be taken, so none is shown more often only because a bin is thin.
"""

from collections.abc import Sequence

import numpy as np

from facelib.faceset import FaceFiles, FaceInfo
from facelib.geometry import pose
from trainer.data.sampler import Pick, Sampler
from utils.errors import InputError

NEAR = 4.0  # degrees of yaw in which all src faces are as good
FEWEST = 8  # ... or this many nearest ones, where that range holds fewer
PURPOSE = 2  # of the random stream, beside the sampler's


class YawMatcher:
    """Chooses the src face of each sample by where the dst face of the same sample looks.

    Parameters
    ----------
    src : faces to choose from; each stands in the list twice, as it is and mirrored
    dst : whose samples are matched
    seed : the same numbers give the same choice
    """

    def __init__(self, src: FaceFiles, dst: Sampler, seed: Sequence[int]) -> None:
        yaws = np.array([yaw(info) for _, info in src])
        both = np.concatenate([yaws, -yaws])
        self._order = np.argsort(both, kind="stable")
        self._sorted = both[self._order]
        self._count = len(yaws)
        self._dst, self._seed = dst, tuple(seed)
        self._dst_yaws = np.array([yaw(info) for _, info in dst.faces])

    def __call__(self, first: int, count: int) -> list[Pick]:
        """Return the src faces of samples first..first + count."""
        shown = self._dst.shown(first, count)
        wanted = [-self._dst_yaws[i] if flip else self._dst_yaws[i] for i, flip in shown]
        return [self._pick(first + i, angle) for i, angle in enumerate(wanted)]

    def _pick(self, number: int, angle: float) -> Pick:
        low, high = np.searchsorted(self._sorted, [angle - NEAR, angle + NEAR])
        if high - low < FEWEST:
            low = np.clip(np.searchsorted(self._sorted, angle) - FEWEST // 2, 0, None)
            low = max(0, min(int(low), len(self._sorted) - FEWEST))
            high = low + FEWEST
        rng = np.random.default_rng([*self._seed, PURPOSE, number])
        entry = int(self._order[rng.integers(low, min(high, len(self._order)))])
        return Pick(entry % self._count, flip=entry >= self._count)


def yaw(info: FaceInfo) -> float:
    """Return where a face looks, in degrees; one whose landmarks are no face looks ahead."""
    try:
        return float(pose(info.landmarks).yaw)
    except InputError:
        return 0.0
