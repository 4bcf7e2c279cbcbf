"""The faces of one frame while a person edits them, without a window.

Landmarks come from a function, and what is visible is read from the attributes. `state.py` holds
the faces, `controls.py` and `mouse.py` handle keys and mouse, `drawing.py` draws, and `app.py`
brings the events.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from extractor.manual.state import FrameFaces, State
from extractor.manual.viewport import Viewport
from facelib.types import Face, LocatedFace, Rect

LocateLandmarks = Callable[[Rect], LocatedFace]
"""Returns the landmarks in a rectangle of the frame."""

FIRST = 100.0  # half a side of the first rectangle, frame pixels
SMALL = 40.0  # half a side below which zooming in helps, frame pixels


class Navigation(Enum):
    """Where to go from a frame."""

    PREVIOUS = -1
    NEXT = 1
    NEXT_UNDECIDED = 2
    GO_TO = 3
    QUIT = 0


@dataclass(frozen=True)
class Decision:
    """How the work on a frame ended.

    Attributes
    ----------
    navigation : Navigation
        Where to go.
    faces : tuple of Face or None
        The faces of the frame, perhaps none; None when nothing was decided: it stays as it was.
    position : int
        The frame to go to, with GO_TO.
    """

    navigation: Navigation
    faces: FrameFaces | None
    position: int = 0


@dataclass
class ToolState:
    """What stays the same from frame to frame.

    Attributes
    ----------
    x, y : float
        The mouse, window pixels; negative before it has entered the window.
    half : float
        Half a side of the rectangle, frame pixels.
    view : Viewport or None
        The visible part of the last frame.
    help : bool
        Whether the list of keys is shown.
    """

    x: float = -1.0
    y: float = -1.0
    half: float = FIRST
    view: Viewport | None = None
    help: bool = True


@dataclass(frozen=True)
class Drag:
    """A drag with the mouse: where it began, and the faces or the view as they were then."""

    x: float
    y: float
    start: State | Viewport


class Editor:
    """The faces of one frame while a person edits them.

    Attributes
    ----------
    state : State
        The faces.
    view : Viewport
        The visible part of the frame.
    tool : ToolState
        Changes with every movement of the mouse.
    message : str
        About what just happened; may be empty.
    drag : Drag or None
        The drag in progress.
    dragged : int or None
        The landmark that is being dragged.
    stale : bool
        Whether the landmarks must be located again, because the rectangle has moved.

    Parameters
    ----------
    locate : callable
        Finds landmarks in a rectangle of the frame.
    frame : (width, height)
        Frame pixels.
    faces : tuple of Face
        The faces that the frame has already.
    previous : tuple of Face
        Faces of an earlier frame, to copy.
    window_size : int
        Longer side of the window's image in pixels; 0: as the frame.
    """

    def __init__(
        self,
        locate: LocateLandmarks,
        frame: tuple[int, int],
        tool: ToolState,
        *,
        faces: FrameFaces = (),
        previous: FrameFaces = (),
        window_size: int = 0,
    ) -> None:
        self.frame = frame
        self.previous = previous
        self.tool = tool
        self.drag: Drag | None = None
        self.dragged: int | None = None
        self.message = ""
        self.view = Viewport.of(frame, window_size)
        if tool.view and tool.view.frame == frame:
            self.view = tool.view
        self.state = State.of(faces)
        self.stale = not faces
        self._locate = locate
        self._initial = faces
        self._undo: list[State] = []

    @property
    def rect(self) -> Rect:
        """The rectangle of the current face, frame pixels."""
        if self.state.current is not None and not self.stale:
            return self.state.current.rect
        x, y = self.view.to_frame(self.tool.x, self.tool.y)
        x, y = (min(max(0.0, at), side - 1) for at, side in zip((x, y), self.frame, strict=True))
        half = self.tool.half
        return Rect(x - half, y - half, x + half, y + half)

    @property
    def entered(self) -> bool:
        """Whether the mouse has been in the window."""
        return self.tool.x >= 0

    def refresh(self) -> None:
        """Locate the landmarks at the rectangle, unless they are known.

        Called before drawing and not with every movement: only the last one counts.
        """
        if self.stale and self.entered and not self.state.locked:
            self.state = replace(self.state, current=self.locate(self.rect))
            self.stale = False

    def locate(self, rect: Rect) -> Face:
        """Return the face in a rectangle."""
        located = self._locate(rect)
        return Face(rect, located.landmarks, 1.0, located.quality, iris=located.iris)

    def decided(self) -> FrameFaces | None:
        """Return the locked faces; None if there are none and were none."""
        faces = self.state.fixed()
        return faces if faces or self._initial else None

    def change(self, state: State) -> None:
        """Go to another state; undo leads back."""
        self.remember()
        self.state = state
        self.stale = False

    def remember(self) -> None:
        """Make the present state the one that undo leads back to."""
        self._undo.append(self.state)

    def undo(self) -> None:
        """Take back the last change."""
        if not self._undo:
            self.message = "nothing to undo"
            return
        self.state = self._undo.pop()
        self.stale = not self.state.locked

    def show(self, view: Viewport) -> None:
        """Show another part of the frame."""
        self.view = self.tool.view = view
        self.stale = self.stale or not self.state.locked
