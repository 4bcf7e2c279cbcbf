"""The list of all keys, which covers the window."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from converters.interactive import colors, keymap
from utils import text

COLUMNS = (
    (keymap.GO, keymap.MOUSE),
    (keymap.LOOK,),
    (keymap.COPY, keymap.SHOW, keymap.END),
)
"""The headings in each column."""
FONT_SIZES = (17, 16, 15, 14, 13)
"""The first at which everything fits is used."""
TITLE = "Keys and mouse"
CLOSE = "? or Esc: back to the image"
MARGIN, GAP = 24, 12  # pixels


class HelpText(NamedTuple):
    """A piece of text: its left end and baseline, and whether it is a heading or a key."""

    line: str
    x: int
    y: int
    kind: str


def draw(content: np.ndarray) -> None:
    """List all keys on (H, W, 3) uint8 content."""
    height, width = content.shape[:2]
    content[:] = colors.PANEL
    size, texts = fit(width, height)
    shades = {"heading": colors.ACCENT, "key": colors.TEXT, "help": colors.DIM}
    for piece in texts:
        place = (piece.x, piece.y)
        text.write(content, piece.line, place, size=size, color=shades[piece.kind])


def fit(width: int, height: int) -> tuple[int, list[HelpText]]:
    """Return the largest font size at which all columns fit, and the texts at their places."""
    for size in FONT_SIZES:
        texts = place(size, width, height)
        right = max(piece.x + text.width(piece.line, size) for piece in texts)
        if right <= width - MARGIN and max(piece.y for piece in texts) <= height - MARGIN:
            break
    return size, texts


def place(size: int, width: int, height: int) -> list[HelpText]:
    """Return all texts at a font size, with the columns spread over the width."""
    columns = [_column(headings, size) for headings in COLUMNS]
    rows = max(len(column) for column in columns) + 1
    pitch = min(round(1.75 * size), (height - 2 * MARGIN) // rows)
    pitch = max(pitch, round(1.4 * size))
    widths = [
        max(piece.x + text.width(piece.line, size) for row in column for piece in row)
        for column in columns
    ]
    between = max(2 * GAP, (width - 2 * MARGIN - sum(widths)) // (len(columns) - 1))
    top = MARGIN + size
    close_x = max(width - MARGIN - text.width(CLOSE, size), MARGIN)
    texts = [HelpText(TITLE, MARGIN, top, "key"), HelpText(CLOSE, close_x, top, "help")]
    left = MARGIN
    for column, wide in zip(columns, widths, strict=True):
        for number, row in enumerate(column):
            y = top + round(pitch * (number + 1.5))
            texts += [piece._replace(x=left + piece.x, y=y) for piece in row]
        left += wide + min(between, 4 * MARGIN)
    return texts


def _column(headings: tuple[str, ...], size: int) -> list[list[HelpText]]:
    """Return the rows of a column, at x from its left edge."""
    groups = keymap.help_groups()
    keys = [" ".join(row.keys) for heading in headings for row in groups[heading]]
    help_x = max(text.width(key, size) for key in keys) + GAP
    rows: list[list[HelpText]] = []
    for heading in headings:
        rows += [[]] if rows else []
        rows.append([HelpText(heading, 0, 0, "heading")])
        for row in groups[heading]:
            key = HelpText(" ".join(row.keys), 0, 0, "key")
            rows.append([key, HelpText(row.help, help_x, 0, "help")])
    return rows
