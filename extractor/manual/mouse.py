"""What the mouse does in the manual extractor."""

from dataclasses import replace

import numpy as np

from extractor.manual.editor import Drag, Editor
from extractor.manual.viewport import Viewport
from facelib.types import Rect
from utils.window import Mouse

SMALLEST = 5.0  # half a side of the rectangle, frame pixels
GROW = 1.1  # for each step of the wheel, but at least a pixel
ZOOM = 1.25
REACH = 7.0  # window pixels from a landmark within which the mouse grabs it


def handle_mouse(editor: Editor, event: Mouse) -> None:
    """Apply a movement, a click or a turn of the wheel."""
    tool = editor.tool
    moved = (event.x, event.y) != (tool.x, tool.y)
    tool.x, tool.y = event.x, event.y
    if event.what == "wheel":
        _wheel(editor, event)
    elif event.what in ("left down", "left double"):
        _left_down(editor, event)
    elif event.what == "right down":
        editor.drag = Drag(event.x, event.y, editor.view)
    elif event.what.endswith("up"):
        editor.drag, editor.dragged = None, None
    elif editor.drag is not None:
        _continue_drag(editor, editor.drag, event)
    elif moved and not editor.state.locked:
        editor.stale = True


def _wheel(editor: Editor, event: Mouse) -> None:
    """Resize the rectangle; with Ctrl zoom."""
    if event.ctrl:
        editor.show(editor.view.zoomed(ZOOM**event.wheel, event.x, event.y))
        return
    state, tool = editor.state, editor.tool
    rect = state.current.rect if state.locked and state.current else None
    half = max(rect.width, rect.height) / 2 if rect else tool.half
    half = max(half + 1, half * GROW) if event.wheel > 0 else min(half - 1, half / GROW)
    tool.half = min(max(SMALLEST, half), float(max(editor.frame)))
    if rect is None:
        editor.stale = True
        return
    (x, y), half = rect.center, tool.half
    face = editor.locate(Rect(x - half, y - half, x + half, y + half))
    editor.change(replace(state, current=face))


def _left_down(editor: Editor, event: Mouse) -> None:
    """Lock the face, or with a locked one: grab a landmark, choose another face, or unlock."""
    state = editor.state
    if not state.locked:
        _lock(editor)
        return
    x, y = editor.view.to_frame(event.x, event.y)
    near = state.landmark_near(x, y, REACH / editor.view.scale)
    editor.dragged = None if event.shift else near
    if editor.dragged is not None or event.shift:
        editor.drag = Drag(event.x, event.y, state)
        return
    other = state.kept_at(x, y)
    if other is not None:
        editor.change(state.turned_to(other))
        return
    if state.current is not None:
        rect = state.current.rect
        editor.tool.half = max(SMALLEST, max(rect.width, rect.height) / 2)
    editor.change(replace(state, current=None, locked=False))
    editor.stale = True


def _lock(editor: Editor) -> None:
    editor.refresh()
    if editor.state.current is not None:
        editor.change(replace(editor.state, locked=True))


def _continue_drag(editor: Editor, drag: Drag, event: Mouse) -> None:
    """Move a landmark, the whole face or the view along with the mouse."""
    start = drag.start
    if isinstance(start, Viewport):
        editor.show(start.shifted(event.x - drag.x, event.y - drag.y))
        return
    if start.current is None or (event.x, event.y) == (drag.x, drag.y):
        return
    if editor.state is start:
        editor.remember()
    shift = np.array([event.x - drag.x, event.y - drag.y]) / editor.view.scale
    editor.state = start.shifted(shift, editor.dragged)
