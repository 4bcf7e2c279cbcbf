"""The keys of an interactive conversion, declared once.

What a key does, the help on the screen and the table in the docs all come from here. Letters are
those of DeepFaceLab's merger where it has the same setting. There, shift makes a slider's step
larger; here a key held down does, because not every system reports shift with a letter.
"""

from __future__ import annotations

from typing import NamedTuple

from converters.interactive import edits, playback, state
from converters.interactive.state import Action


class Control(NamedTuple):
    """Keys with one action.

    Attributes
    ----------
    group : str
        Heading under which the help lists them.
    keys : tuple of str
        Alternatives, named as in `utils.window.Key`.
    """

    group: str
    keys: tuple[str, ...]
    help: str
    action: Action


class Slider(NamedTuple):
    """The two keys that move a numeric setting up and down."""

    name: str
    up: str
    down: str


GO, LOOK, COPY, SHOW = "Go to", "Settings", "Copy settings", "Show"
MOUSE, END = "Mouse", "Finish"
MODES = {
    "1": ("overlay", None),
    "2": ("hist-match", None),
    "3": ("seamless", None),
    "4": ("seamless-hist-match", None),
    "5": ("raw", "rgb"),
    "6": ("raw", "predicted"),
    "7": ("hist-match-bw", None),
}
SLIDERS = (
    Slider("hist_match_threshold", "q", "a"),
    Slider("erode_modifier", "w", "s"),
    Slider("blur_modifier", "e", "d"),
    Slider("motion_blur", "r", "f"),
    Slider("seamless_erode_modifier", "t", "g"),
    Slider("sharpen", "y", "h"),
    Slider("face_scale", "u", "j"),
    Slider("denoise", "i", "k"),
    Slider("color_frames", "o", "l"),
    Slider("color_degrade", "p", ";"),
    Slider("mask_frames", "=", "-"),
    Slider("morph_factor", "'", "n"),
)
CYCLES = {"z": "masked_hist_match", "x": "mask_type", "c": "color_transfer"}
WITHOUT_KEY = ("alpha",)
"""Settings that concern the output file, not how a frame looks."""

CONTROLS = (
    Control(GO, (".", "right"), "next frame", state.move_by(1)),
    Control(GO, (",", "left"), "previous frame", state.move_by(-1)),
    Control(GO, ("page down",), "25 frames forward", state.move_by(25)),
    Control(GO, ("page up",), "25 frames back", state.move_by(-25)),
    Control(GO, ("<", "home"), "first frame", state.first_frame),
    Control(GO, ("end",), "last frame", state.last_frame),
    Control(GO, ("]",), "next frame with a face", state.next_face),
    Control(GO, ("[",), "previous frame with a face", state.previous_face),
    Control(GO, ("}",), "next change of settings", state.next_change),
    Control(GO, ("{",), "previous change of settings", state.previous_change),
    Control(GO, ("enter",), "frame number, then Enter", state.enter_frame_number),
    Control(GO, ("v",), "play in a loop / stop", playback.toggle),
    Control(COPY, ("/",), "to the next frame, go there", edits.copy_to_next),
    Control(COPY, ("m",), "to the previous frame, go there", edits.copy_to_previous),
    Control(COPY, ("\\",), "to all later frames", edits.copy_to_end),
    Control(COPY, ("|",), "to all earlier frames", edits.copy_to_start),
    Control(COPY, ("b",), "changes: from here on / here", edits.toggle_this_frame_only),
    Control(COPY, ("delete",), "drop this frame's own settings", edits.clear_own_settings),
    Control(COPY, ("backspace",), "undo the last change", edits.undo),
    Control(SHOW, ("`", "space"), "original / result", state.toggle_view("original")),
    Control(SHOW, ("0",), "mask / result", state.toggle_view("mask")),
    Control(SHOW, ("9",), "zoomed face / whole frame", state.toggle_zoom),
    Control(SHOW, ("?", "tab"), "all keys", state.toggle_help),
    Control(END, (">",), "render everything (press twice)", state.request_render),
    Control(END, ("escape",), "stop, take back, or quit", state.quit_session),
)


SHORT_HELP = {
    "?": "all keys",
    "v": "play in a loop / stop",
    "space": "original / result",
    "0": "mask / result",
    "9": "zoom to the face",
    "backspace": "undo",
    ">": "render everything (twice)",
    "escape": "quit, continue later",
}
"""The keys that are listed beside the image all the time, as far as there is room."""
MOUSE_HELP = {
    "click or drag strip": "go to a frame",
    "click setting": "next value",
    "right click setting": "previous value",
    "wheel on setting": "up / down",
    "wheel on image": "next / previous frame",
    "press on image": "original",
}


def key_actions() -> dict[str, Action]:
    """Return the action of each key."""
    actions = {key: control.action for control in CONTROLS for key in control.keys}
    for key, (mode, raw) in MODES.items():
        values = {"mode": mode, "raw_mode": raw} if raw else {"mode": mode}
        actions[key] = edits.set_values(**values)
    for slider in SLIDERS:
        actions[slider.up] = edits.step_setting(slider.name, 1)
        actions[slider.down] = edits.step_setting(slider.name, -1)
    actions.update({key: edits.step_setting(name, 1) for key, name in CYCLES.items()})
    return actions


class HelpRow(NamedTuple):
    """A line of the help: keys and what they do."""

    keys: tuple[str, ...]
    help: str


def help_groups() -> dict[str, list[HelpRow]]:
    """Return the help for all keys, by heading."""
    rows: dict[str, list[HelpRow]] = {group: [] for group in (GO, LOOK, COPY, SHOW, MOUSE, END)}
    for key, (mode, raw) in MODES.items():
        rows[LOOK].append(HelpRow((key,), f"mode {mode}{f' ({raw})' if raw else ''}"))
    for slider in SLIDERS:
        rows[LOOK].append(HelpRow((slider.up, slider.down), f"{edits.label(slider.name)} + / -"))
    rows[LOOK] += [HelpRow((key,), edits.label(name)) for key, name in CYCLES.items()]
    for control in CONTROLS:
        rows[control.group].append(HelpRow(control.keys, control.help))
    rows[MOUSE] += [HelpRow((part,), help_) for part, help_ in MOUSE_HELP.items()]
    return rows


def keys_by_setting() -> dict[str, str]:
    """Return the keys that change each setting."""
    keys = {slider.name: f"{slider.up} {slider.down}" for slider in SLIDERS}
    keys |= {name: key for key, name in CYCLES.items()}
    return keys | {"mode": f"{min(MODES)}-{max(MODES)}"}


def to_markdown() -> str:
    """Return the table of keys for docs/interactive.md."""
    lines = ["| key | action |", "|---|---|"]
    for group, rows in help_groups().items():
        lines.append(f"| **{group}** | |")
        lines += [f"| {', '.join(map(_code, row.keys))} | {row.help} |" for row in rows]
    return "\n".join(lines)


def _code(key: str) -> str:
    key = key.replace("|", "\\|")  # a bare one would start the next column
    return f"`` {key} ``" if key == "`" else f"`{key}`"
