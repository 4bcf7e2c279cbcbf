"""Plot what `benchmarks.learning` recorded: held-out SSIM over CPU seconds, as SVG.

    python -m benchmarks.curves original.json fast.json --output docs/learning.svg

Each file is a curve, labeled with its name.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 360, 56, 16, 130, 40
COLORS = ("#c0392b", "#2471a3", "#1e8449", "#7d3c98")
LOW, HIGH = 0.3, 1.0  # of the SSIM axis

Curve = Sequence[tuple[float, float]]


def read(path: Path) -> Curve:
    """Return (CPU seconds, mean SSIM of src and dst) of a recorded training."""
    points = json.loads(path.read_text(encoding="utf-8"))
    return [(point["cpu_seconds"], sum(point["ssim"]) / 2) for point in points]


def draw(curves: Mapping[str, Curve]) -> str:
    """Return an SVG of all curves, labeled at its end."""
    longest = max(seconds for curve in curves.values() for seconds, _ in curve)

    def place(seconds: float, ssim: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * seconds / longest
        y = TOP + (HEIGHT - TOP - BOTTOM) * (HIGH - ssim) / (HIGH - LOW)
        return round(x, 1), round(y, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for tenth in range(3, 11):
        (left, y), (right, _) = place(0, tenth / 10), place(longest, tenth / 10)
        parts.append(f'<path d="M{left} {y}H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{tenth / 10}</text>')
    for quarter in range(5):
        x, y = place(longest * quarter / 4, LOW)
        seconds = round(longest * quarter / 4)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{seconds}</text>')
    x, y = place(longest / 2, LOW)
    parts.append(f'<text x="{x}" y="{y + 35}" text-anchor="middle">CPU seconds</text>')
    for (name, curve), color in zip(curves.items(), COLORS, strict=False):
        points = [place(*point) for point in curve]
        line = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        x, y = points[-1]
        parts.append(f'<text x="{x + 6}" y="{y + 4}" fill="{color}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Read the command line and write the chart."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("curves", type=Path, nargs="+", help="files that benchmarks.learning wrote")
    parser.add_argument("--output", type=Path, required=True)
    chosen = parser.parse_args()
    svg = draw({path.stem: read(path) for path in chosen.curves})
    chosen.output.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
