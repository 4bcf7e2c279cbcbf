"""An event of another program, whose values are checked when they are asked for."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from facelib import mask_label
from utils.errors import UsageError


class Given:
    """What an event has, checked when it is asked for."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self.event = event

    def number(self, name: str) -> float:
        """Return a number, such as a place."""
        value: Any = self.event.get(name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not -mask_label.FARTHEST <= value <= mask_label.FARTHEST:
            raise UsageError(f"{name}: Expected a number. Received: {value}")
        return float(value)

    def whole(self, name: str) -> int:
        """Return a whole number."""
        value = self.event.get(name)
        if type(value) is not int or abs(value) > 1 << 30:
            raise UsageError(f"{name}: Expected a whole number. Received: {value}")
        return value

    def flag(self, name: str) -> bool:
        """Whether something is said to be so."""
        return self.event.get(name) is True

    @property
    def place(self) -> tuple[float, float]:
        """A point of the image."""
        return self.number("x"), self.number("y")

    @property
    def points(self) -> np.ndarray:
        """Points of the image, (n, 2) float64."""
        given = self.event.get("points")
        if not isinstance(given, list) or not 1 <= len(given) <= mask_label.MOST_POINTS:
            raise UsageError(f"points: Expected 1 to {mask_label.MOST_POINTS} of them")
        pairs = [Given(dict(zip("xy", pair, strict=False))).place for pair in given]
        return np.array(pairs, np.float64)
