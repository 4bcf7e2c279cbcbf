"""Curves of the preview: the losses, the metrics of held-out faces, and those of the swap.

Everything is drawn into a given area of the sheet. Sizes are those of a sheet `sheet.WIDTH` wide
and grow with it, so that type is as readable on the sheet of a large model, scaled to a screen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise
from typing import NamedTuple

import cv2
import numpy as np

from facelib import quality
from models.base import is_adversarial
from trainer.loss_history import WORDS, recent_means
from utils import text
from utils.images import Image
from utils.text import BgrColor

DARK, LINE, DIM, LIGHT = (24,) * 3, (62,) * 3, (176,) * 3, (238,) * 3
COLORS = ((245, 150, 60), (40, 170, 250), (90, 200, 90), (225, 120, 225))  # BGR, one per loss
TITLE_SIZE, FONT_SIZE, LINE_HEIGHT, MARGIN = 15, 13, 20, 10
GROUP = 4  # pixels: a point of a curve of losses stands for the iterations within
BAND = 0.35
"""Brightness of the band from the smallest to the largest loss, relative to its line."""
INTERVALS = 5  # about so many on the vertical axis
UNSETTLED = 0.05
"""Share of the values, at the beginning, that does not count for the scale."""
WITHIN = 0.98
"""Share of the others that the scale covers."""
RECONSTRUCTION = {
    "ssim_src": ("src", COLORS[0]),
    "ssim_dst": ("dst", COLORS[1]),
    "mask_overlap": ("mask", COLORS[2]),
}
SWAP = {
    "swap_quality": ("quality", LIGHT),
    "identity": ("identity", COLORS[3]),
    "mouth": ("mouth", COLORS[0]),
    "eye": ("eyes", COLORS[1]),
    "gaze": ("gaze", COLORS[2]),
}
MASKS = {
    "mask_iou": ("overlap", COLORS[1]),
    "mask_boundary": ("edge within 2 pixels", COLORS[2]),
}


class Axis(NamedTuple):
    """A vertical axis whose ends are among its labels."""

    low: float
    high: float
    step: float

    @classmethod
    def around(cls, low: float, high: float) -> Axis:
        """Return the axis with round labels that covers a range."""
        high = max(high, low + 1e-6 * max(1.0, abs(low)))
        raw = (high - low) / INTERVALS
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
        return cls(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)

    @property
    def labels(self) -> dict[str, float]:
        """The values at the lines of the grid, by how they are written."""
        digits = max(0, -math.floor(math.log10(self.step) + 1e-9))
        count = round((self.high - self.low) / self.step)
        values = [self.low + number * self.step for number in range(count + 1)]
        return {f"{value:.{digits}f}": value for value in values}


@dataclass(frozen=True)
class Plot:
    """Where the curves are within an area: its edges in pixels, and its axes.

    Attributes
    ----------
    first, last : float
        The iterations at the left and the right edge.
    """

    left: int
    top: int
    right: int
    bottom: int
    axis: Axis
    first: float
    last: float

    def place(self, iterations: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the points of a curve, (n, 2) int32; values beyond the axis are at its end."""
        low, high = self.axis.low, self.axis.high
        across = (iterations - self.first) / max(self.last - self.first, 1)
        up = (np.clip(values, low, high) - low) / (high - low)
        x = self.left + across * (self.right - self.left)
        y = self.bottom - up * (self.bottom - self.top)
        return np.stack([x, y], axis=1).round().astype(np.int32)


def draw_losses(
    area: Image, history: np.ndarray, names: Sequence[str], scale: float, last: int = 0
) -> None:
    """Draw the losses: a line through the medians, and a band from minimum to maximum.

    Parameters
    ----------
    area : (H, W, 3) uint8 BGR
        Where to draw.
    history : (iterations, losses) float32
        Columns whose name contains "mask" are left out, and those of critics.
    names : sequence of str
        Names of the columns.
    scale : float
        How much larger than usual everything is drawn.
    last : int
        Number of recent iterations to draw (0: all).
    """
    columns = [
        index
        for index, name in enumerate(names)
        if "mask" not in name and not is_adversarial(name, names)
    ]
    shown = {names[index]: color for index, color in zip(columns, cycle(COLORS), strict=False)}
    losses = history[-last:, columns] if names else history[:, :0]
    losses = losses[np.isfinite(losses).all(axis=1)]
    part = f", last {last:,} iterations" if 0 < last < len(history) else ""
    title = f"Loss on the training faces{part} (lower is better)"
    means = recent_means(history[:, columns], list(shown))
    curves = (
        [_Curve.of(values, area.shape[1] // GROUP) for values in losses.T] if len(losses) else []
    )
    latest = {f"{name} {means[name]:.4f}": shown[name] for name in means}
    latest |= {WORDS: DIM} if means else {}
    axis = loss_axis(np.stack([curve.middle for curve in curves], axis=1) if curves else losses)
    first = len(history) - len(losses)
    plot = _frame(area, title, latest, axis, (first, max(len(history), first + 1)), scale)
    for curve, color in zip(curves, shown.values(), strict=False):
        _draw_band(area, plot, curve, first, color)
    for curve, color in zip(curves, shown.values(), strict=False):
        _draw_line(area, plot.place(first + curve.at, curve.middle), color, scale)


def loss_axis(losses: np.ndarray) -> Axis:
    """Return the axis for (n, losses) values, beyond which outliers and the first steps may be."""
    settled = losses[math.ceil(UNSETTLED * len(losses)) :] if len(losses) > 1 else losses
    if not settled.size:
        return Axis.around(0, 1)
    return Axis.around(float(settled.min()), float(np.quantile(settled, WITHIN, axis=0).max()))


def draw_reconstruction(
    area: Image, rows: Sequence[Mapping[str, float]], iteration: int, scale: float
) -> None:
    """Draw how well held-out faces are reconstructed; parameters as `draw_metrics`."""
    title = "Held-out faces, reconstructed (1: identical)"
    draw_metrics(area, rows, RECONSTRUCTION, title, iteration, scale)


def draw_swap(
    area: Image, rows: Sequence[Mapping[str, float]], iteration: int, scale: float
) -> None:
    """Draw how good the swap is; parameters as `draw_metrics`."""
    scored = [{**row, **quality.scores(row)} for row in rows]
    draw_metrics(area, scored, SWAP, "The swap, measured (1 is best)", iteration, scale)


def draw_masks(
    area: Image, rows: Sequence[Mapping[str, float]], iteration: int, scale: float
) -> None:
    """Draw how well masks match held-out labels; parameters as `draw_metrics`."""
    draw_metrics(area, rows, MASKS, "Held-out labels, matched (1: exactly)", iteration, scale)


def draw_metrics(
    area: Image,
    rows: Sequence[Mapping[str, float]],
    metrics: Mapping[str, tuple[str, BgrColor]],
    title: str,
    iteration: int,
    scale: float,
) -> None:
    """Draw metrics from 0 to 1 over iterations.

    Parameters
    ----------
    area : (H, W, 3) uint8 BGR
        Where to draw.
    rows : sequence of mapping
        One per validation: "iteration" and the metrics.
    metrics : mapping of str to (str, color)
        The label and the color of each.
    title : str
        Says what the metrics are.
    iteration : int
        The right end of the horizontal axis.
    scale : float
        How much larger than usual everything is drawn.
    """
    at = np.array([row["iteration"] for row in rows], float)
    values = {name: np.array([row[name] for row in rows], float) for name in metrics}
    latest = {f"{label} {number(values[name])}": color for name, (label, color) in metrics.items()}
    plot = _frame(area, title, latest, metric_axis(list(values.values())), (0, iteration), scale)
    for name, (_, color) in metrics.items():
        known = np.isfinite(values[name])
        points = plot.place(at[known], values[name][known])
        _draw_line(area, points, color, scale)
        for x, y in points[-1:].tolist():
            cv2.circle(area, (x, y), round(3 * scale), color, -1, cv2.LINE_AA)


def metric_axis(values: Sequence[np.ndarray]) -> Axis:
    """Return an axis up to 1, and down to the lowest value but those of the first measurements."""
    settled = [row[int(UNSETTLED * len(row)) :] for row in values]
    known = np.concatenate([*settled, [1.0]])
    return Axis.around(max(0.0, float(np.nanmin(known)) - 0.05), 1.0)


def number(values: np.ndarray) -> str:
    """Return the latest value as it is written, or "-"."""
    return f"{values[-1]:.2f}" if len(values) and np.isfinite(values[-1]) else "-"


def write(
    area: Image, line: str, at: tuple[int, int], size: float, color: BgrColor = LIGHT
) -> None:
    """Write text whose baseline begins at `at`, smaller where it would not fit into the area."""
    room = area.shape[1] - at[0]
    while size > 7 and text.width(line, size) > room:
        size -= 1
    text.write(area, line, at, size=size, color=color)


def _frame(
    area: Image,
    title: str,
    latest: Mapping[str, BgrColor],
    axis: Axis,
    iterations: tuple[float, float],
    scale: float,
) -> Plot:
    """Draw title, legend and axes; return where the curves belong."""

    def px(pixels: float) -> int:
        return round(pixels * scale)

    height, width = area.shape[:2]
    write(area, title, (px(MARGIN), px(LINE_HEIGHT)), px(TITLE_SIZE))
    legend_bottom = _write_legend(area, latest, 2 * px(LINE_HEIGHT), scale)
    size = px(FONT_SIZE)
    left = px(MARGIN) + max(text.width(label, size) for label in axis.labels) + px(8)
    top, bottom = legend_bottom + px(16), height - px(26)
    plot = Plot(left, top, width - px(MARGIN) - 1, bottom, axis, *iterations)
    ends = np.full(2, plot.first), np.array(list(iterations), float)
    for label, value in axis.labels.items():
        y = int(plot.place(ends[1][:1], np.array([value]))[0, 1])
        area[y, left : plot.right + 1] = LINE
        write(area, label, (left - px(8) - text.width(label, size), y + px(4)), size, DIM)
    words = f"iteration {iterations[0]:,.0f}", f"{iterations[1]:,.0f}"
    write(area, words[0], (left, height - px(8)), size, DIM)
    write(area, words[1], (plot.right - text.width(words[1], size), height - px(8)), size, DIM)
    return plot


def _write_legend(area: Image, latest: Mapping[str, BgrColor], y: int, scale: float) -> int:
    """Write each curve's name and latest value, in as many lines as needed; return the last y."""
    size, left = round(FONT_SIZE * scale), round(MARGIN * scale)
    x = left
    for label, color in latest.items():
        wide = text.width(label, size)
        if x > left and x + wide > area.shape[1]:
            x, y = left, y + round(LINE_HEIGHT * scale)
        write(area, label, (x, y), size, color)
        x += wide + round(16 * scale)
    return y


class _Curve(NamedTuple):
    """Values of iterations 1 to n in groups: the last iteration, the middle and the limits."""

    at: np.ndarray
    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, most: int) -> _Curve:
        groups = min(len(values), most)
        edges = np.arange(groups + 1) * len(values) // groups
        parts = [values[start:end] for start, end in pairwise(edges)]
        low, middle, high = (
            np.array([function(part) for part in parts]) for function in (np.min, np.median, np.max)
        )
        return cls(edges[1:], low, middle, high)


def _draw_band(area: Image, plot: Plot, curve: _Curve, first: int, color: BgrColor) -> None:
    low, high = (plot.place(first + curve.at, side) for side in (curve.low, curve.high))
    inked = np.zeros(area.shape[:2], np.uint8)
    cv2.fillPoly(inked, [np.concatenate([low, high[::-1]])], 1)
    faint = np.array([round(BAND * channel) for channel in color], np.uint8)
    np.maximum(area, faint, out=area, where=inked[..., None].astype(bool))


def _draw_line(area: Image, points: np.ndarray, color: BgrColor, scale: float) -> None:
    thickness = max(1, round(1.6 * scale))
    cv2.polylines(area, [points[:, None]], False, color, thickness, cv2.LINE_AA)
