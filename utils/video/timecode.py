"""Places in footage as people write them: frame numbers and times. Light: options read it."""

import re
from fractions import Fraction

from utils.errors import UsageError

HELP = "a frame number such as 250 (counted from 0, as the frames are named), or a time such as "
HELP += "12.5s, 1:30 or 1:02:03.5"
TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)s?")


def position(text: str, flag: str) -> int | Fraction:
    """Return a frame number as a whole number, a time as a fraction of seconds.

    Raises
    ------
    UsageError
        If it is neither; it names the `flag`.
    """
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return int(text)
    found = TIME.fullmatch(text) if text.isascii() else None
    if found is None or not (":" in text or text.endswith("s")):
        raise UsageError(f"{flag}: Expected {HELP}. Received: {text}")
    hours, minutes, seconds = found.groups()
    return Fraction(int(hours or 0) * 3600 + int(minutes or 0) * 60) + Fraction(seconds)


def exact_rate(rate: float) -> Fraction:
    """Return the frame rate that is meant: 29.97 is 30000/1001, 25 is 25."""
    ntsc = Fraction(round(rate * 1.001) * 1000, 1001)
    meant = not rate.is_integer() and abs(rate - ntsc) < 0.005
    return ntsc if meant else Fraction(str(rate))
