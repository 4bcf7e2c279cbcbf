"""Curves below the preview: the losses, and the metrics of held-out faces."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from utils import text
from utils.images import Image
from utils.text import BgrColor

CURVE_HEIGHT = 160
FONT_SIZE = 12
DARK, LINE, LIGHT = 24, 60, 235
COLORS = ((235, 130, 40), (40, 170, 250), (90, 200, 90), (200, 90, 200))  # BGR, one per loss
BANDS = 5
HEAD, FOOT = 22, 22  # pixels above and below the metrics, for text
METRICS = {
    "ssim_src": ("src", COLORS[0]),
    "ssim_dst": ("dst", COLORS[1]),
    "mask_overlap": ("mask", COLORS[2]),
    "to_src": ("swap - src", COLORS[3]),
    "to_dst": ("swap - dst", (150, 150, 150)),
}


def loss_curves(
    history: np.ndarray, names: Sequence[str], caption: str, width: int, last: int = 0
) -> Image:
    """Draw the losses: for each pixel column a bar from the minimum to the maximum.

    Parameters
    ----------
    history : (iterations, losses) float32
        Columns whose name contains "mask" are left out.
    names : sequence of str
        Names of the columns.
    caption : str
        Written into a corner.
    width : int
        Pixels.
    last : int
        Number of recent iterations to draw (0: all).

    Returns
    -------
    image : (CURVE_HEIGHT, width, 3) uint8 BGR
        Its top is twice the mean of the last four fifths.
    """
    image = _background(width)
    shown = [i for i, name in enumerate(names) if "mask" not in name]
    if len(history) and shown:
        losses = history[-last:, shown]
        top = max(2 * float(losses[len(losses) // 5 :].mean()), 1e-6)
        for number in range(len(shown)):
            _bars(image, losses[:, number] / top, COLORS[number % len(COLORS)])
        write(image, f"{top:.4f}", (width - 70, 14))
    for number, index in enumerate(shown):
        write(image, names[index], (8 + 80 * number, 14), COLORS[number % len(COLORS)])
    write(image, caption, (8, CURVE_HEIGHT - 8))
    return image


def metric_curves(rows: Sequence[Mapping[str, float]], width: int) -> Image:
    """Draw the metrics over iterations: 0 just above the text at the bottom, 1 below that on top.

    Parameters
    ----------
    rows : sequence of mapping
        One per validation: "iteration" and those of METRICS.
    width : int
        Pixels.

    Returns
    -------
    image : (CURVE_HEIGHT, width, 3) uint8 BGR
        The latest values stand at the top.
    """
    image = _background(width)
    places = np.array([row["iteration"] for row in rows], float)
    places = (width - 1) * places / max(places.max(initial=0), 1)
    for number, (name, (label, color)) in enumerate(METRICS.items()):
        values = np.array([row[name] for row in rows], float)
        known = np.isfinite(values)
        heights = HEAD + (CURVE_HEIGHT - HEAD - FOOT) * (1 - np.clip(values[known], 0, 1))
        points = np.stack([places[known], heights], axis=1).round().astype(np.int32)
        cv2.polylines(image, [points[:, None]], isClosed=False, color=color, thickness=1)
        for point in points[-1:]:
            cv2.circle(image, [int(v) for v in point], 2, color, -1)
        value = f"{values[-1]:.3f}" if len(values) and known[-1] else "-"
        write(image, f"{label} {value}", (8 + (width - 8) * number // len(METRICS), 14), color)
    write(image, _best(rows), (8, CURVE_HEIGHT - 8))
    return image


def _best(rows: Sequence[Mapping[str, float]]) -> str:
    """Say at which iteration held-out dst faces were reconstructed best."""
    known = [row for row in rows if np.isfinite(row["ssim_dst"])]
    if not known:
        return "held-out faces"
    best = max(known, key=lambda row: row["ssim_dst"])
    return f"held-out faces: dst best at iteration {best['iteration']:.0f}, {best['ssim_dst']:.3f}"


def write(image: Image, line: str, at: tuple[int, int], color: BgrColor = (LIGHT,) * 3) -> None:
    """Write small text into an image; `at` is where its baseline begins."""
    text.write(image, line, at, size=FONT_SIZE, color=color)


def _background(width: int) -> Image:
    image = np.full((CURVE_HEIGHT, width, 3), DARK, np.uint8)
    image[:: CURVE_HEIGHT // BANDS] = LINE
    return image


def _bars(image: Image, values: np.ndarray, color: BgrColor) -> None:
    """Draw (n,) values, 1 at the top, over the whole width."""
    height, width = image.shape[:2]
    edges = np.arange(width + 1) * len(values) // width
    for x in range(width):
        # from the previous value, so that the bars join
        part = values[max(edges[x] - 1, 0) : max(edges[x + 1], edges[x] + 1)]
        low, high = (
            round((height - 1) * (1 - min(max(v, 0), 1))) for v in (part.min(), part.max())
        )
        image[high : low + 1, x] = color
