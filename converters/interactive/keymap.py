"""The keys of an interactive conversion, declared once.

What a key does, the help on the screen and the table in the docs all come from `CONTROLS`. Letters
are those of DeepFaceLab's merger where it has the same setting. Shift cannot make a slider's step
larger as it does there, because not every system tells it of letters: a key held down does.
"""

from __future__ import annotations

from typing import NamedTuple

from converters.interactive import edits, state
from converters.interactive.state import Action


class Control(NamedTuple):
    """Keys with one meaning.

    Attributes
    ----------
    group : heading under which it is listed
    keys : as `utils.window.Key` names them; all do the same
    help : what it does, in a few words
    step : and as a function
    """

    group: str
    keys: tuple[str, ...]
    help: str
    step: Action


class Slider(NamedTuple):
    """Two keys that move a number of the look up and down."""

    name: str
    up: str
    down: str


GO, LOOK, COPY, SHOW, END = "Go to", "Settings", "Copy settings", "Show", "Finish"
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
)
CYCLES = {"z": "masked_hist_match", "x": "mask_type", "c": "color_transfer"}
FIXED = ("alpha",)
"""Settings without a key: they are about the file, not about how a frame looks."""

CONTROLS = (
    Control(GO, (".", "right"), "next frame", state.step(1)),
    Control(GO, (",", "left"), "previous frame", state.step(-1)),
    Control(GO, ("page down",), "25 frames on", state.step(25)),
    Control(GO, ("page up",), "25 frames back", state.step(-25)),
    Control(GO, ("<", "home"), "first frame", state.first),
    Control(GO, ("end",), "last frame", state.last),
    Control(GO, ("]",), "next frame with a face", state.next_face),
    Control(GO, ("[",), "previous frame with a face", state.previous_face),
    Control(GO, ("}",), "next change of settings", state.next_change),
    Control(GO, ("{",), "previous change of settings", state.previous_change),
    Control(GO, ("enter",), "frame by number: digits, then Enter", state.ask_number),
    Control(COPY, ("/",), "to the next frame, and go there", edits.copy_on),
    Control(COPY, ("m",), "to the previous frame, and go there", edits.copy_back),
    Control(COPY, ("?",), "to all later frames", edits.copy_to_the_end),
    Control(COPY, ("|",), "to all earlier frames", edits.copy_to_the_start),
    Control(COPY, ("b",), "change this frame and on / only it", edits.toggle_alone),
    Control(COPY, ("delete",), "no own settings: as the frames before", edits.follow),
    Control(COPY, ("backspace",), "undo the last change", edits.undo),
    Control(SHOW, ("`", "space"), "original / result", state.toggle_view("original")),
    Control(SHOW, ("0",), "mask / result", state.toggle_view("mask")),
    Control(SHOW, ("9",), "zoom to the face / whole frame", state.toggle_zoom),
    Control(SHOW, ("tab",), "these keys", state.toggle_help),
    Control(END, (">",), "render everything (press it twice)", state.render),
    Control(END, ("escape",), "quit; the session is kept", state.leave),
)


FIRST_KEYS = {
    ", .": "previous, next frame",
    "space": "the original",
    "0": "the mask",
    "9": "the face, larger",
    "b": "changes: from here on, or here only",
    "backspace": "undo",
    "> >": "render everything",
    "escape": "go on another day",
    "tab": "all keys",
}
"""What stands beside the picture all the time."""
MOUSE = {"left button": "held: the original", "wheel": "previous / next frame"}


def steps() -> dict[str, Action]:
    """Return what each key does."""
    table = {key: control.step for control in CONTROLS for key in control.keys}
    for key, (mode, raw) in MODES.items():
        table[key] = edits.choose(mode=mode, raw_mode=raw) if raw else edits.choose(mode=mode)
    for slider in SLIDERS:
        table[slider.up] = edits.slide(slider.name, 1)
        table[slider.down] = edits.slide(slider.name, -1)
    table.update({key: edits.cycle(name) for key, name in CYCLES.items()})
    return table


class HelpRow(NamedTuple):
    """A line of the help."""

    keys: tuple[str, ...]
    help: str


def listed() -> dict[str, list[HelpRow]]:
    """Return all keys with what they do, in groups, for people."""
    rows: dict[str, list[HelpRow]] = {GO: [], LOOK: [], COPY: [], SHOW: [], END: []}
    for key, (mode, raw) in MODES.items():
        rows[LOOK].append(HelpRow((key,), f"mode {mode}{f' ({raw})' if raw else ''}"))
    for slider in SLIDERS:
        rows[LOOK].append(HelpRow((slider.up, slider.down), f"{edits.words(slider.name)} + -"))
    rows[LOOK] += [HelpRow((key,), edits.words(name)) for key, name in CYCLES.items()]
    for control in CONTROLS:
        rows[control.group].append(HelpRow(control.keys, control.help))
    rows[SHOW] += [HelpRow((part,), help) for part, help in MOUSE.items()]
    return rows


def keys_of_settings() -> dict[str, str]:
    """Return for each setting the keys that change it."""
    keys = {slider.name: f"{slider.up} {slider.down}" for slider in SLIDERS}
    keys |= {name: key for key, name in CYCLES.items()}
    return keys | {"mode": f"{min(MODES)}-{max(MODES)}"}


def to_markdown() -> str:
    """Return the table of the docs."""
    lines = ["| key | does |", "|---|---|"]
    for group, rows in listed().items():
        lines.append(f"| **{group}** | |")
        lines += [f"| {', '.join(map(_code, row.keys))} | {row.help} |" for row in rows]
    return "\n".join(lines)


def _code(key: str) -> str:
    key = key.replace("|", "\\|")  # which would begin the next column
    return f"`` {key} ``" if key == "`" else f"`{key}`"
