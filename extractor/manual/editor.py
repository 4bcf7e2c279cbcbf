"""What a person does to the faces of one frame, as a state machine: events in, a verdict out.

There is no window in it and no picture: landmarks come from a function, what is to be seen is read
from the attributes. `state.py` holds the faces, `picture.py` draws them, `session.py` brings the
events.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from extractor.manual.state import FrameFaces, State
from extractor.manual.viewport import Viewport
from facelib.types import Face, Rect
from utils.window import Closed, Event, Key, Mouse

Locate = Callable[[Rect], tuple[np.ndarray, float]]

SMALLEST = 5.0  # half a side of the rectangle, frame pixels
FIRST = 100.0
GROW = 1.1  # for each step of the wheel, but at least a pixel
ZOOM = 1.25
REACH = 7.0  # picture pixels from a landmark within which the mouse takes hold of it
SMALL = 40.0  # half a side below which zooming in helps, frame pixels
FILL = 0.5  # the part of the picture's shorter side that a face fills after zooming in on it
KEYS = {
    "enter": "confirm", "space": "nobody", ".": "forth", "right": "forth", ",": "back",
    "left": "back", "q": "stop", "escape": "stop", "a": "another", "x": "remove",
    "delete": "remove", "tab": "turn", "c": "copy", "u": "undo", "backspace": "undo",
    "h": "explain", "z": "look", "+": "closer", "=": "closer", "-": "wider",
}  # fmt: skip
"""What each key does: the name of a method below."""


class Move(Enum):
    """Where to go from a frame."""

    BACK = -1
    FORTH = 1
    NEXT = 2  # to the next one that nobody has decided on
    STOP = 0


@dataclass(frozen=True)
class Verdict:
    """What came out of a frame.

    Attributes
    ----------
    step : where to go
    faces : those of the frame, perhaps none; None: nothing was decided, it stays as it was
    """

    step: Move
    faces: FrameFaces | None


@dataclass
class Hand:
    """What stays as it is from frame to frame: where the mouse is, how large the rectangle is."""

    x: float = -1.0
    y: float = -1.0
    half: float = FIRST
    view: Viewport | None = None
    help: bool = True


class Editor:
    """The faces of one frame while a person works on them.

    Attributes
    ----------
    state : State
    view : View, the part of the frame that is shown
    hand : Hand, changed by every movement
    message : a sentence on what just happened, or an empty one
    held : number of the landmark that the mouse holds; None: none

    Parameters
    ----------
    locate : finds landmarks in a rectangle of the frame
    frame : its (width, height)
    faces : those it has already
    before : those of the frame before, to be copied
    """

    def __init__(
        self, locate: Locate, frame: tuple[int, int], hand: Hand, *,
        faces: FrameFaces = (), before: FrameFaces = (), window_size: int = 0,
    ) -> None:  # fmt: skip
        self._locate = locate
        self._frame = frame
        self._had = faces
        self._before = before
        self._undo: list[State] = []
        self._drag: tuple[float, float, State | Viewport] | None = None
        self.hand = hand
        self.held: int | None = None
        self.message = ""
        fresh = Viewport.of(frame, window_size)
        kept = hand.view is not None and (hand.view.frame, hand.view.fit) == (frame, fresh.fit)
        self.view = hand.view if kept and hand.view else fresh
        self.state = State.of(faces)
        self._stale = not faces

    # ------------------------------------------------------------------------ what is to be seen

    @property
    def rect(self) -> Rect:
        """The rectangle of the current face, frame pixels."""
        if self.state.current is not None and not self._stale:
            return self.state.current.rect
        x, y = self.view.to_frame(self.hand.x, self.hand.y)
        x, y = (min(max(0.0, at), side - 1) for at, side in zip((x, y), self._frame, strict=True))
        half = self.hand.half
        return Rect(x - half, y - half, x + half, y + half)

    @property
    def entered(self) -> bool:
        """Whether the mouse has been in the window."""
        return self.hand.x >= 0

    def settle(self) -> None:
        """Find the landmarks where the rectangle is now, unless they are known.

        Called before drawing and not with every movement: only the last one counts.
        """
        if self._stale and self.entered and not self.state.locked:
            self.state = replace(self.state, current=self._found(self.rect))
            self._stale = False

    def _found(self, rect: Rect) -> Face:
        landmarks, quality = self._locate(rect)
        return Face(rect, landmarks, 1.0, quality)

    # ------------------------------------------------------------------------------------ events

    def handle(self, event: Event) -> Verdict | None:
        """Take an event; return a verdict when it ends the work on this frame."""
        if isinstance(event, Closed):
            return self.stop()
        if isinstance(event, Key):
            action = KEYS.get(event.name)
            if action is None:
                return None
            self.message = ""
            verdict: Verdict | None = getattr(self, action)()
            return verdict
        self._mouse(event)
        return None

    def _mouse(self, mouse: Mouse) -> None:
        moved = (mouse.x, mouse.y) != (self.hand.x, self.hand.y)
        self.hand.x, self.hand.y = mouse.x, mouse.y
        if mouse.what == "wheel":
            self._wheel(mouse)
        elif mouse.what in ("left down", "left double"):
            self._press(mouse)
        elif mouse.what == "right down":
            self._drag = (mouse.x, mouse.y, self.view)
        elif mouse.what.endswith("up"):
            self._drag, self.held = None, None
        elif self._drag is not None:
            self._pull(mouse)
        elif moved and not self.state.locked:
            self._stale = True

    def _wheel(self, mouse: Mouse) -> None:
        if mouse.ctrl:
            self._see(self.view.zoomed(ZOOM**mouse.wheel, mouse.x, mouse.y))
            return
        rect = self.state.current.rect if self.state.locked and self.state.current else None
        half = max(rect.width, rect.height) / 2 if rect else self.hand.half
        half = max(half + 1, half * GROW) if mouse.wheel > 0 else min(half - 1, half / GROW)
        self.hand.half = min(max(SMALLEST, half), float(max(self._frame)))
        if rect is None:
            self._stale = True
            return
        (x, y), half = rect.center, self.hand.half
        found = self._found(Rect(x - half, y - half, x + half, y + half))
        self._change(replace(self.state, current=found))

    def _press(self, mouse: Mouse) -> None:
        """The left button goes down: take hold of something, or lock and unlock."""
        if not self.state.locked:
            self._lock()
            return
        x, y = self.view.to_frame(mouse.x, mouse.y)
        near = self.state.landmark_near(x, y, REACH / self.view.scale)
        self.held = None if mouse.shift else near
        if self.held is not None or mouse.shift:
            self._drag = (mouse.x, mouse.y, self.state)
            return
        other = self.state.kept_at(x, y)
        if other is not None:
            self._change(self.state.turned_to(other))
            return
        if self.state.current is not None:
            rect = self.state.current.rect
            self.hand.half = max(SMALLEST, max(rect.width, rect.height) / 2)
        self._change(replace(self.state, current=None, locked=False))
        self._stale = True

    def _lock(self) -> None:
        self.settle()
        if self.state.current is not None:
            self._change(replace(self.state, locked=True))

    def _pull(self, mouse: Mouse) -> None:
        """The mouse moves with a button held: a landmark, the whole face or the view goes along."""
        assert self._drag is not None
        x, y, start = self._drag
        if isinstance(start, Viewport):
            self._see(start.shifted(mouse.x - x, mouse.y - y))
            return
        if start.current is None or (mouse.x, mouse.y) == (x, y):
            return
        if self.state is start:
            self._undo.append(start)
        shift = np.array([mouse.x - x, mouse.y - y]) / self.view.scale
        self.state = start.shifted(shift, self.held)

    def _change(self, state: State) -> None:
        """Go on to another state, so that undo leads back."""
        self._undo.append(self.state)
        self.state = state
        self._stale = False

    def _see(self, view: Viewport) -> None:
        self.view = self.hand.view = view
        self._stale = self._stale or not self.state.locked

    # --------------------------------------------------------------- keys; each may end the frame

    def confirm(self) -> Verdict:
        """Keep the locked faces, or if there is none the one under the mouse, and go on."""
        self.settle()
        faces, current = self.state.fixed(), self.state.current
        if not faces and current is not None:
            faces = (current,)
        return Verdict(Move.NEXT, faces or self._decided())

    def nobody(self) -> Verdict:
        """There is no face in this frame; go on."""
        return Verdict(Move.NEXT, ())

    def forth(self) -> Verdict:
        """Go on; only locked faces are kept."""
        return Verdict(Move.FORTH, self._decided())

    def back(self) -> Verdict:
        """Go back to the frame before; only locked faces are kept."""
        return Verdict(Move.BACK, self._decided())

    def stop(self) -> Verdict:
        """Finish; the remaining frames stay as they are, and only locked faces are kept."""
        return Verdict(Move.STOP, self._decided())

    def _decided(self) -> FrameFaces | None:
        """Return the locked faces; None if there are none and were none."""
        faces = self.state.fixed()
        return faces if faces or self._had else None

    def another(self) -> None:
        """Keep the current face and begin another one in the same frame."""
        self.settle()
        if self.state.current is not None:
            kept = (*self.state.kept, self.state.current)
            self._change(State(kept))
            self._stale = True

    def remove(self) -> None:
        """Take the current face away; what follows the mouse is a new one."""
        if self.state.locked or self.state.kept:
            self._change(self.state.without_one())
        self._stale = not self.state.locked

    def turn(self) -> None:
        """Make the next face of the frame the current one."""
        if self.state.kept:
            self._change(self.state.turned_to(0))

    def copy(self) -> None:
        """Take over the faces of the frame before."""
        if not self._before:
            self.message = "no frame before this one has a face"
            return
        self._change(self.state.with_copies(self._before))

    def undo(self) -> None:
        """Take back the last change."""
        if not self._undo:
            self.message = "nothing to undo"
            return
        self.state = self._undo.pop()
        self._stale = not self.state.locked

    def explain(self) -> None:
        """Show or hide the list of keys."""
        self.hand.help = not self.hand.help

    def look(self) -> None:
        """Zoom in on the face, or show the whole frame again."""
        if self.view.zoom > 1:
            self._see(replace(self.view, zoom=1.0, left=0.0, top=0.0))
            return
        rect, (width, height) = self.rect, self.view.size
        factor = FILL * min(width, height) / max(1.0, rect.width, rect.height) / self.view.scale
        if not self.state.locked:  # what is under the mouse stays there, or the face would be lost
            self._see(self.view.zoomed(factor, self.hand.x, self.hand.y))
            return
        x, y = (self.view.matrix() @ (*rect.center, 1)).tolist()
        closer = self.view.zoomed(factor, x, y)
        x, y = (closer.matrix() @ (*rect.center, 1)).tolist()
        self._see(closer.shifted(width / 2 - x, height / 2 - y))

    def closer(self) -> None:
        """Zoom in a little."""
        self._see(self.view.zoomed(ZOOM, self.hand.x, self.hand.y))

    def wider(self) -> None:
        """Zoom out a little."""
        self._see(self.view.zoomed(1 / ZOOM, self.hand.x, self.hand.y))
