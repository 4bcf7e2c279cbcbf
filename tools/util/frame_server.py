"""`util show-frame --remote`: frames of footage for another program, which asks for single ones.

The events and what is told are in docs/progress.md. Of several requests that wait, the newest
counts: who scrubs wants to see where the mouse is, not where it was.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from utils import console
from utils.errors import InputError
from utils.images import encode_image, fitted
from utils.inbox import Inbox
from utils.video.io import open_source
from utils.video.seekable import RandomFrames, open_random

QUALITY = 90  # JPEG: to look at
SIDES = (16, 4096)
"""Sides of the images that may be asked for, in pixels."""
IDLE_SECONDS = 1.0


def serve(footage: Path) -> None:
    """Tell how many frames there are and when, then those that are asked for, until stdin ends."""
    inbox = Inbox()
    with open_random(open_source(footage, square_pixels=True)) as frames:
        seconds = [None if time is None else round(float(time), 6) for time in frames.times]
        console.tell("footage", {"count": len(frames), "seconds": seconds})
        while not inbox.ended:
            events = list(inbox.wait(IDLE_SECONDS))
            if events:
                _answer(frames, events[-1])


def shown_at(times: Sequence[Fraction | None], time: Fraction) -> int | None:
    """Return the number of the frame that is shown at a time; None if none is, or times lack."""
    known = [each for each in times if each is not None]
    if len(known) < len(times):
        return None
    return bisect_right(known, time) - 1 if known and time >= known[0] else None


def _answer(frames: RandomFrames, event: Mapping[str, Any]) -> None:
    number, width, height = (
        value if type(value) is int else -1
        for value in map(event.get, ("frame", "width", "height"))
    )
    if not 0 <= number < len(frames) or min(width, height) < 0:
        console.warn(f"Expected frame (0 to {len(frames) - 1}), width and height")
        return
    low, high = SIDES
    width, height = (min(max(side, low), high) for side in (width, height))
    try:
        image = fitted(frames[number].image, width, height)
    except InputError as problem:
        console.tell("unreadable", {"frame": number, "text": str(problem)})
        return
    console.tell("image", {"frame": number}, encode_image(image, ".jpg", QUALITY))
