"""How good a swap is, as one number from 0 to 1 made of what is measured of it."""

from collections.abc import Mapping
from math import isfinite, nan, prod

EXPRESSION = ("mouth", "eye", "gaze")
COLUMNS = (
    "identity",
    "nearer_to_src",
    "taken_for_src",
    "face_found",
    *(f"{part}_{what}" for part in EXPRESSION for what in ("correlation", "gain")),
    "swap_quality",
)
"""Everything that is measured of the swap, as in progress.csv."""


def scores(row: Mapping[str, float]) -> dict[str, float]:
    """Return identity, mouth, eye and gaze as 0..1, 1 is best; NaN where unknown."""
    return {"identity": row["identity"]} | {
        part: following_score(row[f"{part}_correlation"], row[f"{part}_gain"])
        for part in EXPRESSION
    }


def following_score(correlation: float, gain: float) -> float:
    """Return correlation x movement, 0..1; twice dst's movement counts like half of it."""
    if not isfinite(correlation):
        return nan
    return max(correlation, 0.0) * min(max(gain, 0.0), 1 / max(gain, 1e-9))


def swap_quality(row: Mapping[str, float]) -> float:
    """Return the geometric mean of the identity and of the mean of mouth, eyes and gaze.

    So neither makes up for the other: dst's untouched face and a still face of src both have 0.
    What is unknown is left out; NaN when everything is.
    """
    identity, *parts = scores(row).values()
    known = [part for part in parts if isfinite(part)]
    expression = sum(known) / len(known) if known else nan
    factors = [factor for factor in (identity, expression) if isfinite(factor)]
    return float(prod(factors) ** (1 / len(factors))) if factors else nan
