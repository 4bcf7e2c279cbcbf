"""What keys do in the manual extractor, and how any event reaches the editor."""

from collections.abc import Callable
from dataclasses import replace

from extractor.manual.editor import Decision, Editor, Navigation
from extractor.manual.mouse import ZOOM, handle_mouse
from extractor.manual.screen import GoTo, Scaled, ScreenEvent
from extractor.manual.state import State
from extractor.manual.viewport import Viewport
from utils.window import Closed, Key

FILL = 0.5  # the share of the window's shorter side that a face fills after zooming in on it


def handle(editor: Editor, event: ScreenEvent) -> Decision | None:
    """Apply an event; return a decision when it ends the work on this frame."""
    if isinstance(event, Closed):
        return stop(editor)
    if isinstance(event, GoTo):
        return Decision(Navigation.GO_TO, editor.decided(), event.position)
    if isinstance(event, Key):
        return handle_key(editor, event.name)
    if isinstance(event, Scaled):
        scale(editor, event.scale)
    else:
        handle_mouse(editor, event)
    return None


def handle_key(editor: Editor, key: str) -> Decision | None:
    """Apply a key; one without a meaning does nothing."""
    if key not in KEYS:
        return None
    editor.message = ""
    return KEYS[key](editor)


def scale(editor: Editor, scale: float) -> None:
    """Take the mouse's positions from now on as those in the whole frame, enlarged so often."""
    before, tool = editor.view, editor.tool
    editor.view = tool.view = Viewport(editor.frame, scale)
    if editor.entered:
        x, y = before.to_frame(tool.x, tool.y)
        tool.x, tool.y = (x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5


def confirm(editor: Editor) -> Decision:
    """Keep the locked faces, or without any the one under the mouse, and go on."""
    editor.refresh()
    faces, current = editor.state.fixed(), editor.state.current
    if not faces and current is not None:
        faces = (current,)
    return Decision(Navigation.NEXT_UNDECIDED, faces or editor.decided())


def no_face(editor: Editor) -> Decision:
    """Decide that there is no face in this frame, and go on."""
    return Decision(Navigation.NEXT_UNDECIDED, ())


def next_frame(editor: Editor) -> Decision:
    """Go to the next frame; only locked faces are kept."""
    return Decision(Navigation.NEXT, editor.decided())


def previous_frame(editor: Editor) -> Decision:
    """Go to the previous frame; only locked faces are kept."""
    return Decision(Navigation.PREVIOUS, editor.decided())


def stop(editor: Editor) -> Decision:
    """Quit; the remaining frames stay as they are, and only locked faces are kept."""
    return Decision(Navigation.QUIT, editor.decided())


def add_face(editor: Editor) -> None:
    """Keep the current face and begin another one in the same frame."""
    editor.refresh()
    if editor.state.current is not None:
        editor.change(State((*editor.state.kept, editor.state.current)))
        editor.stale = True


def remove_face(editor: Editor) -> None:
    """Remove the current face; a new one follows the mouse."""
    if editor.state.locked or editor.state.kept:
        editor.change(editor.state.without_one())
    editor.stale = not editor.state.locked


def next_face(editor: Editor) -> None:
    """Make the next face of the frame the current one."""
    if editor.state.kept:
        editor.change(editor.state.turned_to(0))


def copy_previous(editor: Editor) -> None:
    """Copy the faces of the nearest earlier frame that has any."""
    if not editor.previous:
        editor.message = "no frame before this one has a face"
        return
    editor.change(editor.state.with_copies(editor.previous))


def toggle_help(editor: Editor) -> None:
    """Show or hide the list of keys."""
    editor.tool.help = not editor.tool.help


def toggle_zoom(editor: Editor) -> None:
    """Zoom in on the face, or show the whole frame again."""
    view, rect, tool = editor.view, editor.rect, editor.tool
    if view.zoom > 1:
        editor.show(replace(view, zoom=1.0, left=0.0, top=0.0))
        return
    width, height = view.size
    factor = FILL * min(width, height) / max(1.0, rect.width, rect.height) / view.scale
    if not editor.state.locked:  # what is under the mouse stays there, or the face would be lost
        editor.show(view.zoomed(factor, tool.x, tool.y))
        return
    x, y = (view.matrix() @ (*rect.center, 1)).tolist()
    closer = view.zoomed(factor, x, y)
    x, y = (closer.matrix() @ (*rect.center, 1)).tolist()
    editor.show(closer.shifted(width / 2 - x, height / 2 - y))


def zoom_in(editor: Editor) -> None:
    """Zoom in a little."""
    editor.show(editor.view.zoomed(ZOOM, editor.tool.x, editor.tool.y))


def zoom_out(editor: Editor) -> None:
    """Zoom out a little."""
    editor.show(editor.view.zoomed(1 / ZOOM, editor.tool.x, editor.tool.y))


KEYS: dict[str, Callable[[Editor], Decision | None]] = {
    "enter": confirm,
    "space": no_face,
    ".": next_frame,
    "right": next_frame,
    ",": previous_frame,
    "left": previous_frame,
    "q": stop,
    "escape": stop,
    "a": add_face,
    "x": remove_face,
    "delete": remove_face,
    "tab": next_face,
    "c": copy_previous,
    "u": Editor.undo,
    "backspace": Editor.undo,
    "h": toggle_help,
    "z": toggle_zoom,
    "+": zoom_in,
    "=": zoom_in,
    "-": zoom_out,
}
