"""progress.csv: the metrics of a training so far, one line per validation."""

import csv
import io
from collections.abc import Mapping
from math import nan
from pathlib import Path

from facelib import quality
from utils import console
from utils.errors import InputError
from utils.files import write_bytes

MASK_COLUMNS = ("mask_iou", "mask_boundary")
"""What is measured of a model that masks faces, on held-out labels."""
COLUMNS = (
    "iteration", "seconds", "ssim_src", "ssim_dst", "mask_overlap", "to_src", "to_dst",
    *quality.COLUMNS, *MASK_COLUMNS,
)  # fmt: skip
"""New ones are only ever added at the end."""


class ValidationLog:
    """The metrics so far; what an earlier build did not measure is NaN."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Mapping[str, float]] = _read(path)

    @classmethod
    def of(cls, model_dir: Path) -> "ValidationLog":
        """Return the log of a model."""
        return cls(model_dir / "progress.csv")

    def until(self, iteration: int) -> list[Mapping[str, float]]:
        """Return the rows up to an iteration, without those that a rollback has superseded."""
        valid: list[Mapping[str, float]] = []
        for row in reversed(self.rows):
            if row["iteration"] < (valid[-1]["iteration"] if valid else iteration + 1):
                valid.append(row)
        return valid[::-1]

    def add(self, row: Mapping[str, float]) -> None:
        """Add a row; a full disk costs the line, not the training.

        The whole file is written: it may have fewer columns, or a line that a crash cut off.
        """
        self.rows.append(dict.fromkeys(COLUMNS, nan) | dict(row))
        columns = dict.fromkeys([*COLUMNS, *(name for each in self.rows for name in each)])
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows([f"{each.get(name, nan):.9g}" for name in columns] for each in self.rows)
        try:
            write_bytes(self.path, text.getvalue().encode())
        except OSError as problem:
            console.warn(f'cannot write "{self.path}": {problem.strerror}')


def _read(path: Path) -> list[Mapping[str, float]]:
    """Read the complete rows."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = list(csv.reader(file)) or [[]]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise InputError(f'cannot read "{path}": {problem}; move it away') from None
    unknown = dict.fromkeys(COLUMNS, nan)
    rows: list[Mapping[str, float]] = []
    for line in lines:
        try:
            rows.append(unknown | dict(zip(header, map(float, line), strict=True)))
        except ValueError:  # a line that a crash left incomplete
            continue
    return rows
