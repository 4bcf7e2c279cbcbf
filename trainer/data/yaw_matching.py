"""`--sort-by-yaw`: each dst sample gets a src face of similar yaw, mirrored or not.

DeepFaceLab sorts both facesets into 64 bins of yaw. Here each face has its own angle, and any src
face that is close enough may be chosen, so no face is shown more often because its bin is thin.
"""

from collections.abc import Sequence

import numpy as np

from facelib.faceset import FaceFiles
from facelib.poses import poses
from trainer.data.sampler import Pick, Sampler

NEAR = 4.0  # degrees of yaw within which all src faces are equally good
MIN_CANDIDATES = 8  # ... or so many nearest ones, where that range has fewer
PURPOSE = 2  # of the random stream, beside the sampler's


class YawMatcher:
    """Chooses the src face of each sample by the yaw of the dst face of the same sample.

    Parameters
    ----------
    src : FaceFiles
        Faces to choose from, each as it is or mirrored.
    dst : Sampler
        The sampler whose samples are matched.
    seed : sequence of int
        The same numbers give the same choice.
    """

    def __init__(self, src: FaceFiles, dst: Sampler, seed: Sequence[int]) -> None:
        angles = yaws(src)
        both = np.concatenate([angles, -angles])  # each face as it is, then mirrored
        self._order = np.argsort(both, kind="stable")
        self._sorted = both[self._order]
        self._count = len(angles)
        self._dst, self._seed = dst, tuple(seed)
        self._dst_yaws = yaws(dst.faces)

    def __call__(self, first: int, count: int) -> list[Pick]:
        """Return the src faces of samples first..first + count."""
        shown = self._dst.shown(first, count)
        wanted = [-self._dst_yaws[i] if flip else self._dst_yaws[i] for i, flip in shown]
        return [self._pick(first + i, angle) for i, angle in enumerate(wanted)]

    def _pick(self, number: int, angle: float) -> Pick:
        low, high = np.searchsorted(self._sorted, [angle - NEAR, angle + NEAR])
        if high - low < MIN_CANDIDATES:
            low = np.clip(np.searchsorted(self._sorted, angle) - MIN_CANDIDATES // 2, 0, None)
            low = max(0, min(int(low), len(self._sorted) - MIN_CANDIDATES))
            high = low + MIN_CANDIDATES
        rng = np.random.default_rng([*self._seed, PURPOSE, number])
        entry = int(self._order[rng.integers(low, min(high, len(self._order)))])
        return Pick(entry % self._count, flip=entry >= self._count)


def yaws(faces: FaceFiles) -> np.ndarray:
    """Return the yaw of each face in degrees, (n,); 0 where landmarks are degenerate."""
    return np.nan_to_num(poses(np.stack([info.landmarks for _, info in faces]))[:, 1])
