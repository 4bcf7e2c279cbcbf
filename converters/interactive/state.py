"""What an interactive conversion does at each key: a state, and functions from it to the next.

There is no window and no picture here. `app` shows what a state says is to be seen; `keymap` says
which key does what, `edits` changes settings.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from converters.look import Look
from converters.look_timeline import LookTimeline

ViewMode = Literal["result", "original", "mask"]
Outcome = Literal["", "quit", "render"]
Action = Callable[["EditorState"], "EditorState"]

SMALL, LARGE = 1, 5
"""By how much a slider moves at a press of its key, and while the key is held down."""
LONGEST_NUMBER = 9  # digits


@dataclass(frozen=True)
class FootageIndex:
    """What is known of the footage: how many frames, and which have a face, in order."""

    count: int
    faces: tuple[int, ...]


@dataclass(frozen=True)
class EditorState:
    """The state of an interactive conversion.

    Attributes
    ----------
    scene : the footage
    looks : the settings of its frames
    frame : the frame on the screen
    view : what is shown of it
    peek : whether the original is shown as long as a mouse button is held
    zoomed : whether only the surroundings of its faces are shown
    alone : whether changes are for this frame only, and not for those that follow
    help : whether the keys are shown
    typed : the digits of a frame number so far; None while none is asked for
    asked : whether rendering was asked for once; the second time counts
    end : how the work ends, if it does
    message : what there is to say about the last key
    past : earlier settings, to go back to
    step : how far a slider moves
    """

    scene: FootageIndex
    looks: LookTimeline
    frame: int = 0
    view: ViewMode = "result"
    peek: bool = False
    zoomed: bool = False
    alone: bool = False
    help: bool = False
    typed: str | None = None
    asked: bool = False
    end: Outcome = ""
    message: str = ""
    past: tuple[LookTimeline, ...] = ()
    step: int = SMALL

    @property
    def look(self) -> Look:
        """The settings of the frame on the screen."""
        return self.looks.at(self.frame)

    @property
    def seen(self) -> ViewMode:
        """What is shown of the frame."""
        return "original" if self.peek else self.view

    @property
    def has_face(self) -> bool:
        """Whether there is a face in the frame on the screen."""
        place = bisect_left(self.scene.faces, self.frame)
        return self.scene.faces[place : place + 1] == (self.frame,)


def go(desk: EditorState, frame: int) -> EditorState:
    """Show another frame; beyond an end there is none."""
    last = desk.scene.count - 1
    message = ""
    if frame < 0 or frame > last:
        message = "this is the first frame" if frame < 0 else "this is the last frame"
    return replace(desk, frame=min(max(frame, 0), last), message=message)


def step(by: int) -> Action:
    """Show the frame that lies `by` frames further."""
    return lambda desk: go(desk, desk.frame + by)


def first(desk: EditorState) -> EditorState:
    """Show the first frame."""
    return go(desk, 0)


def last(desk: EditorState) -> EditorState:
    """Show the last frame."""
    return go(desk, desk.scene.count - 1)


def next_face(desk: EditorState) -> EditorState:
    """Show the next frame with a face."""
    later = desk.scene.faces[bisect_right(desk.scene.faces, desk.frame) :]
    return go(desk, later[0]) if later else replace(desk, message="no face in later frames")


def previous_face(desk: EditorState) -> EditorState:
    """Show the previous frame with a face."""
    earlier = desk.scene.faces[: bisect_left(desk.scene.faces, desk.frame)]
    return go(desk, earlier[-1]) if earlier else replace(desk, message="no face in earlier frames")


def next_change(desk: EditorState) -> EditorState:
    """Show the next frame with settings of its own."""
    later = [frame for frame in desk.looks.own if frame > desk.frame]
    return go(desk, later[0]) if later else replace(desk, message="no other settings after this")


def previous_change(desk: EditorState) -> EditorState:
    """Show the previous frame with settings of its own."""
    earlier = [frame for frame in desk.looks.own if frame < desk.frame]
    return go(desk, earlier[-1]) if earlier else replace(desk, message="no other settings before")


def toggle_view(view: ViewMode) -> Action:
    """Show the original or the mask instead of the result, or the result again."""

    def toggle(desk: EditorState) -> EditorState:
        return replace(desk, view="result" if desk.view == view else view, message="")

    return toggle


def toggle_zoom(desk: EditorState) -> EditorState:
    """Show the surroundings of the faces only, or the whole frame again."""
    return replace(desk, zoomed=not desk.zoomed, message="")


def toggle_help(desk: EditorState) -> EditorState:
    """Show or hide the keys."""
    return replace(desk, help=not desk.help, message="")


def ask_number(desk: EditorState) -> EditorState:
    """Ask for the number of a frame; the keys that follow are its digits."""
    return replace(desk, typed="", message="")


def leave(desk: EditorState) -> EditorState:
    """Close the window; the session is kept."""
    return replace(desk, end="quit")


def render(desk: EditorState) -> EditorState:
    """Render everything, if it is asked for twice: holding the key down is asking once."""
    if desk.asked and desk.step == SMALL:
        return replace(desk, end="render")
    return replace(desk, asked=True, message="press the same key again to render everything")


def press(
    desk: EditorState, key: str, steps: Mapping[str, Action], held: bool = False
) -> EditorState:
    """Return the state after a key; one without a meaning changes nothing.

    Parameters
    ----------
    key : as `utils.window.Key` names it
    steps : what each key does
    held : whether it comes from a key that is held down
    """
    if desk.typed is not None:
        return _type(desk, key)
    if key not in steps:
        return desk
    if desk.help and key == "escape":  # what a person expects who wants to get rid of the list
        return replace(desk, help=False)
    after = steps[key](replace(desk, step=LARGE if held else SMALL))
    return replace(after, asked=False) if desk.asked else after


def mouse(desk: EditorState, what: str, wheel: int = 0) -> EditorState:
    """Return the state after a movement of the mouse, as `utils.window.Mouse` describes it."""
    if what == "wheel":
        return go(desk, desk.frame - wheel)
    if what in ("left down", "left double"):
        return replace(desk, peek=True)
    return replace(desk, peek=False) if what == "left up" else desk


def _type(desk: EditorState, key: str) -> EditorState:
    """Take a key as part of a frame number."""
    typed = desk.typed or ""
    if key.isascii() and key.isdigit():
        return replace(desk, typed=(typed + key)[:LONGEST_NUMBER])
    if key == "backspace":
        return replace(desk, typed=typed[:-1])
    done = replace(desk, typed=None)
    return go(done, int(typed)) if key == "enter" and typed else done
