"""When a training ends by itself, judged by the rows of `ValidationLog`, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import median_low

from facelib.verdict import MARGIN, Metrics, Quality, qualities
from utils.errors import UsageError
from utils.wording import duration

BEGUN = 0.1  # quality below which a model still shows the mean face, which is no standstill
STALLED = "stalled:"
SYNTAX = "a quality from 0 to 1, stalled:N with N from 2, or both (0.8,stalled:5)"


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

    def reason(self, rows: Sequence[Metrics]) -> str:
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
        since = duration(last.seconds - earlier[-1].seconds)
        return (
            f"stopped because the swap quality has not risen for {self.stalled} measurements "
            f"({since}): best {best.value:.2f} at iteration {best.iteration:,.0f}, now "
            f"{last.value:.2f}"
        )


def _steady(rows: Sequence[Metrics]) -> list[Quality]:
    """Return the qualities without single peaks: the median of each one and the two before it."""
    known = qualities(rows)
    return [
        each._replace(value=median_low(other.value for other in known[max(0, i - 2) : i + 1]))
        for i, each in enumerate(known)
    ]
