"""The losses of every iteration, and the numbers that stand for the newest of them."""

from array import array
from collections.abc import Mapping, Sequence

import numpy as np

SPAN = 100
"""Iterations over which the losses that are said, drawn and told are averaged."""
WORDS = f"means of the last {SPAN} iterations"


class LossHistory:
    """Losses by iteration.

    Attributes
    ----------
    names : list of str
        The columns, known after the first iteration.
    """

    def __init__(self, names: Sequence[str] = (), rows: np.ndarray | None = None) -> None:
        self.names = list(names)
        self._values = array("f", [] if rows is None else rows.ravel().tolist())

    def add(self, losses: Mapping[str, float]) -> None:
        """Add those of an iteration."""
        self.names = list(losses)
        self._values.extend(losses.values())

    @property
    def rows(self) -> np.ndarray:
        """(iterations, losses) float32, columns as `names`."""
        return np.array(self._values, np.float32).reshape(-1, self._columns)

    def means(self) -> dict[str, float]:
        """Return the mean over SPAN of each loss that is shown to the user."""
        newest = np.array(self._values[-SPAN * self._columns :], np.float32)
        return recent_means(newest.reshape(-1, self._columns), self.names)

    @property
    def _columns(self) -> int:
        return max(len(self.names), 1)


def recent_means(rows: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Return the mean of the last SPAN rows for each loss that is shown to the user."""
    if not names or not len(rows):
        return {}
    means = zip(names, rows[-SPAN:].astype(float).mean(axis=0).tolist(), strict=True)
    return {name: mean for name, mean in means if "mask" not in name}
