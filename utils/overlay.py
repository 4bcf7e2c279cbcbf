"""Text on pictures: lines on a darkened panel, readable on any background."""

from collections.abc import Sequence

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
    colour: tuple[int, int, int] = (255, 255, 255),
) -> np.ndarray:
    """Return a copy of the picture with lines of text on a dark panel.

    Parameters
    ----------
    picture : (H, W, 3) uint8 BGR
    lines : ASCII text
    at : the panel's corner (x, y) in pixels; a negative number counts from the right or the lower
        edge to the panel's far corner, so (-1, -1) is the lower right
    height : of a capital letter with its line spacing, pixels
    """
    drawn = picture.copy()
    if not lines:
        return drawn
    scale = cv2.getFontScaleFromHeight(FONT, max(5, round(height * 0.55)), 1)
    width = max(cv2.getTextSize(line, FONT, scale, 1)[0][0] for line in lines) + 2 * MARGIN
    tall = height * len(lines) + 2 * MARGIN
    left = at[0] if at[0] >= 0 else picture.shape[1] + 1 + at[0] - width
    top = at[1] if at[1] >= 0 else picture.shape[0] + 1 + at[1] - tall
    left, top = max(0, left), max(0, top)
    area = drawn[top : top + tall, left : left + width]
    area[:] = np.rint(area * DARKEN).astype(np.uint8)
    for number, line in enumerate(lines, 1):
        corner = (left + MARGIN, top + MARGIN + round(height * (number - 0.2)))
        cv2.putText(drawn, line, corner, FONT, scale, colour, 1, cv2.LINE_AA)
    return drawn
