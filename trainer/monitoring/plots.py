"""Curves below the preview: the losses, the metrics of held-out faces, and those of the swap."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from facelib import quality
from utils import text
from utils.images import Image
from utils.text import BgrColor

CURVE_HEIGHT = 160
FONT_SIZE = 12
DARK, LINE, LIGHT = 24, 60, 235
COLORS = ((235, 130, 40), (40, 170, 250), (90, 200, 90), (200, 90, 200))  # BGR, one per loss
BANDS = 5
HEAD, FOOT = 22, 22  # pixels above and below the metrics, for text
LABEL_GAP = 10  # pixels between two labels
RECONSTRUCTION = {
    "ssim_src": ("src", COLORS[0]),
    "ssim_dst": ("dst", COLORS[1]),
    "mask_overlap": ("mask", COLORS[2]),
}
SWAP = {
    "swap_quality": ("quality", (LIGHT,) * 3),
    "identity": ("identity", COLORS[3]),
    "mouth": ("mouth", COLORS[0]),
    "eye": ("eyes", COLORS[1]),
    "gaze": ("gaze", COLORS[2]),
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


def reconstruction_curves(rows: Sequence[Mapping[str, float]], width: int) -> Image:
    """Draw how well held-out faces are reconstructed; arguments and result as `metric_curves`."""
    return metric_curves(rows, RECONSTRUCTION, _best(rows), width)


def swap_curves(rows: Sequence[Mapping[str, float]], width: int) -> Image:
    """Draw how good the swap is; arguments and result as `metric_curves`."""
    scored = [{**row, **quality.scores(row)} for row in rows]
    return metric_curves(scored, SWAP, "swap: 1 is best", width)


def metric_curves(
    rows: Sequence[Mapping[str, float]],
    metrics: Mapping[str, tuple[str, BgrColor]],
    caption: str,
    width: int,
) -> Image:
    """Draw metrics over iterations: 0 just above the text at the bottom, 1 below that on top.

    Parameters
    ----------
    rows : sequence of mapping
        One per validation: "iteration" and the metrics.
    metrics : mapping of str to (str, color)
        The label and the color of each.
    caption : str
        Written into a corner.
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
    labels, bottom = [], CURVE_HEIGHT - FOOT
    for name, (label, color) in metrics.items():
        values = np.array([row[name] for row in rows], float)
        known = np.isfinite(values)
        latest = f"{values[-1]:.3f}" if len(values) and known[-1] else "-"
        labels.append((f"{label} {latest}", color))
    top = _labels(image, labels)
    for name, (_, color) in metrics.items():
        values = np.array([row[name] for row in rows], float)
        known = np.isfinite(values)
        heights = top + (bottom - top) * (1 - np.clip(values[known], 0, 1))
        points = np.stack([places[known], heights], axis=1).round().astype(np.int32)
        cv2.polylines(image, [points[:, None]], isClosed=False, color=color, thickness=1)
        for point in points[-1:]:
            cv2.circle(image, [int(v) for v in point], 2, color, -1)
    write(image, caption, (8, CURVE_HEIGHT - 8))
    return image


def _labels(image: Image, labels: Sequence[tuple[str, BgrColor]]) -> int:
    """Write labels, in as many lines as they need; return the row below them."""
    x, lines = 8, 0
    for label, color in labels:
        if x > 8 and x + text.width(label, FONT_SIZE) > image.shape[1]:
            x, lines = 8, lines + 1
        write(image, label, (x, 14 * (lines + 1)), color)
        x += text.width(label, FONT_SIZE) + LABEL_GAP
    return HEAD + 14 * lines


def _best(rows: Sequence[Mapping[str, float]]) -> str:
    """Say at which iteration held-out dst faces were reconstructed best."""
    known = [row for row in rows if np.isfinite(row["ssim_dst"])]
    if not known:
        return "held-out faces"
    best = max(known, key=lambda row: row["ssim_dst"])
    return f"held-out faces: dst best {best['ssim_dst']:.3f} at #{best['iteration']:.0f}"


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
