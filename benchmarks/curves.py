"""Plot how networks learn, as SVG.

    python -m benchmarks.curves original.json fast.json --output docs/learning.svg
    python -m benchmarks.curves workspace/model/progress.csv --output docs/first-minutes.svg

A file that `benchmarks.learning` wrote is a curve with its name: held-out SSIM over CPU seconds.
A `progress.csv` of `train` is four: the quality of the swap, and what it is made of, over minutes.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10
from pathlib import Path
from xml.sax.saxutils import escape

from facelib import quality
from facelib.validation_log import ValidationLog

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 360, 56, 16, 130, 40
COLORS = ("#c0392b", "#2471a3", "#1e8449", "#7d3c98")
HIGH = 1.0
LINE = 15  # least distance between two labels, pixels
PARTS = {"mouth": "mouth", "eye": "eyelids"}

Curve = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """Curves, the lowest tenth of the axis of values, and the unit of the other."""

    curves: Mapping[str, Curve]
    lowest: int
    unit: str


def read_progress(path: Path) -> Chart:
    """Return swap quality, identity, mouth and eyelids over the minutes of a training."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in ValidationLog(path).rows:
        scores = quality.scores(row)
        values = {"swap quality": row["swap_quality"], "identity": scores["identity"]}
        for name, value in (values | {PARTS[part]: scores[part] for part in PARTS}).items():
            curves.setdefault(name, []).append((row["seconds"] / 60, value))
    return Chart(curves, 0, "minutes of training")


def read(path: Path) -> Curve:
    """Return (CPU seconds, mean SSIM of src and dst) of a recorded training."""
    points = json.loads(path.read_text(encoding="utf-8"))
    return [(point["cpu_seconds"], sum(point["ssim"]) / 2) for point in points]


def draw(chart: Chart) -> str:
    """Return an SVG of all curves, labeled at its end."""
    longest = max(time for curve in chart.curves.values() for time, _ in curve)
    low = chart.lowest / 10

    def place(time: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * time / longest
        y = TOP + (HEIGHT - TOP - BOTTOM) * (HIGH - value) / (HIGH - low)
        return round(x, 1), round(y, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for tenth in range(chart.lowest, 11):
        (left, y), (right, _) = place(0, tenth / 10), place(longest, tenth / 10)
        parts.append(f'<path d="M{left} {y}H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{tenth / 10}</text>')
    for time in ticks(longest):
        x, y = place(time, low)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{time}</text>')
    x, y = place(longest / 2, low)
    parts.append(f'<text x="{x}" y="{y + 35}" text-anchor="middle">{chart.unit}</text>')
    lines = {name: [place(*point) for point in curve] for name, curve in chart.curves.items()}
    labels = apart({name: points[-1][1] for name, points in lines.items()})
    for (name, points), color in zip(lines.items(), COLORS, strict=False):
        line = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        x, y = points[-1][0] + 6, labels[name] + 4
        parts.append(f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def ticks(longest: float) -> range:
    """Return some four round numbers from 0 on."""
    power = 10 ** floor(log10(longest / 2))
    step = next(n for n in (5, 2, 1) if n * power <= longest / 2 or n == 1) * power
    return range(0, int(longest) + 1, max(1, step // 2 if longest / step < 4 else step))


def apart(heights: Mapping[str, float]) -> dict[str, float]:
    """Return the heights of labels with at least LINE between them, lower ones moved down."""
    names = sorted(heights, key=lambda name: heights[name])
    moved = dict(heights)
    for above, below in pairwise(names):
        moved[below] = max(moved[below], moved[above] + LINE)
    return moved


def main() -> None:
    """Read the command line and write the chart."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "curves", type=Path, nargs="+", help="files that benchmarks.learning wrote, or progress.csv"
    )
    parser.add_argument("--output", type=Path, required=True)
    chosen = parser.parse_args()
    first = chosen.curves[0]
    if first.suffix == ".csv":
        chart = read_progress(first)
    else:
        chart = Chart({path.stem: read(path) for path in chosen.curves}, 3, "CPU seconds")
    chosen.output.write_text(draw(chart), encoding="utf-8")


if __name__ == "__main__":
    main()
