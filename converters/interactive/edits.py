"""Changes of settings in an interactive conversion: functions from a `EditorState` to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from converters.interactive.state import Action, EditorState, go
from converters.look import Look
from converters.look_timeline import LookTimeline
from utils.options import Option, options_of

UNDO_STEPS = 200


def with_looks(desk: EditorState, looks: LookTimeline, message: str) -> EditorState:
    """Change the settings, so that the change can be undone."""
    if looks == desk.looks:
        return replace(desk, message=message)
    return replace(desk, looks=looks, message=message, past=(*desk.past, desk.looks)[-UNDO_STEPS:])


def undo(desk: EditorState) -> EditorState:
    """Take back the last change of settings."""
    if not desk.past:
        return replace(desk, message="there is nothing to undo")
    return replace(desk, looks=desk.past[-1], past=desk.past[:-1], message="undone")


def set_look(desk: EditorState, message: str, **values: object) -> EditorState:
    """Change settings of the frame on the screen."""
    look = replace(desk.look, **values)  # type: ignore[arg-type]
    if look == desk.look:
        return replace(desk, message=message)
    alone = desk.alone and desk.frame < desk.scene.count - 1
    change = desk.looks.only_here if alone else desk.looks.from_here
    return with_looks(desk, change(desk.frame, look), message)


def choose(**values: object) -> Action:
    """Give settings these values."""
    words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
    return lambda desk: set_look(desk, words, **values)


def slide(name: str, sign: int) -> Action:
    """Move a number of the look up or down, within its range."""
    option = option_of(name)
    low, high = option.meta["low"], option.meta["high"]

    def move(desk: EditorState) -> EditorState:
        value = min(max(getattr(desk.look, name) + sign * desk.step, low), high)
        return set_look(desk, f"{words(name)} {value}", **{name: value})

    return move


def cycle(name: str) -> Action:
    """Give a setting the next of its values."""
    option = option_of(name)
    values: tuple[Any, ...] = (False, True) if option.type is bool else option.choices or ()

    def turn(desk: EditorState) -> EditorState:
        now = getattr(desk.look, name)
        value = values[(values.index(now) + 1) % len(values)]
        return set_look(desk, f"{words(name)} {shown(value)}", **{name: value})

    return turn


def copy_on(desk: EditorState) -> EditorState:
    """Give the next frame these settings, and show it."""
    return _copy(desk, desk.frame + 1)


def copy_back(desk: EditorState) -> EditorState:
    """Give the previous frame these settings, and show it."""
    return _copy(desk, desk.frame - 1)


def _copy(desk: EditorState, to: int) -> EditorState:
    moved = go(desk, to)
    if moved.frame == desk.frame:
        return moved
    return replace(set_look(moved, "", **vars(desk.look)), message="settings copied")


def copy_to_the_end(desk: EditorState) -> EditorState:
    """Give all later frames these settings."""
    return with_looks(desk, desk.looks.to_the_end(desk.frame), "copied to the end")


def copy_to_the_start(desk: EditorState) -> EditorState:
    """Give all earlier frames these settings."""
    return with_looks(desk, desk.looks.from_the_start(desk.frame), "copied to the start")


def follow(desk: EditorState) -> EditorState:
    """Give up the settings of this frame: it follows those before it again."""
    if desk.frame == 0 or desk.looks.source(desk.frame) != desk.frame:
        return replace(desk, message="this frame has no settings of its own to give up")
    own = {frame: look for frame, look in desk.looks.own.items() if frame != desk.frame}
    return with_looks(desk, LookTimeline(own), "as the frames before")


def toggle_alone(desk: EditorState) -> EditorState:
    """Say whether changes are for one frame or also for those that follow."""
    alone = not desk.alone
    scope = "this frame only" if alone else "this frame and those that follow"
    return replace(desk, alone=alone, message=f"changes are for {scope}")


def option_of(name: str) -> Option:
    """Return the declaration of a setting."""
    return next(option for option in options_of(Look) if option.name == name)


def words(name: str) -> str:
    """Return how a setting is called on the screen."""
    return name.removesuffix("_modifier").replace("_", " ")


def shown(value: object) -> str:
    """Return how a value is written on the screen."""
    return ("off", "on")[value] if isinstance(value, bool) else str(value)
