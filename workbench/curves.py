"""The curves of a model: its losses and the metrics of held-out faces, read without NumPy."""

import math
import re
import sys
from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from facelib import quality
from facelib.validation_log import ValidationLog
from models.base import is_adversarial
from utils.errors import InputError
from utils.files import no_link

FACES = {
    "ssim_src": "src",
    "ssim_dst": "dst",
    "mask_overlap": "mask",
    "mask_iou": "overlap with labels",
    "mask_boundary": "edges within 2 pixels",
}
POINTS = 500
"""Of a curve of losses."""
LARGEST = 1 << 30
"""Bytes of a history of losses."""
HEADER = re.compile(rb"\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \}\s*")
MAGIC = b"\x93NUMPY\x01\x00"


class Curve(NamedTuple):
    """Losses over the iterations, as lists of equal length."""

    iterations: list[float]
    losses: dict[str, list[float]]


def metrics(folder: Path) -> dict[str, Any]:
    """Return the metrics of held-out faces and of the swap over the iterations."""
    try:
        rows = ValidationLog.of(folder).until(sys.maxsize)
    except InputError as problem:
        return {"metrics": {"iterations": [], "swap": {}, "faces": {}}, "problem": str(problem)}
    scores = [quality.scores(row) for row in rows]
    swap = {"quality": [_finite(row["swap_quality"]) for row in rows]}
    for name in scores[0] if scores else ():
        swap[name] = [_finite(score[name]) for score in scores]
    faces = {label: [_finite(row[key]) for row in rows] for key, label in FACES.items()}
    return {
        "metrics": {
            "iterations": [row["iteration"] for row in rows],
            "swap": {name: values for name, values in swap.items() if _any_known(values)},
            "faces": {name: values for name, values in faces.items() if _any_known(values)},
        },
        "problem": "",
    }


def _any_known(values: Sequence[float | None]) -> bool:
    """Whether there is anything to draw."""
    return any(value is not None for value in values)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def history(generation: Path, names: Sequence[str]) -> Curve:
    """Return the losses of a generation as means of equally many iterations; none if damaged.

    Those of masks and of critics are left out, as in the preview.
    The file has a row of float32 for each iteration (docs/file-formats.md); read without NumPy.
    """
    rows = _read_rows(generation / "history.npy", len(names))
    count = len(rows) // max(len(names), 1)
    step = max(1, math.ceil(count / POINTS))
    starts = range(0, count, step)
    shown = [n for n in names if "mask" not in n and not is_adversarial(n, names)]
    losses = {}
    for column, name in enumerate(names):
        values = rows[column :: len(names)]
        means = [sum(values[at : at + step]) / len(values[at : at + step]) for at in starts]
        if name in shown and all(map(math.isfinite, means)):
            losses[name] = [float(f"{mean:.6g}") for mean in means]
    return Curve([min(at + step, count) for at in starts], losses)


def _read_rows(path: Path, columns: int) -> "array[float]":
    rows = array("f")
    with suppress(OSError, ValueError):
        data = no_link(path).read_bytes() if path.stat().st_size <= LARGEST else b""
        size = int.from_bytes(data[8:10], "little")
        header = HEADER.fullmatch(data[10 : 10 + size])
        if data.startswith(MAGIC) and header and int(header[2]) == columns:
            rows.frombytes(data[10 + size :])
    if sys.byteorder == "big":
        rows.byteswap()
    return rows
