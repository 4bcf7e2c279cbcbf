"""What the measurements of a swap mean: what a viewer sees, and what would help most.

`evaluate`, `train` and `status` say it in the same words. docs/evaluation.md has the same tables.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import isfinite, nan
from statistics import median
from typing import NamedTuple

from facelib.quality import EXPRESSION, following_score
from utils.wording import duration

Metrics = Mapping[str, float]
"""Those of `evaluate` or of a row of progress.csv; NaN or absent: not measured."""

REACH = 10.0
"""Degrees within which src's faces stand for a direction. Another face shape turns the fitted head
by a few degrees, and `directions` errs by up to 5."""
MARGIN = 0.01  # of quality: less is noise
RECENT = 8  # measurements from which it is judged what more time gives
FEWEST = 4

# Lowest value -> word; the first that applies. docs/evaluation.md says where they are from.
TAKEN_FOR_SRC = (
    (0.995, "always"),
    (0.9, "nearly always"),
    (0.5, "mostly"),
    (0.1, "sometimes"),
    (0.005, "hardly ever"),
    (0.0, "never"),
)
FOLLOWING = ((0.6, "well"), (0.25, "weakly"), (0.0, "hardly at all"))
PARTS = {"mouth": "the mouth", "eye": "the eyelids", "gaze": "the gaze"}
SOFTER_BY = {
    1 / 5: "a fifth",
    1 / 4: "a quarter",
    1 / 3: "a third",
    1 / 2: "half",
    2 / 3: "two thirds",
    3 / 4: "three quarters",
}

LEAST_FOUND = 0.98  # share of the frames with a face
LEAST_TAKEN = 0.9
LOST = 0.3  # share of the faces that are taken for src in training, but not in the clip
LEAST_FOLLOWING = FOLLOWING[0][0]
LEAST_SHARP = 0.8
MOST_JITTER = 0.15  # beyond dst's own, % of the eye distance
MOST_FLICKER = 0.2  # beyond dst's own, Lab units


class Quality(NamedTuple):
    """A measured quality of the swap, and when it was."""

    value: float
    iteration: float
    seconds: float


class DirectionGap(NamedTuple):
    """A direction that src lacks.

    Attributes
    ----------
    where : str
        "to the left", "to the right", "up" or "down", as the viewer sees it.
    share : float
        Of dst's faces: those that no face of src is within `REACH` of.
    """

    where: str
    share: float

    def __str__(self) -> str:
        return (
            f"{100 * self.share:.0f} % of dst's faces look more than {REACH:.0f} degrees farther "
            f"{self.where} than the nearest of src's: add such faces of src"
        )


class Advice(NamedTuple):
    """What would help.

    Attributes
    ----------
    applies : callable
        Whether it does, by what was measured of the swap, and at last in training.
    early : bool
        Whether it is worth saying while the quality still rises.
    text : str
        A sentence.
    """

    applies: Callable[[Metrics, Metrics], bool]
    early: bool
    text: str


ADVICE = (
    Advice(
        lambda swap, _: swap.get("face_found", 1.0) < LEAST_FOUND,
        True,
        "Look first at the frames in which the result shows no face.",
    ),
    Advice(
        lambda swap, last: _value(last, "taken_for_src") - _value(swap, "taken_for_src") > LOST,
        True,
        "The model's own faces are taken for src far more often than the converted ones: try "
        "another --mask-type, a lower --erode-modifier and --color-transfer.",
    ),
    Advice(
        lambda swap, _: swap.get("taken_for_src", 1.0) < LEAST_TAKEN,
        False,
        "For more of src, add more varied faces of src, or train a larger model.",
    ),
    Advice(
        lambda swap, _: min(_following(swap).values(), default=1.0) < LEAST_FOLLOWING,
        False,
        "For mouth and eyes, raise --eyes-mouth-priority, or train a new model with "
        "--expression-head.",
    ),
    Advice(
        lambda swap, _: swap.get("sharpness", 1.0) < LEAST_SHARP,
        False,
        "For more detail, train a model of a higher resolution; convert --sharpen brings a little "
        "back.",
    ),
    Advice(
        lambda swap, _: swap.get("jitter_excess", 0.0) > MOST_JITTER,
        False,
        "For a steadier face, extract dst again with --smooth.",
    ),
    Advice(
        lambda swap, _: swap.get("flicker_excess", 0.0) > MOST_FLICKER,
        False,
        "For steadier colors, train on with --input-jitter 0.15.",
    ),
)
NOTHING = (
    "No measurement stands out: look at the clip, at the edge of the mask, light and color, which "
    "no metric sees."
)


def verdict(
    metrics: Metrics, log: Sequence[Metrics] | None = None, gaps: Sequence[DirectionGap] = ()
) -> str:
    """Say in a few sentences, one a line, what a viewer sees and what would help most.

    Parameters
    ----------
    metrics : mapping of str to float
        What was measured of the swap; `identity_to_src_before`: of the untouched footage.
    log : sequence of mappings or None
        The rows of the training's progress.csv, oldest first; None when the model is not known.
    gaps : sequence of DirectionGap
        The head directions that src lacks.

    Returns
    -------
    text : str
        Empty if nothing was measured.
    """
    rising, time = outlook(log)
    said = [_identity(metrics), _expression(metrics), *_appearance(metrics), time]
    if any(said[:2]):
        said += _advice(metrics, log or (), gaps, rising=rising)
    return "\n".join(filter(None, said))


def training_verdict(log: Sequence[Metrics], gaps: Sequence[DirectionGap] = ()) -> str:
    """Say the same of the last measurement of a training; empty when the swap was not measured."""
    measured = [row for row in log if isfinite(row["swap_quality"])]
    return verdict(measured[-1], measured, gaps) if measured else ""


def _value(metrics: Metrics, name: str) -> float:
    return metrics.get(name, nan)


def _word(table: Sequence[tuple[float, str]], value: float) -> str:
    return next(word for least, word in table if value >= least)


def _identity(metrics: Metrics) -> str:
    share = _value(metrics, "taken_for_src")
    if not isfinite(share):
        return ""
    said = f"The face is {_word(TAKEN_FOR_SRC, share)} taken for src"
    if _value(metrics, "identity_to_src") > _value(metrics, "identity_to_src_before"):
        said += ", and looks even less like src than the footage itself"
    return f"{said}."


def _following(metrics: Metrics) -> dict[str, float]:
    """Return how well each part follows dst, 0..1, where that was measured."""
    scores = {
        part: following_score(
            _value(metrics, f"{part}_correlation"), _value(metrics, f"{part}_gain")
        )
        for part in EXPRESSION
    }
    return {part: score for part, score in scores.items() if isfinite(score)}


def _expression(metrics: Metrics) -> str:
    parts: dict[str, list[str]] = {}
    for part, score in _following(metrics).items():
        parts.setdefault(_word(FOLLOWING, score), []).append(PARTS[part])
    if not parts:
        return ""
    (how, first), *others = parts.items()
    verb = "follows" if first in (["the mouth"], ["the gaze"]) else "follow"
    clauses = [f"{_listed(first)} {verb} dst {how}"]
    clauses += [f"{_listed(names)} {word}" for word, names in others]
    return f"{', '.join(clauses).capitalize()}."


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _appearance(metrics: Metrics) -> list[str]:
    sentences = []
    if (found := metrics.get("face_found", 1.0)) < LEAST_FOUND:
        sentences.append(f"{100 * (1 - found):.0f} % of the frames show no face.")
    sharpness = _value(metrics, "sharpness")
    if isfinite(sharpness):
        lacking = 1 - sharpness
        share = SOFTER_BY[min(SOFTER_BY, key=lambda each: abs(each - lacking))]
        soft = sharpness < LEAST_SHARP
        how = f"softer than the footage by about {share}" if soft else "as sharp as the footage"
        sentences.append(f"It is {how}.")
    restless = {
        "trembles": metrics.get("jitter_excess", 0.0) > MOST_JITTER,
        "changes color": metrics.get("flicker_excess", 0.0) > MOST_FLICKER,
    }
    if any(restless.values()):
        words = " and ".join(word for word, applies in restless.items() if applies)
        sentences.append(f"It {words} more than the footage.")
    return sentences


def _advice(
    metrics: Metrics, log: Sequence[Metrics], gaps: Sequence[DirectionGap], *, rising: bool
) -> list[str]:
    """Return the most important advice beside more training."""
    last = log[-1] if log else {}
    advice = [_gap_advice(gap) for gap in gaps]
    for each in ADVICE:
        if (each.early or not rising) and each.applies(metrics, last):
            advice.append(each.text)
    return advice[:1] or ([] if rising else [NOTHING])


def _gap_advice(gap: DirectionGap) -> str:
    return (
        f"Add faces of src that look farther {gap.where}: {100 * gap.share:.0f} % of dst's do, by "
        f"more than {REACH:.0f} degrees."
    )


def outlook(log: Sequence[Metrics] | None) -> tuple[bool, str]:
    """Return whether more training would help, and say why; False and "" without a model.

    The last measurements decide, by the median of all slopes between two of them, so that one odd
    one does not matter.
    """
    if log is None:
        return False, ""
    known = qualities(log)
    if not known:
        return True, "Train on: this training was too short to have measured the swap."
    last, recent = known[-1], known[-RECENT:]
    if len(recent) < FEWEST:
        return True, (
            f"Train on: the swap quality, {last.value:.2f} of 1, was measured only "
            f"{'once' if len(recent) == 1 else f'{len(recent)} times'}."
        )
    seconds = last.seconds - recent[0].seconds
    pairs = [(a, b) for a, b in combinations(recent, 2) if b.seconds > a.seconds]
    slopes = [(b.value - a.value) / (b.seconds - a.seconds) for a, b in pairs]
    change = median(slopes) * seconds if slopes else 0.0
    if change < MARGIN:
        return False, (
            f"The swap quality, {last.value:.2f} of 1, has not risen in the last "
            f"{duration(seconds)}: more time alone will hardly help."
        )
    return True, (
        f"Train on: the swap quality, {last.value:.2f} of 1, rose by {change:.2f} in the last "
        f"{duration(seconds)}."
    )


def qualities(log: Sequence[Metrics]) -> list[Quality]:
    """Return the measured qualities, oldest first."""
    return [
        Quality(row["swap_quality"], row["iteration"], row["seconds"])
        for row in log
        if isfinite(row["swap_quality"])
    ]
