"""What a sort method receives, and what it returns."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facelib.faceset import FaceFiles
from sorter import cache
from sorter.features import Feature
from utils.console import Report


class Placed(NamedTuple):
    """A face in the new order.

    Attributes
    ----------
    path : Path
        The face file.
    key : float, int or str
        What it was sorted by, for display.
    group : str
        The name of its group; empty when the method forms none. A group's faces are adjacent.
    keep : bool
        Whether it stays; the others go to the trash.
    """

    path: Path
    key: float | int | str
    group: str = ""
    keep: bool = True


@dataclass(frozen=True, eq=False)
class SortJob:
    """The faces to sort, and their measurements.

    Attributes
    ----------
    faces : sequence of (Path, FaceInfo)
        In natural order of the file names.
    report : Report
        Takes the faces that could not be measured, and notes.
    store : Path or None
        Folder of the measurements' cache; None to cache nothing.
    target : int or None
        How many faces to keep, for methods that select; None for their default.
    measured : dict of str to (faces, table)
        The results of `measure`, by the feature's name.
    """

    faces: FaceFiles
    report: Report = field(default_factory=Report)
    store: Path | None = None
    target: int | None = None
    measured: dict[str, tuple[FaceFiles, np.ndarray]] = field(default_factory=dict)

    @cached_property
    def fingerprints(self) -> cache.Fingerprints:
        """What identifies the content of the faces' files; they are read once."""
        return cache.fingerprints(self.faces)

    def measure(self, feature: Feature) -> tuple[FaceFiles, np.ndarray]:
        """Return the faces that can be measured, and their (n,) records; report the others."""
        if feature.name not in self.measured:
            prints = self.fingerprints if self.store else None
            table, failures = cache.measure(self.faces, feature, self.store, prints)
            for path, sentence in failures.items():
                line = f'"{path.name}": {sentence}'
                if line not in self.report.failures:  # another feature failed for the same reason
                    self.report.failures.append(line)
            faces = [face for face in self.faces if face[0] not in failures]
            self.measured[feature.name] = faces, table
        return self.measured[feature.name]
