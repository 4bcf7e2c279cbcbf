"""The faces of one frame while a person edits them, as an immutable state.

Each edit returns a new state, so undo goes back to the one before.
"""

from dataclasses import dataclass, replace

import numpy as np

from facelib.types import Face, Rect

FrameFaces = tuple[Face, ...]


@dataclass(frozen=True)
class State:
    """The faces of a frame.

    Attributes
    ----------
    kept : tuple of Face
        All faces but the current one.
    current : Face or None
        The face being edited; None before one is located under the mouse.
    locked : bool
        Whether it stays where it is; otherwise it follows the mouse.
    """

    kept: FrameFaces = ()
    current: Face | None = None
    locked: bool = False

    @classmethod
    def of(cls, faces: FrameFaces) -> "State":
        """Start with the faces that a frame has; the last one is the current one."""
        return cls(faces[:-1], faces[-1], locked=True) if faces else cls()

    def fixed(self) -> FrameFaces:
        """Return the faces that stay when the frame is left: all but one that is not locked."""
        return (*self.kept, self.current) if self.locked and self.current else self.kept

    def turned_to(self, number: int) -> "State":
        """Make a kept face the current one; a locked one is kept instead."""
        others = (*self.kept[:number], *self.kept[number + 1 :])
        if self.locked and self.current is not None:
            others = (*others, self.current)
        return State(others, self.kept[number], locked=True)

    def without_one(self) -> "State":
        """Remove the current face, or if it is not locked the last kept one."""
        return State(self.kept if self.locked else self.kept[:-1])

    def with_copies(self, faces: FrameFaces) -> "State":
        """Add faces of another frame; the last one becomes the current one."""
        return State((*self.fixed(), *faces[:-1]), faces[-1], locked=True)

    def shifted(self, shift: np.ndarray, landmark: int | None) -> "State":
        """Move one landmark of the current face, or None: the whole face, by (x, y) pixels.

        Where a person corrects landmarks, the measured irises are wrong too: they are dropped.
        """
        face = self.current
        if face is None:
            return self
        points, rect, iris = face.landmarks.copy(), face.rect, None
        if landmark is None:
            points += shift.astype(np.float32)
            iris = None if face.iris is None else face.iris + shift.astype(np.float32)
            dx, dy = shift.tolist()
            rect = Rect(rect.left + dx, rect.top + dy, rect.right + dx, rect.bottom + dy)
        else:
            points[landmark] += shift.astype(np.float32)
        return replace(self, current=replace(face, landmarks=points, rect=rect, iris=iris))

    def kept_at(self, x: float, y: float) -> int | None:
        """Return the number of the kept face at a place in the frame, or None."""
        for number, face in enumerate(self.kept):
            left, top, right, bottom = face.rect
            if left <= x <= right and top <= y <= bottom:
                return number
        return None

    def landmark_near(self, x: float, y: float, reach: float) -> int | None:
        """Return the landmark of the current face nearest to a place, or None if out of reach."""
        if self.current is None:
            return None
        distances = np.hypot(*(self.current.landmarks - (x, y)).T)
        nearest = int(distances.argmin())
        return nearest if distances[nearest] <= reach else None
