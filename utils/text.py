"""Text on pictures: lines on a darkened panel, readable on any background."""

from collections.abc import Sequence
from itertools import zip_longest

import cv2
import numpy as np

FONT, MARGIN = cv2.FONT_HERSHEY_SIMPLEX, 8
DARKEN = 0.3


def panel(
    picture: np.ndarray,
    lines: Sequence[str],
    *,
    at: tuple[int, int] = (0, 0),
    height: int = 16,
    color: tuple[int, int, int] = (255, 255, 255),
) -> np.ndarray:
    """Return a copy of the picture with lines of text on a dark panel.

    Parameters
    ----------
    picture : (H, W, 3) uint8 BGR
    lines : ASCII text; tabs divide it into columns
    at : the panel's corner (x, y) in pixels; a negative number counts from the right or the lower
        edge to the panel's far corner, so (-1, -1) is the lower right
    height : of a capital letter with its line spacing, pixels
    """
    drawn = picture.copy()
    if not lines:
        return drawn
    scale = cv2.getFontScaleFromHeight(FONT, max(5, round(height * 0.55)), 1)
    columns = list(zip_longest(*(line.split("\t") for line in lines), fillvalue=""))
    widths = [max(cv2.getTextSize(cell, FONT, scale, 1)[0][0] for cell in each) for each in columns]
    width = sum(widths) + (len(widths) + 1) * MARGIN
    tall = height * len(lines) + 2 * MARGIN
    left = at[0] if at[0] >= 0 else picture.shape[1] + 1 + at[0] - width
    top = at[1] if at[1] >= 0 else picture.shape[0] + 1 + at[1] - tall
    left, top = max(0, left), max(0, top)
    area = drawn[top : top + tall, left : left + width]
    area[:] = np.rint(area * DARKEN).astype(np.uint8)
    for column, cells in enumerate(columns):
        x = left + MARGIN + sum(widths[:column]) + column * MARGIN
        for number, cell in enumerate(cells, 1):
            corner = (x, top + MARGIN + round(height * (number - 0.2)))
            cv2.putText(drawn, cell, corner, FONT, scale, color, 1, cv2.LINE_AA)
    return drawn
