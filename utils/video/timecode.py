"""Frame numbers and times as typed on the command line. Imports nothing heavy."""

import re
from fractions import Fraction

from utils.errors import UsageError

HELP = "a frame number (from 0) or a time: 250, 12.5s, 1:30, 1:02:03.5"
TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)s?")
LONGEST = 40
"""Characters; a log may hold any text, and Python reads no endless number."""


def position(text: str, flag: str) -> int | Fraction:
    """Return a frame number as int, a time as Fraction of seconds.

    Raises
    ------
    UsageError
        If it is neither; the message names the `flag`.
    """
    text = text.strip()
    readable = text.isascii() and len(text) <= LONGEST
    if readable and text.isdecimal():
        return int(text)
    found = TIME.fullmatch(text) if readable else None
    if found is None or not (":" in text or text.endswith("s")):
        raise UsageError(f"{flag}: Expected {HELP}. Received: {text}")
    hours, minutes, seconds = found.groups()
    return Fraction(int(hours or 0) * 3600 + int(minutes or 0) * 60) + Fraction(seconds)


def exact_rate(rate: float) -> Fraction:
    """Return the exact frame rate: 30000/1001 for 29.97, 25 for 25."""
    ntsc = Fraction(round(rate * 1.001) * 1000, 1001)
    meant = not rate.is_integer() and abs(rate - ntsc) < 0.005
    return ntsc if meant else Fraction(str(rate))
