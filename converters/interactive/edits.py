"""Actions that change settings in an interactive conversion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from converters import TRAINED_MASKS
from converters.interactive.state import Action, EditorState, go_to
from converters.look import Look, has_alpha, morphs
from converters.look_timeline import LookTimeline
from utils.options import Option, options_of

UNDO_LEVELS = 200
STEPS = {int: 1, float: 0.01}
"""The smallest step of a number."""


def with_timeline(state: EditorState, timeline: LookTimeline, message: str) -> EditorState:
    """Change the settings so that the change can be undone."""
    if timeline == state.timeline:
        return replace(state, message=message)
    undo_stack = (*state.undo_stack, state.timeline)[-UNDO_LEVELS:]
    return replace(state, timeline=timeline, undo_stack=undo_stack, message=message)


def undo(state: EditorState) -> EditorState:
    """Undo the last change of settings."""
    if not state.undo_stack:
        return replace(state, message="nothing to undo")
    *rest, timeline = state.undo_stack
    return replace(state, timeline=timeline, undo_stack=tuple(rest), message="undone")


def change_look(state: EditorState, message: str, **values: object) -> EditorState:
    """Change settings of the current frame."""
    look = replace(state.look, **values)  # type: ignore[arg-type]
    if look == state.look:
        return replace(state, message=message)
    one_frame = state.this_frame_only and state.frame < state.footage.count - 1
    change = state.timeline.only_here if one_frame else state.timeline.from_here
    return with_timeline(state, change(state.frame, look), message)


def set_values(**values: object) -> Action:
    """Give settings these values."""
    message = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
    return lambda state: change_look(state, message, **values)


def step_setting(name: str, sign: int) -> Action:
    """Move a number up or down within its range; give another setting its next or previous value.

    Values that need what is not there are left out, such as an alpha channel.
    """
    option = option_of(name)
    if option.type in STEPS:
        return _step_number(option, sign)
    values = (False, True) if option.type is bool else option.choices or ()

    def step(state: EditorState) -> EditorState:
        place = values.index(getattr(state.look, name))
        others = [values[(place + sign * turn) % len(values)] for turn in range(1, len(values))]
        fitting = (v for v in others if not _new_obstacle(state, _look_with(state, name, v)))
        return choose(name, next(fitting, others[0]))(state)

    return step


def choose(name: str, value: object) -> Action:
    """Give a setting one of its values, unless something that it needs is not there."""

    def act(state: EditorState) -> EditorState:
        look = _look_with(state, name, value)
        if obstacle := _new_obstacle(state, look):
            return replace(state, message=f"{label(name)}: {obstacle}")
        return change_look(state, f"{label(name)} {format_value(value)}", **vars(look))

    return act


def _look_with(state: EditorState, name: str, value: object) -> Look:
    """Return the look of the current frame with another value."""
    look = replace(state.look, **{name: value})  # type: ignore[arg-type]
    if name == "mode" and has_alpha(look) and not state.can_have_alpha:
        look = replace(look, raw_mode="rgb")
    return look


def _new_obstacle(state: EditorState, look: Look) -> str:
    """Return why a look cannot be rendered; empty if it can, or the present one cannot either.

    What an earlier session asks of another model is no reason to refuse other changes.
    """
    present = list(_obstacles(state, state.look))
    return next((each for each in _obstacles(state, look) if each not in present), "")


def _obstacles(state: EditorState, look: Look) -> Iterator[str]:
    if has_alpha(look) and not state.can_have_alpha:
        yield "the result cannot have an alpha channel"
    if look.mask_type in TRAINED_MASKS and not state.has_mask_model:
        yield "there is no trained mask model; name one by --mask-model-dir"
    if morphs(look) and not state.model_morphs:
        yield "this model has none"


def _step_number(option: Option, sign: int) -> Action:
    name, low, high = option.name, option.meta["low"], option.meta["high"]

    def step(state: EditorState) -> EditorState:
        change = sign * state.slider_step * STEPS[option.type]
        value = min(max(round(getattr(state.look, name) + change, 2), low), high)
        return choose(name, option.type(value))(state)

    return step


def copy_to_next(state: EditorState) -> EditorState:
    """Give the next frame these settings, and show it."""
    return _copy(state, state.frame + 1)


def copy_to_previous(state: EditorState) -> EditorState:
    """Give the previous frame these settings, and show it."""
    return _copy(state, state.frame - 1)


def _copy(state: EditorState, frame: int) -> EditorState:
    moved = go_to(state, frame)
    if moved.frame == state.frame:
        return moved
    return replace(change_look(moved, "", **vars(state.look)), message="settings copied")


def copy_to_end(state: EditorState) -> EditorState:
    """Give all later frames these settings."""
    return with_timeline(state, state.timeline.to_the_end(state.frame), "copied to the end")


def copy_to_start(state: EditorState) -> EditorState:
    """Give all earlier frames these settings."""
    return with_timeline(state, state.timeline.from_the_start(state.frame), "copied to the start")


def clear_own_settings(state: EditorState) -> EditorState:
    """Drop the settings of this frame, so that it follows the frames before it again."""
    if state.frame == 0 or state.timeline.source(state.frame) != state.frame:
        return replace(state, message="this frame has no settings of its own")
    own = {frame: look for frame, look in state.timeline.own.items() if frame != state.frame}
    return with_timeline(state, LookTimeline(own), "same settings as the frames before")


def toggle_this_frame_only(state: EditorState) -> EditorState:
    """Switch between changing one frame and changing the following ones too."""
    this_frame_only = not state.this_frame_only
    scope = "to this frame only" if this_frame_only else "from this frame on"
    return replace(state, this_frame_only=this_frame_only, message=f"changes apply {scope}")


@cache
def names() -> tuple[str, ...]:
    """Return the names of the settings."""
    return tuple(option.name for option in options_of(Look))


@cache
def option_of(name: str) -> Option:
    """Return the declaration of a setting."""
    return next(option for option in options_of(Look) if option.name == name)


def label(name: str) -> str:
    """Return the name of a setting as the screen shows it."""
    return name.removesuffix("_modifier").replace("_", " ")


def format_value(value: object) -> str:
    """Return a value as the screen shows it."""
    return ("off", "on")[value] if isinstance(value, bool) else str(value)
