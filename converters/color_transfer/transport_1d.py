"""Optimal transport along lines: what `idt` and `sot` are made of."""

import numpy as np

BINS = 128
SLOPE = 1e-4  # of a whole distribution: keeps quantiles defined where there are no samples


class LineMaps:
    """The rising maps on k lines that turn one distribution of values into another, on each line.

    Both are seen as histograms over their common range with an even spread within each bin. Beyond
    the range all is shifted like its end, so colors that were not seen are not squeezed together.

    Parameters
    ----------
    seen, wanted : (k, n) and (k, m) float32 values
    seen_weights, wanted_weights : (n,) and (m,), theirs
    """

    def __init__(
        self,
        seen: np.ndarray,
        seen_weights: np.ndarray,
        wanted: np.ndarray,
        wanted_weights: np.ndarray,
    ) -> None:
        low = np.minimum(seen.min(axis=1), wanted.min(axis=1))
        high = np.maximum(seen.max(axis=1), wanted.max(axis=1))
        self._low, self._scale = low[:, None], BINS / np.maximum(high - low, 1e-6)[:, None]
        edges = self._low + np.arange(BINS + 1) / self._scale
        before = self._rising(seen, seen_weights)
        after = self._rising(wanted, wanted_weights)
        new = [np.interp(*line) for line in zip(before, after, edges, strict=True)]
        self._moves = (np.stack(new) - edges).astype(np.float32).ravel()

    def _places(self, values: np.ndarray) -> np.ndarray:
        """Return where values lie, (k, n), in bins."""
        places = (values - self._low) * self._scale
        return np.clip(places, 0, np.float32(BINS - 1e-3), out=places)

    def _rising(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the share of the weight below each edge, (k, BINS + 1)."""
        lines = len(values)
        bins = self._places(values).astype(np.intp) + BINS * np.arange(lines)[:, None]
        weight = np.broadcast_to(weights, values.shape).ravel()
        counts = np.bincount(bins.ravel(), weight, lines * BINS).reshape(lines, BINS)
        counts = counts / weights.sum(dtype=np.float64) + SLOPE / BINS
        rising = np.cumsum(counts, axis=1) / (1 + SLOPE)
        return np.concatenate([np.zeros((lines, 1)), rising], axis=1)

    def moves(self, values: np.ndarray) -> np.ndarray:
        """Return by how much the maps move each of (k, n) values, float32."""
        places = self._places(values)
        bins = places.astype(np.intp)
        places -= bins
        bins += (BINS + 1) * np.arange(len(values))[:, None]
        moves = np.take(self._moves, bins)
        return moves + places * (np.take(self._moves, bins + 1) - moves)
