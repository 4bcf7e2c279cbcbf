"""The faces that frames have on disk; what a person decides replaces them at once.

A frame's new face files are written first, then its obsolete ones go to the trash, then the journal
is updated: killed in between, the frame is shown again with the faces it has by then.
"""

from bisect import bisect_left, insort
from dataclasses import replace
from pathlib import Path

import numpy as np

from extractor import journal
from extractor.frames import Pending
from extractor.manual.state import FrameFaces
from extractor.options import MANUAL
from extractor.writer import FaceWriter
from facelib.faceset import FaceInfo, read_info, try_each
from facelib.types import Face
from utils.files import Manifest, move_to_trash


class Store:
    """Faces by frame, in the output folder of one extraction.

    Attributes
    ----------
    writer : FaceWriter
        Writes the faces that a person has marked.
    """

    def __init__(self, writer: FaceWriter, manifest: Manifest) -> None:
        self.writer = replace(writer, detector=MANUAL)
        self._manifest = manifest
        self._files: dict[str, list[Path]] = {}
        self._order: list[tuple[int, str]] = []  # (frame index, name) of the frames with faces
        for path, info in journal.faces_of(writer.folder, {writer.source}):
            if info.source_name not in self._files:
                insort(self._order, (info.frame_index, info.source_name))
            self._files.setdefault(info.source_name, []).append(path)

    def faces(self, name: str) -> FrameFaces:
        """Return the faces that a frame has."""
        faces = []
        for info in self._infos(name):
            rect, points, iris = info.source_rect, info.source_landmarks, info.source_iris
            faces.append(Face(rect, points, info.score, info.quality, info.smoothed, iris))
        return tuple(faces)

    def previous(self, frame: Pending) -> FrameFaces:
        """Return the faces of the nearest earlier frame that has any."""
        place = bisect_left(self._order, (frame.index, ""))
        return self.faces(self._order[place - 1][1]) if place else ()

    def keep(self, frame: Pending, image: np.ndarray, faces: FrameFaces) -> None:
        """Replace a frame's faces, and record that a person has decided on them."""
        largest_first = sorted(faces, key=lambda face: -face.rect.area)
        written = self.writer.write(frame, image, largest_first, self._infos(frame.name))
        for path in self._files.get(frame.name, ()):
            if path not in written and path.exists():
                move_to_trash(path)
        journal.record(self._manifest, frame.name, journal.summaries(largest_first), manual=True)
        self._remember(frame, written)

    def _infos(self, name: str) -> list[FaceInfo]:
        """Return the faces that a frame has, without those deleted or damaged since."""
        found = try_each(read_info, self._files.get(name, ()))
        return [info for info in found if isinstance(info, FaceInfo)]

    def _remember(self, frame: Pending, written: list[Path]) -> None:
        entry = (frame.index, frame.name)
        if self._files.pop(frame.name, None):
            self._order.remove(entry)
        if written:
            self._files[frame.name] = written
            insort(self._order, entry)
