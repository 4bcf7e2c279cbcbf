"""Where a person sees the frames and acts: a desktop window, or another program (`remote.py`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from extractor.frames import Pending
from extractor.manual.editor import Editor
from utils.window import Event


@dataclass(frozen=True)
class GoTo:
    """A frame was chosen, by its position among those that are shown."""

    position: int


@dataclass(frozen=True)
class Scaled:
    """The frame is shown enlarged so often; mouse events that follow are in pixels of that."""

    scale: float


ScreenEvent = Event | GoTo | Scaled


class Screen(Protocol):
    """Shows frames, and brings what a person does."""

    @property
    def closed(self) -> bool:
        """Whether the person has left; no event follows."""

    def begin(self, frame: Pending, image: np.ndarray, position: int) -> None:
        """Show another frame (H, W, 3) uint8 BGR."""

    def show(self, editor: Editor) -> None:
        """Show the faces of the frame."""

    def events(self, milliseconds: int) -> Iterable[ScreenEvent]:
        """Wait at most so long for an event; return those since the last call."""

    def saved(self, name: str, faces: int) -> None:
        """Show that a frame was decided on and written."""
