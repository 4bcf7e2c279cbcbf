"""Timestamps of decoded frames that always increase."""

from fractions import Fraction


class Clock:
    """Turns the timestamps of a stream into strictly increasing seconds."""

    def __init__(self, time_base: Fraction, origin: Fraction, rate: Fraction | None) -> None:
        self._time_base, self._origin = time_base, origin
        self._step = 1 / rate if rate else Fraction(1, 25)
        self._last: Fraction | None = None

    def time(self, pts: int | None) -> Fraction:
        """Return the seconds of the next frame."""
        if pts is not None:
            time = pts * self._time_base - self._origin
        else:
            time = Fraction(0) if self._last is None else self._last + self._step
        if self._last is not None and time <= self._last:
            time = self._last + self._time_base
        self._last = time
        return time

    def duration(self, ticks: int | None) -> Fraction | None:
        """Return the seconds that a frame is shown; None if unknown."""
        return ticks * self._time_base if ticks else None
