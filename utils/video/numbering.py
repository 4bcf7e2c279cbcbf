"""The numbers in the names of a folder's images: which frame of the footage each one is."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from utils.errors import UsageError
from utils.video.frame import Span

LAST_NUMBER = re.compile(r"(\d+)\D*$")
MOST_DIGITS = 8
"""Longer numbers are dates or checksums."""
NAMED = 3
"""How many gaps a note names."""


def numbers_in_names(files: Sequence[Path]) -> list[int] | None:
    """Return the number of each image, the last one in its name.

    Images that differ only by the suffix share one. None if an image has no number, or if the
    numbers do not rise from image to image.
    """
    numbers: list[int] = []
    before = ""
    for file in files:
        found = LAST_NUMBER.search(file.stem)
        if found is None or len(found[1]) > MOST_DIGITS or not found[1].isascii():
            return None
        number = int(found[1])
        if numbers and number <= numbers[-1] and file.stem != before:
            return None
        numbers.append(number)
        before = file.stem
    return numbers


def located(span: Span, numbers: Sequence[int], name: str) -> Span:
    """Return a span of the numbers in names as one of positions; `name` is the folder's.

    Raises
    ------
    UsageError
        If it contains no image, or is in seconds.
    """
    if span.uses_seconds:
        raise UsageError("images in a folder have no times; give --from and --to as numbers")
    first = None if span.first is None else bisect_left(numbers, span.first)
    last = None if span.last is None else bisect_right(numbers, span.last) - 1
    if (first or 0) > (len(numbers) - 1 if last is None else last):
        raise UsageError(
            f'"{name}" has no image between --from and --to; its numbers go from {numbers[0]} to '
            f"{numbers[-1]}"
        )
    return Span(first, last)


def gap_note(numbers: Sequence[int], files: Sequence[Path]) -> list[str]:
    """Return a sentence about the numbers that are missing, if there are any."""
    gaps = [
        f'"{file.name}" ({after - before - 1})'
        for file, (before, after) in zip(files, pairwise(numbers), strict=False)
        if after - before > 1
    ]
    if not gaps:
        return []
    more = f" and {len(gaps) - NAMED} more" if len(gaps) > NAMED else ""
    return [
        f"frames are missing after {', '.join(gaps[:NAMED])}{more}: the image before is held for "
        "their time"
    ]
