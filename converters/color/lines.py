"""Optimal transport along one line: what `idt` and `sot` are made of."""

import numpy as np

BINS = 128
SLOPE = 1e-4  # of a whole distribution: keeps quantiles defined where there are no samples


class LineMap:
    """The rising map on a line that turns one distribution of values into another.

    Both are seen as histograms over their common range with an even spread within each bin. Beyond
    the range all is shifted like its end, so colours that were not seen are not squeezed together.

    Parameters
    ----------
    seen, wanted : (n,) and (m,) values
    seen_weights, wanted_weights : theirs
    """

    def __init__(
        self,
        seen: np.ndarray,
        seen_weights: np.ndarray,
        wanted: np.ndarray,
        wanted_weights: np.ndarray,
    ) -> None:
        low = min(float(seen.min()), float(wanted.min()))
        high = max(float(seen.max()), float(wanted.max()), low + 1e-6)
        self._edges = np.linspace(low, high, BINS + 1)
        before = self._rising(seen, seen_weights)
        after = self._rising(wanted, wanted_weights)
        new = np.interp(before, after, self._edges)
        self._moves = (new - self._edges).astype(np.float32)

    def _rising(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the share of the weight below each edge."""
        low, high = self._edges[0], self._edges[-1]
        bins = ((values - low) * (BINS / (high - low))).astype(np.intp)
        counts = np.bincount(np.clip(bins, 0, BINS - 1), weights, minlength=BINS)
        counts = counts / counts.sum() + SLOPE / BINS
        return np.concatenate([[0.0], np.cumsum(counts / counts.sum())])

    def moves(self, values: np.ndarray) -> np.ndarray:
        """Return by how much the map moves each of (k,) values, float32."""
        low, high = self._edges[0], self._edges[-1]
        place = np.clip((values - low) * (BINS / (high - low)), 0, BINS - 1e-3)
        bins = place.astype(np.intp)
        part = (place - bins).astype(np.float32)
        return self._moves[bins] * (1 - part) + self._moves[bins + 1] * part
