"""Where everything is in the window, for drawing it and for finding what the mouse points at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import NamedTuple, TypeVar

import numpy as np

from converters.interactive import keymap
from converters.interactive.mouse import Place
from converters.look import Look

Numbers = TypeVar("Numbers", int, np.ndarray)

SIZE = (1280, 780)
"""Of the window when it opens."""
SMALLEST, LARGEST = (960, 620), (1920, 1200)
"""Content is drawn in the window's own size within these; beyond them the window scales it."""
PANEL_WIDTH, FOOTER_HEIGHT, STRIP_HEIGHT = 370, 74, 20  # pixels
ROW_HEIGHT, BASELINE = 22, 16  # of the panel, and within a row
FIRST_ROW = 40
LABEL_X, KEY_X, VALUE_X, HINT_X = 14, 168, 216, 108  # where text starts in the panel


class PanelRow(NamedTuple):
    """A row of the panel: a setting, what a click on it does, or one of the keys.

    Attributes
    ----------
    top : int
        Its upper edge, pixels.
    setting : str
        Name of the setting; empty in other rows.
    key : str
        The key that a click stands for; empty if there is none.
    """

    top: int
    setting: str = ""
    key: str = ""


class Layout(NamedTuple):
    """The areas of content of a given size."""

    width: int
    height: int

    @classmethod
    def of_window(cls, size: tuple[int, int]) -> Layout:
        """Return the layout for a window, whose aspect ratio is kept."""
        pairs = zip(SMALLEST, LARGEST, size, strict=True)
        least, most = zip(*((low / side, high / side) for low, high, side in pairs), strict=True)
        factor = max(*least, min(1.0, *most))
        return cls(*(round(side * factor) for side in size))

    @property
    def main(self) -> tuple[int, int]:
        """Width and height of the image's area, in the upper left corner."""
        return self.width - PANEL_WIDTH, self.height - FOOTER_HEIGHT

    def rows(self) -> Sequence[PanelRow]:
        """Return the rows of the panel: the settings, two about their frames, and keys."""
        rows = [PanelRow(0, setting=field.name) for field in fields(Look)]
        rows += [PanelRow(0), PanelRow(0), PanelRow(0, key="b"), PanelRow(0)]
        rows += [PanelRow(0, key=key) for key in keymap.SHORT_HELP]
        tops = range(FIRST_ROW, self.height - ROW_HEIGHT, ROW_HEIGHT)
        return [row._replace(top=top) for row, top in zip(rows, tops, strict=False)]

    def place_at(self, x: float, y: float, frames: int) -> Place:
        """Return what is at a point of the content, for footage of so many frames."""
        width, height = self.main
        frame = frame_at(int(min(max(x, 0), width - 1)), width, frames)
        if x >= width:
            row = next((row for row in self.rows() if 0 <= y - row.top < ROW_HEIGHT), PanelRow(0))
            return Place("panel", frame, row.setting, row.key)
        return Place("strip" if 0 <= y - height < STRIP_HEIGHT else "image", frame)


def strip_x(frame: Numbers, width: int, frames: int) -> Numbers:
    """Return the x of a strip of some width at which a frame begins."""
    return width * frame // frames


def frame_at(x: Numbers, width: int, frames: int) -> Numbers:
    """Return the frame at an x of the strip; its ends are the first and the last frame."""
    if frames <= width:  # the last one that begins at or before x
        return ((x + 1) * frames - 1) // width
    return x * (frames - 1) // (width - 1)
