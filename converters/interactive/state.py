"""The state of an interactive conversion, and the actions that move through the footage.

There is no window and no image here: `app` runs the event loop, `keymap` binds keys to actions,
`mouse` handles the mouse, `playback` the clock, and `edits` holds the actions that change settings.
Every action is a pure function from one state to the next.
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

SMALL_STEP, LARGE_STEP = 1, 5
"""How far a slider moves on a key press, and while the key is held down."""
MAX_DIGITS = 9


@dataclass(frozen=True)
class FootageIndex:
    """Which frames the footage has.

    Attributes
    ----------
    count : int
        Number of frames.
    face_frames : tuple of int
        Numbers of the frames with a face, ascending.
    times : tuple of float
        When each frame is shown, in seconds from the first one, ascending; empty if unknown.
    """

    count: int
    face_frames: tuple[int, ...]
    times: tuple[float, ...] = ()


@dataclass(frozen=True)
class Playback:
    """The footage is being played.

    Attributes
    ----------
    frame : int
        Number of the frame it began with.
    started : float or None
        Time of the clock then, in seconds; None until the clock is read.
    shown : tuple of float
        When the latest frames appeared on the screen, by the same clock.
    """

    frame: int
    started: float | None = None
    shown: tuple[float, ...] = ()


@dataclass(frozen=True)
class EditorState:
    """The state of an interactive conversion.

    Attributes
    ----------
    timeline : LookTimeline
        The settings of all frames.
    frame : int
        Number of the current frame.
    peek : bool
        True while a mouse button is held to show the original.
    scrubbing : bool
        True while a mouse button that was pressed on the frame strip is held.
    hovered : str
        Name of the setting under the mouse; empty if there is none.
    playback : Playback or None
        None unless the footage is being played.
    can_have_alpha : bool
        Whether the result can have an alpha channel; if not, no setting may ask for one.
    has_mask_model : bool
        Whether there is a trained mask model; if not, no setting may ask for its masks.
    model_morphs : bool
        Whether the model has a morph factor; if not, it stays 1.
    this_frame_only : bool
        Changes apply to the current frame only, not to the ones that follow.
    typed : str or None
        Digits of a frame number entered so far; None when no number is being entered.
    render_requested : bool
        Rendering was requested once; the second request starts it.
    outcome : Outcome
        How the session ends; empty while it goes on.
    message : str
        Feedback on the last key.
    undo_stack : tuple of LookTimeline
        Earlier settings, the latest last.
    slider_step : int
        How far a slider moves.
    """

    footage: FootageIndex
    timeline: LookTimeline
    frame: int = 0
    view: ViewMode = "result"
    peek: bool = False
    scrubbing: bool = False
    hovered: str = ""
    playback: Playback | None = None
    can_have_alpha: bool = True
    has_mask_model: bool = False
    model_morphs: bool = False
    zoomed: bool = False
    this_frame_only: bool = False
    show_help: bool = False
    typed: str | None = None
    render_requested: bool = False
    outcome: Outcome = ""
    message: str = ""
    undo_stack: tuple[LookTimeline, ...] = ()
    slider_step: int = SMALL_STEP

    @property
    def look(self) -> Look:
        """The settings of the current frame."""
        return self.timeline.at(self.frame)

    @property
    def shown_view(self) -> ViewMode:
        """What is shown of the current frame."""
        return "original" if self.peek else self.view

    @property
    def has_face(self) -> bool:
        """Whether the current frame has a face."""
        place = bisect_left(self.footage.face_frames, self.frame)
        return self.footage.face_frames[place : place + 1] == (self.frame,)


def go_to(state: EditorState, frame: int) -> EditorState:
    """Show another frame, or the first or last one where the number is out of range."""
    last = state.footage.count - 1
    message = ""
    if frame < 0 or frame > last:
        message = "this is the first frame" if frame < 0 else "this is the last frame"
    return replace(state, frame=min(max(frame, 0), last), message=message)


def move_by(frames: int) -> Action:
    """Show the frame that many frames later, or earlier if negative."""
    return lambda state: go_to(state, state.frame + frames)


def first_frame(state: EditorState) -> EditorState:
    """Show the first frame."""
    return go_to(state, 0)


def last_frame(state: EditorState) -> EditorState:
    """Show the last frame."""
    return go_to(state, state.footage.count - 1)


def next_face(state: EditorState) -> EditorState:
    """Show the next frame with a face."""
    frames = state.footage.face_frames
    later = frames[bisect_right(frames, state.frame) :]
    return go_to(state, later[0]) if later else replace(state, message="no face in later frames")


def previous_face(state: EditorState) -> EditorState:
    """Show the previous frame with a face."""
    frames = state.footage.face_frames
    earlier = frames[: bisect_left(frames, state.frame)]
    if not earlier:
        return replace(state, message="no face in earlier frames")
    return go_to(state, earlier[-1])


def next_change(state: EditorState) -> EditorState:
    """Show the next frame with settings of its own."""
    later = [frame for frame in state.timeline.own if frame > state.frame]
    return go_to(state, later[0]) if later else replace(state, message="no later settings change")


def previous_change(state: EditorState) -> EditorState:
    """Show the previous frame with settings of its own."""
    earlier = [frame for frame in state.timeline.own if frame < state.frame]
    if not earlier:
        return replace(state, message="no earlier settings change")
    return go_to(state, earlier[-1])


def toggle_view(view: ViewMode) -> Action:
    """Switch between the result and another view."""

    def toggle(state: EditorState) -> EditorState:
        return replace(state, view="result" if state.view == view else view, message="")

    return toggle


def toggle_zoom(state: EditorState) -> EditorState:
    """Switch between the whole frame and the area around its faces."""
    return replace(state, zoomed=not state.zoomed, message="")


def toggle_help(state: EditorState) -> EditorState:
    """Show or hide the list of keys."""
    return replace(state, show_help=not state.show_help, message="")


def enter_frame_number(state: EditorState) -> EditorState:
    """Start entering a frame number; the keys that follow are its digits."""
    return replace(state, typed="", message="")


def quit_session(state: EditorState) -> EditorState:
    """Close the window without rendering."""
    return replace(state, outcome="quit")


def request_render(state: EditorState) -> EditorState:
    """Render everything on the second press; holding the key down counts as one."""
    if state.render_requested and state.slider_step == SMALL_STEP:
        return replace(state, outcome="render")
    message = "press > again to render everything, Esc to take it back"
    return replace(state, render_requested=True, message=message)


def handle_key(
    state: EditorState, key: str, actions: Mapping[str, Action], held: bool = False
) -> EditorState:
    """Return the state after a key press; a key without an action changes nothing.

    Parameters
    ----------
    state : EditorState
        The state before.
    key : str
        Name of the key, as in `utils.window.Key`.
    actions : mapping of str to Action
        What each key does.
    held : bool
        The press repeats because the key is held down.
    """
    if state.typed is not None:
        return _type_digit(state, key)
    if key not in actions:
        return state
    if key == "escape" and (after := _step_back(state)) is not None:
        return after
    after = actions[key](replace(state, slider_step=LARGE_STEP if held else SMALL_STEP))
    return settle(state, after)


def settle(before: EditorState, after: EditorState) -> EditorState:
    """Drop what an action ends: a requested rendering, and playing once it changes something."""
    if before.render_requested:
        after = replace(after, render_requested=False)
    if before.playback is None or after.playback is None:
        return after
    changed = (after.frame, after.timeline) != (before.frame, before.timeline)
    return replace(after, playback=None) if changed else after


def _step_back(state: EditorState) -> EditorState | None:
    """Undo the latest of what Esc takes back; None if there is nothing, and it is to quit."""
    if state.show_help:
        return replace(state, show_help=False)
    if state.render_requested:
        return replace(state, render_requested=False, message="taken back: nothing is rendered")
    if state.playback is not None:
        return replace(state, playback=None, message="stopped")
    return None


def _type_digit(state: EditorState, key: str) -> EditorState:
    typed = state.typed or ""
    if key.isascii() and key.isdigit():
        return replace(state, typed=(typed + key)[:MAX_DIGITS])
    if key == "backspace":
        return replace(state, typed=typed[:-1])
    done = replace(state, typed=None)
    return go_to(done, int(typed)) if key == "enter" and typed else done
