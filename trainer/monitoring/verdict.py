"""What the log of the measured swap says: whether to stop, and how good the result is.

Rows are those of `ValidationLog`, oldest first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from operator import attrgetter
from statistics import median, median_low
from typing import NamedTuple

from models.swap_quality import following_score
from utils.errors import UsageError

Rows = Sequence[Mapping[str, float]]

MARGIN = 0.01  # of quality: less is noise
BEGUN = 0.1  # quality below which a model still shows the mean face, which is no standstill
RECENT = 8  # measurements from which it is judged what more time gives
FEWEST = 4
STALLED = "stalled:"
SYNTAX = "a quality from 0 to 1, stalled:N with N from 2, or both (0.8,stalled:5)"


class Quality(NamedTuple):
    """A measured quality of the swap, and when it was."""

    value: float
    iteration: float
    seconds: float


@dataclass(frozen=True)
class StopRule:
    """When a training ends by itself, judged by the quality of the swap.

    Attributes
    ----------
    target : float or None
        It is reached.
    stalled : int
        It has not risen for so many measurements; 0: no matter.
    """

    target: float | None = None
    stalled: int = 0

    @classmethod
    def parse(cls, text: str | None) -> "StopRule":
        """Read `--stop-when`: None, "none", "0.8", "stalled:5" or "0.8,stalled:5".

        Raises
        ------
        UsageError
            If it is none of these.
        """
        rule = cls()
        try:
            for word in map(str.strip, (text or "none").split(",")):
                if word == "none":
                    valid = True
                elif word.startswith(STALLED):
                    rule = cls(rule.target, int(word.removeprefix(STALLED)))
                    valid = rule.stalled >= 2
                else:
                    rule = cls(float(word), rule.stalled)
                    valid = 0 < (rule.target or 0) <= 1
                if not valid:
                    raise ValueError(word)
        except ValueError:
            raise UsageError(f"--stop-when: Expected {SYNTAX}. Received: {text}") from None
        return rule

    def reason(self, rows: Rows) -> str:
        """Return why to stop, as a sentence; empty to go on."""
        known = _steady(rows)
        if not known:
            return ""
        last, best = known[-1], max(known, key=attrgetter("value"))
        if self.target is not None and last.value >= self.target:
            return f"stopped because the swap quality has reached {last.value:.2f}"
        earlier, recent = known[: -self.stalled], known[-self.stalled :]
        if not (self.stalled and earlier and best.value >= BEGUN):
            return ""
        if max(recent).value > max(earlier).value + MARGIN:
            return ""
        since = _minutes(last.seconds - earlier[-1].seconds)
        return (
            f"stopped because the swap quality has not risen for {self.stalled} measurements "
            f"({since}): best {best.value:.2f} at iteration {best.iteration:,.0f}, now "
            f"{last.value:.2f}"
        )


def verdict(rows: Rows) -> str:
    """Say how good the swap is and what more time would give; empty when it was not measured."""
    known = _qualities(rows)
    if not known:
        return ""
    row = next(row for row in reversed(rows) if isfinite(row["swap_quality"]))
    sentences = [_identity(row), _expression(row), outlook(rows)]
    return "\n".join(filter(None, sentences))


def _identity(row: Mapping[str, float]) -> str:
    if not isfinite(row["identity"]):
        return ""
    return (
        f"Identity: {_percent(row['taken_for_src'])} of the swapped faces are taken for src and "
        f"{_percent(row['nearer_to_src'])} are nearer to src than to dst (distance to src "
        f"{row['to_src']:.2f})."
    )


def _expression(row: Mapping[str, float]) -> str:
    names = {"mouth": "the mouth", "eye": "the eyelids", "gaze": "the gaze"}
    parts = []
    for part, name in names.items():
        correlation, gain = row[f"{part}_correlation"], row[f"{part}_gain"]
        score = following_score(correlation, gain)
        if isfinite(score):
            moves = f"{_percent(gain)} of the movement, correlation {correlation:.2f}"
            parts.append(f"{name} {_well(score)} ({moves})")
    return f"Following dst: {', '.join(parts)}." if parts else ""


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _well(score: float) -> str:
    return "well" if score >= 0.75 else "partly" if score >= 0.4 else "hardly"


def outlook(rows: Rows) -> str:
    """Say how the quality has changed and what more time would bring; empty if not measured."""
    known = _qualities(rows)
    if not known:
        return ""
    last = known[-1]
    now = f"Swap quality {last.value:.2f} of 1 at iteration {last.iteration:,.0f}"
    recent = known[-RECENT:]
    if len(recent) < FEWEST:
        return f"{now}; too few measurements to tell what more time would give."
    seconds = last.seconds - recent[0].seconds
    # the median of all slopes: one odd measurement does not matter
    pairs = [(a, b) for a, b in combinations(recent, 2) if b.seconds > a.seconds]
    slopes = [(b.value - a.value) / (b.seconds - a.seconds) for a, b in pairs]
    change = median(slopes) * seconds if slopes else 0.0
    if change < MARGIN:
        return (
            f"{now}; it has not risen in the last {_minutes(seconds)}, so more time alone will "
            "hardly help."
        )
    return (
        f"{now}; it rose by {change:.2f} in the last {_minutes(seconds)}, so as much time again "
        "would bring at most as much again."
    )


def _qualities(rows: Rows) -> list[Quality]:
    return [
        Quality(row["swap_quality"], row["iteration"], row["seconds"])
        for row in rows
        if isfinite(row["swap_quality"])
    ]


def _steady(rows: Rows) -> list[Quality]:
    """Return the qualities without single peaks: the median of each one and the two before it."""
    known = _qualities(rows)
    return [
        each._replace(value=median_low(other.value for other in known[max(0, i - 2) : i + 1]))
        for i, each in enumerate(known)
    ]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
