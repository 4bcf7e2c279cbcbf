"""The losses of every iteration, and the numbers that stand for the newest of them."""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

SPAN = 100
"""Iterations over which the losses that are said, drawn and told are averaged."""
WORDS = f"means of the last {SPAN} iterations"


class LossHistory:
    """Losses by iteration; NaN for one that there was not, since a critic came or went.

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
        if not losses.keys() <= set(self.names):
            self._widen(losses)
        self._values.extend(losses.get(name, math.nan) for name in self.names)

    @property
    def rows(self) -> np.ndarray:
        """(iterations, losses) float32, columns as `names`."""
        return np.array(self._values, np.float32).reshape(-1, self._columns)

    def means(self) -> dict[str, float]:
        """Return the mean over SPAN of each loss that is shown to the user."""
        newest = np.array(self._values[-SPAN * self._columns :], np.float32)
        return recent_means(newest.reshape(-1, self._columns), self.names)

    def _widen(self, names: Iterable[str]) -> None:
        """Take more columns, which nothing is known of until now."""
        known, count = self.rows, len(self.names)
        self.names = list(dict.fromkeys([*self.names, *names]))
        rows = np.full((len(known) if count else 0, len(self.names)), np.nan, np.float32)
        rows[:, :count] = known[:, :count]
        self._values = array("f", rows.tobytes())

    @property
    def _columns(self) -> int:
        return max(len(self.names), 1)


def recent_means(rows: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Return the mean of the last SPAN rows for each loss that is shown to the user."""
    means: dict[str, float] = {}
    for name, column in zip(names, rows[-SPAN:].astype(float).T, strict=bool(names)):
        known = column[np.isfinite(column)]
        if "mask" not in name and known.size:
            means[name] = float(known.mean())
    return means
