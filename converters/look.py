"""How a face is put into a frame: the settings of a conversion that change its pixels."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters import BLENDS, COLORS, MASKS
from utils.errors import UsageError
from utils.files import write_bytes
from utils.options import from_json, opt, options_of, to_json

RAW_MODES = ("rgb", "rgb+mask", "mask", "predicted")


HIST_MODES = tuple(name for name in BLENDS if name.startswith(("hist-match", "seamless-hist")))


SEAMLESS_MODES = tuple(name for name in BLENDS if name.startswith("seamless"))


SHOWN_MODES = tuple(name for name in BLENDS if name != "raw")


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a face is blended in: all that decides what one converted frame looks like."""

    mode: str = opt(
        "overlay",
        help="how the face is blended in: "
        + "; ".join(f"{name}: {entry.help}" for name, entry in BLENDS.items()),
        choices=BLENDS.names, group="Look", ask=True,
    )  # fmt: skip
    raw_mode: str = opt(
        "rgb+mask",
        help="what mode raw writes: the frame with the whole predicted square; the same with the "
        "mask as alpha channel; the mask; the predicted square on black",
        choices=RAW_MODES, group="Look", ask=True, when={"mode": ("raw",)},
    )  # fmt: skip
    masked_hist_match: bool = opt(
        True, help="modes with hist-match: count only what lies inside the mask",
        group="Look", ask=True, when={"mode": HIST_MODES},
    )  # fmt: skip
    hist_match_threshold: int = opt(
        255, help="modes with hist-match: below 255 the bright end is held back",
        low=0, high=255, group="Look", ask=True, when={"mode": HIST_MODES},
    )  # fmt: skip
    mask_type: str = opt(
        "predicted",
        help="where the mask comes from: "
        + "; ".join(f"{name}: {entry.help}" for name, entry in MASKS.items()),
        choices=MASKS.names, group="Look", ask=True,
    )  # fmt: skip
    erode_modifier: int = opt(
        0, help="make the mask smaller (above 0) or larger, on top of what suits the model, in "
        "percent of an eighth of the face",
        low=-200, high=200, group="Look", ask=True, when={"mode": SHOWN_MODES},
    )  # fmt: skip
    blur_modifier: int = opt(
        0, help="make the mask's edge softer (above 0) or harder, on top of what suits the model, "
        "in percent of a tenth of the face",
        low=-200, high=200, group="Look", ask=True, when={"mode": SHOWN_MODES},
    )  # fmt: skip
    seamless_erode_modifier: int = opt(
        0, help="modes with seamless: make the area whose edge meets the frame's colors smaller "
        "(above 0) or larger",
        low=-100, high=100, group="Look", ask=True, when={"mode": SEAMLESS_MODES},
    )  # fmt: skip
    face_scale: int = opt(
        0, help="make the pasted face larger or smaller, in percent",
        low=-50, high=50, group="Look", ask=True,
    )  # fmt: skip
    color_transfer: str = opt(
        "none",
        help="give the face the colors of the dst face before it is blended in: none; "
        + "; ".join(f"{name}: {entry.help}" for name, entry in COLORS.items()),
        choices=("none", *COLORS.names), group="Look", ask=True, when={"mode": SHOWN_MODES},
    )  # fmt: skip
    color_frames: int = opt(
        8, help="frames whose masks are averaged to say where colors are taken from (color "
        "transfer, hist-match, seamless), against flicker; a cut starts anew; 1: each for itself",
        low=1, high=100, group="Look",
    )  # fmt: skip
    denoise: int = opt(
        0, help="smooth the face but not its edges, in percent of a strong effect",
        low=0, high=100, group="Look", ask=True, when={"mode": SHOWN_MODES},
    )  # fmt: skip
    sharpen: int = opt(
        0, help="sharpen the face (above 0) or soften it, in percent of a strong effect",
        low=-100, high=100, group="Look", ask=True, when={"mode": SHOWN_MODES},
    )  # fmt: skip
    motion_blur: int = opt(
        0, help="smear the face as the footage smears what moves, in percent of its way from frame "
        "to frame; a film camera's shutter is open for 50",
        low=0, high=200, group="Look", ask=True, when={"mode": SHOWN_MODES},
    )  # fmt: skip
    color_degrade: int = opt(
        0, help="reduce the face to 256 colors, as old footage does, in percent of the full "
        "effect", low=0, high=100, group="Look", ask=True, when={"mode": SHOWN_MODES},
    )  # fmt: skip
    alpha: bool = opt(
        False, help="write pictures with an alpha channel: the face not yet mixed with the frame, "
        "and the mask to mix it with in another program",
        group="Look", ask=True, when={"mode": SHOWN_MODES},
    )  # fmt: skip


def settings_file(output: Path) -> Path:
    """Return where the look of a result is kept: beside it."""
    return output.with_name(output.name + "_convert.json")


def save_look(path: Path, look: Look) -> None:
    """Write a look as JSON."""
    values = to_json(look)
    kept = {option.name: values[option.name] for option in options_of(Look)}
    write_bytes(path, json.dumps(kept, indent=1).encode())


def load_look(path: Path) -> dict[str, Any]:
    """Read a look: checked, with nothing else in it.

    Raises
    ------
    UsageError
        If the file is missing, is no look, or has settings that do not exist.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise UsageError(f'cannot read the settings "{path}": {problem}') from None
    if not isinstance(values, dict):
        raise UsageError(f'"{path}" holds no settings of convert')
    from_json(Look, values)
    return values


def has_alpha(look: Look) -> bool:
    """Whether the pictures have a fourth channel."""
    return look.raw_mode == "rgb+mask" if look.mode == "raw" else look.alpha


def color_context_frames(look: Look) -> int:
    """Return how many frames before a frame its colors depend on."""
    fitted = look.color_transfer != "none" or look.mode in HIST_MODES + SEAMLESS_MODES
    return look.color_frames - 1 if fitted else 0
