"""What the mouse does in an interactive conversion; `layout` says on what it points."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

from converters.interactive import keymap
from converters.interactive.edits import label, option_of, step_setting
from converters.interactive.state import (
    LARGE_STEP,
    SMALL_STEP,
    EditorState,
    go_to,
    handle_key,
    settle,
)

Area = Literal["image", "strip", "panel"]
PRESSED = {"left": 1, "right": -1}
"""The direction in which a button changes a setting."""
ACTIONS = keymap.key_actions()


class Place(NamedTuple):
    """What is at a point of the window.

    Attributes
    ----------
    area : Area
        The part of the window.
    frame : int
        The frame at this x of the strip, also for points above or below the strip.
    setting : str
        Name of the setting; empty if there is none.
    key : str
        The key that a click stands for; empty if there is none.
    """

    area: Area
    frame: int = 0
    setting: str = ""
    key: str = ""


def handle_mouse(
    state: EditorState, what: str, place: Place, wheel: int = 0, *, large: bool = False
) -> EditorState:
    """Return the state after a mouse event, as `utils.window.Mouse` describes it.

    Parameters
    ----------
    place : Place
        What the mouse points at.
    large : bool
        Whether a modifier key asks for larger steps.
    """
    button, _, how = what.partition(" ")
    if what == "move":
        return _move(state, place)
    if how == "up":
        return replace(state, peek=False, scrubbing=False) if button == "left" else state
    if state.show_help:
        return replace(state, show_help=False) if how else state
    state = replace(state, slider_step=LARGE_STEP if large else SMALL_STEP, typed=None)
    return settle(state, _turn(state, place, wheel) if wheel else _press(state, place, button))


def _move(state: EditorState, place: Place) -> EditorState:
    if state.scrubbing:
        return settle(state, go_to(state, place.frame))
    if place.setting == state.hovered:
        return state
    state = replace(state, hovered=place.setting)
    if state.render_requested:  # which has a message of its own
        return state
    about = option_of(place.setting).meta["help"] if place.setting else ""
    return replace(state, message=f"{label(place.setting)}: {about}" if about else "")


def _turn(state: EditorState, place: Place, wheel: int) -> EditorState:
    if place.area != "panel":
        return go_to(state, state.frame - wheel)
    return step_setting(place.setting, wheel)(state) if place.setting else state


def _press(state: EditorState, place: Place, button: str) -> EditorState:
    if place.setting and button in PRESSED:
        return step_setting(place.setting, PRESSED[button])(state)
    if button != "left":
        return state
    if place.area == "strip":
        return replace(go_to(state, place.frame), scrubbing=True)
    if place.area == "image":
        return replace(state, peek=True)
    return handle_key(state, place.key, ACTIONS) if place.key else state
