"""Which part of a frame the window shows: zoom, shift, and the mapping between their pixels."""

from dataclasses import dataclass, replace

import numpy as np

CLOSEST = 24.0  # window pixels per frame pixel


@dataclass(frozen=True)
class Viewport:
    """A frame scaled to the window's image, zoomed and shifted; its outside is never visible.

    Attributes
    ----------
    frame : (width, height)
        Frame pixels.
    fit : float
        Window pixels per frame pixel when the whole frame is visible.
    zoom : float
        At least 1.
    left, top : float
        The frame's position at the window's upper left corner, frame pixels.
    """

    frame: tuple[int, int]
    fit: float
    zoom: float = 1.0
    left: float = 0.0
    top: float = 0.0

    @classmethod
    def of(cls, frame: tuple[int, int], longest: int) -> "Viewport":
        """Show a whole frame (width, height) whose longer side is `longest` pixels; 0: as it is."""
        return cls(frame, longest / max(frame) if longest else 1.0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the window's image."""
        return max(1, round(self.frame[0] * self.fit)), max(1, round(self.frame[1] * self.fit))

    @property
    def scale(self) -> float:
        """Window pixels per frame pixel."""
        return self.fit * self.zoom

    def matrix(self) -> np.ndarray:
        """Return the (2, 3) float64 matrix from frame to window, pixel centers at integers."""
        scale = self.scale
        shift = np.array([0.5 - self.left, 0.5 - self.top]) * scale - 0.5
        return np.column_stack([np.eye(2) * scale, shift])

    def to_frame(self, x: float, y: float) -> tuple[float, float]:
        """Return the point of the frame under a point of the window."""
        scale = self.scale
        return (x + 0.5) / scale + self.left - 0.5, (y + 0.5) / scale + self.top - 0.5

    def zoomed(self, factor: float, x: float, y: float) -> "Viewport":
        """Zoom; what is at (x, y) in the window stays there."""
        zoom = min(max(1.0, self.zoom * factor), max(1.0, CLOSEST / self.fit))
        before, after = self.scale, self.fit * zoom
        left = self.left + (x + 0.5) * (1 / before - 1 / after)
        top = self.top + (y + 0.5) * (1 / before - 1 / after)
        return replace(self, zoom=zoom, left=left, top=top)._clamped()

    def shifted(self, dx: float, dy: float) -> "Viewport":
        """Move the frame by window pixels."""
        left, top = self.left - dx / self.scale, self.top - dy / self.scale
        return replace(self, left=left, top=top)._clamped()

    def _clamped(self) -> "Viewport":
        most = [side * (1 - 1 / self.zoom) for side in self.frame]
        left, top = (
            min(max(0.0, at), end) for at, end in zip((self.left, self.top), most, strict=True)
        )
        return replace(self, left=left, top=top)
