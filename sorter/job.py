"""What a sort method is given, and what it returns."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facelib.faceset import FaceFiles
from sorter import cache
from sorter.features import Feature
from utils.console import Report


class Placed(NamedTuple):
    """A face at its place in the order.

    Attributes
    ----------
    path : the face file
    key : what it was placed by, for people to read
    group : the name of its group, "" when the method makes none; a group's faces are together
    keep : whether it stays; the others go to the trash
    """

    path: Path
    key: float | int | str
    group: str = ""
    keep: bool = True


@dataclass(frozen=True, eq=False)
class SortJob:
    """The faces to put in order, and what is needed for it.

    Attributes
    ----------
    faces : (path, record) of each, in natural order of the file names
    report : takes the faces that could not be measured, and remarks
    store : folder that measurements are kept in, None to keep nothing
    target : how many faces to keep, for methods that choose; None for their default
    measured : what `measure` has found, by the feature's name
    """

    faces: FaceFiles
    report: Report = field(default_factory=Report)
    store: Path | None = None
    target: int | None = None
    measured: dict[str, tuple[FaceFiles, np.ndarray]] = field(default_factory=dict)

    def measure(self, feature: Feature) -> tuple[FaceFiles, np.ndarray]:
        """Return the faces that can be measured, and their (n,) records; report the others."""
        if feature.name not in self.measured:
            table, failures = cache.measure(self.faces, feature, self.store)
            for path, sentence in failures.items():
                line = f'"{path.name}": {sentence}'
                if line not in self.report.failures:  # another feature failed for the same reason
                    self.report.failures.append(line)
            faces = [face for face in self.faces if face[0] not in failures]
            self.measured[feature.name] = faces, table
        return self.measured[feature.name]
