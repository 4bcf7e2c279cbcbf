"""Which part of a frame the window shows: zoom and shift, and the way between their pixels."""

from dataclasses import dataclass, replace

import numpy as np

CLOSEST = 24.0  # window pixels for one of the frame


@dataclass(frozen=True)
class Viewport:
    """A frame scaled to a picture of its shape, enlarged and shifted, never showing its outside.

    Attributes
    ----------
    frame : (width, height), frame pixels
    fit : picture pixels for one of the frame, when the whole frame is shown
    zoom : at least 1
    left, top : the frame's place at the picture's upper left corner, frame pixels
    """

    frame: tuple[int, int]
    fit: float
    zoom: float = 1.0
    left: float = 0.0
    top: float = 0.0

    @classmethod
    def of(cls, frame: tuple[int, int], longest: int) -> "Viewport":
        """Show a whole frame (width, height); the picture's longer side is `longest`, 0: as is."""
        return cls(frame, longest / max(frame) if longest else 1.0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return max(1, round(self.frame[0] * self.fit)), max(1, round(self.frame[1] * self.fit))

    @property
    def scale(self) -> float:
        """Picture pixels for one of the frame."""
        return self.fit * self.zoom

    def matrix(self) -> np.ndarray:
        """Return the (2, 3) float64 matrix from frame to picture, pixel centers at integers."""
        scale = self.scale
        shift = np.array([0.5 - self.left, 0.5 - self.top]) * scale - 0.5
        return np.column_stack([np.eye(2) * scale, shift])

    def to_frame(self, x: float, y: float) -> tuple[float, float]:
        """Return the place in the frame under a place in the picture."""
        scale = self.scale
        return (x + 0.5) / scale + self.left - 0.5, (y + 0.5) / scale + self.top - 0.5

    def zoomed(self, factor: float, x: float, y: float) -> "Viewport":
        """Enlarge; what is at (x, y) in the picture stays there."""
        zoom = min(max(1.0, self.zoom * factor), max(1.0, CLOSEST / self.fit))
        before, after = self.scale, self.fit * zoom
        left = self.left + (x + 0.5) * (1 / before - 1 / after)
        top = self.top + (y + 0.5) * (1 / before - 1 / after)
        return replace(self, zoom=zoom, left=left, top=top)._inside()

    def shifted(self, dx: float, dy: float) -> "Viewport":
        """Move the frame by picture pixels."""
        left, top = self.left - dx / self.scale, self.top - dy / self.scale
        return replace(self, left=left, top=top)._inside()

    def _inside(self) -> "Viewport":
        most = [side * (1 - 1 / self.zoom) for side in self.frame]
        left, top = (
            min(max(0.0, at), end) for at, end in zip((self.left, self.top), most, strict=True)
        )
        return replace(self, left=left, top=top)
