"""Optimal transport in one dimension, the building block of `idt` and `sot`."""

import numpy as np

BINS = 128
UNIFORM_SHARE = 1e-4  # of a distribution: keeps quantiles defined where there are no samples


class LineMaps:
    """Monotonic maps that turn one distribution into another, on each of k lines.

    Both distributions are histograms over their common range, uniform within each bin. Values
    beyond the range are shifted like its end, so that unsampled colors are not squeezed together.

    Parameters
    ----------
    source : (k, n) float32
        Samples of the distribution to change.
    source_weights : (n,) float32
        Their weights.
    reference : (k, m) float32
        Samples of the distribution to reach.
    reference_weights : (m,) float32
        Their weights.
    """

    def __init__(
        self,
        source: np.ndarray,
        source_weights: np.ndarray,
        reference: np.ndarray,
        reference_weights: np.ndarray,
    ) -> None:
        low = np.minimum(source.min(axis=1), reference.min(axis=1))
        high = np.maximum(source.max(axis=1), reference.max(axis=1))
        self._low, self._scale = low[:, None], BINS / np.maximum(high - low, 1e-6)[:, None]
        edges = self._low + np.arange(BINS + 1) / self._scale
        source_cdf = self._cdf(source, source_weights)
        reference_cdf = self._cdf(reference, reference_weights)
        new = [np.interp(*line) for line in zip(source_cdf, reference_cdf, edges, strict=True)]
        self._edge_shifts = (np.stack(new) - edges).astype(np.float32).ravel()

    def _positions(self, values: np.ndarray) -> np.ndarray:
        """Return the positions of values, (k, n), in bins."""
        positions = (values - self._low) * self._scale
        return np.clip(positions, 0, np.float32(BINS - 1e-3), out=positions)

    def _cdf(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the share of the weight below each bin edge, (k, BINS + 1)."""
        lines = len(values)
        bins = self._positions(values).astype(np.intp) + BINS * np.arange(lines)[:, None]
        weight = np.broadcast_to(weights, values.shape).ravel()
        counts = np.bincount(bins.ravel(), weight, lines * BINS).reshape(lines, BINS)
        counts = counts / weights.sum(dtype=np.float64) + UNIFORM_SHARE / BINS
        cdf = np.cumsum(counts, axis=1) / (1 + UNIFORM_SHARE)
        return np.concatenate([np.zeros((lines, 1)), cdf], axis=1)

    def shifts(self, values: np.ndarray) -> np.ndarray:
        """Return how far the maps shift each of (k, n) values, float32."""
        positions = self._positions(values)
        bins = positions.astype(np.intp)
        positions -= bins
        bins += (BINS + 1) * np.arange(len(values))[:, None]
        shifts = np.take(self._edge_shifts, bins)
        return shifts + positions * (np.take(self._edge_shifts, bins + 1) - shifts)
