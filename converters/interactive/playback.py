"""Playing the footage in a loop at its own speed.

The clock decides which frame is due. Only frames that were rendered in time are shown: where
rendering is slower than the footage, the others are dropped. The current frame is always the one
on the screen, so a change of settings applies to what the person sees.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from converters.interactive.state import EditorState, FootageIndex, Playback

SPEED_SECONDS = 2.0
"""The speed is that of the frames shown in this time."""
FULL_SPEED = 0.95
"""From this share of the footage's speed on, nothing is said about dropped frames."""


def frame_times(times: Sequence[Fraction | None], count: int, rate: Fraction) -> tuple[float, ...]:
    """Return when each frame is shown, in seconds from the first one.

    Parameters
    ----------
    times : sequence of Fraction or None
        The frames' own timestamps, as far as they are known.
    count : int
        Number of frames.
    rate : Fraction
        Frames per second where the timestamps are unknown or do not ascend.
    """
    known = [float(time) for time in times if time is not None]
    if len(known) == count and all(first < second for first, second in pairwise(known)):
        return tuple(time - known[0] for time in known)
    return tuple(float(index / rate) for index in range(count))


def toggle(state: EditorState) -> EditorState:
    """Start playing at the current frame, or stop."""
    if state.playback is not None:
        return replace(state, playback=None, message="stopped")
    if len(state.footage.times) < 2:
        return replace(state, message="there is nothing to play")
    return replace(state, playback=Playback(state.frame), message="")


def start_clock(state: EditorState, now: float) -> EditorState:
    """Let the footage begin to run at a time of the clock, unless it already does."""
    if state.playback is None or state.playback.started is not None:
        return state
    return replace(state, playback=replace(state.playback, started=now))


def due(state: EditorState, now: float) -> EditorState:
    """Return the state with the frame that should be on the screen now."""
    playing, times = state.playback, state.footage.times
    if playing is None or playing.started is None:
        return state
    position = (times[playing.frame] + now - playing.started) % duration(state.footage)
    return replace(state, frame=max(0, bisect_right(times, position) - 1))


def show(state: EditorState, frame: int, now: float) -> EditorState:
    """Return the state after a frame has appeared on the screen."""
    if state.playback is None or frame == state.frame:
        return state
    recent = [moment for moment in state.playback.shown if now - moment < SPEED_SECONDS]
    return replace(state, frame=frame, playback=replace(state.playback, shown=(*recent, now)))


def duration(footage: FootageIndex) -> float:
    """Return the seconds of one round: the last frame stays as long as the one before it."""
    *_, before, last = footage.times
    return 2 * last - before


def describe(state: EditorState) -> str:
    """Say how fast the footage is played; empty if it is not."""
    if state.playback is None:
        return ""
    full = state.footage.count / duration(state.footage)
    shown = state.playback.shown
    if len(shown) < 2:
        return "playing"
    real = (len(shown) - 1) / max(shown[-1] - shown[0], 1e-6)
    if real >= FULL_SPEED * full:
        return f"playing, {full:.3g} frames per second"
    return f"playing {real:.2g} of {full:.3g} frames per second"
