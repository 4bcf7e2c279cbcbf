"""Draw how many times faster something is than its plain counterpart, as SVG on a log scale.

    python -m benchmarks.bars benchmarks/results/2026-11-25-ratios.json --output docs/speedup.svg

The file is a JSON object: what was measured -> the ratio.
"""

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, ROW, LEFT, TOP, RIGHT, BOTTOM = 760, 28, 250, 12, 70, 30
COLOR = "#2471a3"


def draw(ratios: Mapping[str, float]) -> str:
    """Return an SVG with one bar a ratio, 1 at the left edge."""
    decades = math.ceil(math.log10(max(ratios.values())))
    height = TOP + ROW * len(ratios) + BOTTOM

    def place(ratio: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * math.log10(ratio) / decades, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for power in range(decades + 1):
        x = place(10**power)
        parts.append(f'<path d="M{x} {TOP}V{height - BOTTOM}" stroke="#ddd"/>')
        parts.append(f'<text x="{x}" y="{height - 10}" text-anchor="middle">{10**power}x</text>')
    for number, (name, ratio) in enumerate(ratios.items()):
        y = TOP + ROW * number
        bar = f'x="{LEFT}" y="{y + 5}" width="{place(ratio) - LEFT:.1f}" height="{ROW - 10}"'
        parts.append(f'<text x="{LEFT - 8}" y="{y + 19}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect {bar} fill="{COLOR}"/>')
        parts.append(f'<text x="{place(ratio) + 6}" y="{y + 19}">{ratio:g}x</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Read the command line and write the chart."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratios", type=Path, help="JSON object: what was measured -> ratio")
    parser.add_argument("--output", type=Path, required=True)
    chosen = parser.parse_args()
    chosen.output.write_text(draw(json.loads(chosen.ratios.read_text())), encoding="utf-8")


if __name__ == "__main__":
    main()
