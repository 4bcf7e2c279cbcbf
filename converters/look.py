"""How a face is put into a frame: the settings of a conversion that change its pixels."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from converters import BLENDS, MASKS, TRAINED_MASKS
from facelib.color_transfer import COLORS, FIRST_COLORS
from utils.errors import InputError, UsageError
from utils.files import write_bytes
from utils.options import from_json, opt, options_of, to_json
from utils.records import read_record

RAW_MODES = ("rgb", "rgb+mask", "mask", "predicted")
HIST_MODES = tuple(name for name in BLENDS if name.startswith(("hist-match", "seamless-hist")))
SEAMLESS_MODES = tuple(name for name in BLENDS if name.startswith("seamless"))
ADDED = frozenset({"mask_frames", "morph_factor"})
"""Settings that the looks of earlier builds do not have."""
SHOWN_MODES = tuple(name for name in BLENDS if name != "raw")


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a face is blended in: everything that decides what a converted frame looks like."""

    mode: str = opt(
        "overlay",
        help="how to blend the face into the frame; see main.py help modes",
        choices=BLENDS.about,
        more="overlay first; seamless hides an edge, but dark hair can bleed into the face; "
        "hist-match is for other light; raw is for compositing. convert --interactive shows each",
        group="Look",
        ask=True,
    )
    raw_mode: str = opt(
        "rgb+mask",
        help="mode raw: what to write of the frame, the predicted square and its mask",
        choices=RAW_MODES,
        group="Look",
        ask=True,
        when={"mode": ("raw",)},
    )
    masked_hist_match: bool = opt(
        True,
        help="hist-match modes: measure colors inside the mask only",
        group="Look",
        when={"mode": HIST_MODES},
        seldom=True,
    )
    hist_match_threshold: int = opt(
        255,
        help="hist-match modes: values below 255 hold back highlights",
        low=0,
        high=255,
        group="Look",
        when={"mode": HIST_MODES},
        seldom=True,
    )
    morph_factor: float = opt(
        1.0,
        help="models that morph: how much of the face is src's; 0: dst's own, 1: as far as it goes",
        low=0,
        high=1,
        group="Look",
        seldom=True,
    )
    mask_type: str = opt(
        "predicted",
        help="where the mask comes from; see main.py help masks",
        choices=MASKS.about,
        more="product if too much is replaced, union if something of the old face is left",
        group="Look",
        seldom=True,
    )
    mask_frames: int = opt(
        3,
        help="trained masks: frames that are averaged where nothing moves, against flicker; 1: off",
        low=1,
        high=25,
        group="Look",
        when={"mask_type": TRAINED_MASKS},
        seldom=True,
    )
    erode_modifier: int = opt(
        0,
        help="shrink (above 0) or grow the mask, in percent of an eighth of the face",
        low=-200,
        high=200,
        group="Look",
        when={"mode": SHOWN_MODES},
        seldom=True,
    )
    blur_modifier: int = opt(
        0,
        help="soften (above 0) or harden the mask's edge, in percent of a tenth of the face",
        low=-200,
        high=200,
        group="Look",
        when={"mode": SHOWN_MODES},
        seldom=True,
    )
    seamless_erode_modifier: int = opt(
        0,
        help="seamless modes: shrink (above 0) or grow the area that is blended seamlessly",
        low=-100,
        high=100,
        group="Look",
        when={"mode": SEAMLESS_MODES},
        seldom=True,
    )
    face_scale: int = opt(
        0,
        help="enlarge (above 0) or shrink the face, in percent",
        low=-50,
        high=50,
        group="Look",
        seldom=True,
    )
    color_transfer: str = opt(
        "none",
        help="match the face's colors to the footage before blending; see main.py help colors",
        choices={"none": "leave the colors as they are"} | COLORS.about,
        more=FIRST_COLORS,
        group="Look",
        ask=True,
        when={"mode": SHOWN_MODES},
    )
    color_frames: int = opt(
        8,
        help="frames whose masks are averaged where colors are measured, against flicker; 1: off",
        low=1,
        high=100,
        group="Look",
    )
    denoise: int = opt(
        0,
        help="smooth the face but keep its edges, in percent of a strong effect",
        low=0,
        high=100,
        group="Look",
        when={"mode": SHOWN_MODES},
        seldom=True,
    )
    sharpen: int = opt(
        0,
        help="sharpen (above 0) or soften the face, in percent of a strong effect",
        low=-100,
        high=100,
        group="Look",
        when={"mode": SHOWN_MODES},
        seldom=True,
    )
    motion_blur: int = opt(
        0,
        help="motion blur, in percent of the face's movement per frame; 50: a film camera",
        low=0,
        high=200,
        group="Look",
        when={"mode": SHOWN_MODES},
        seldom=True,
    )
    color_degrade: int = opt(
        0,
        help="reduce the face to 256 colors, in percent of the full effect",
        low=0,
        high=100,
        group="Look",
        when={"mode": SHOWN_MODES},
        seldom=True,
    )
    alpha: bool = opt(
        False,
        help="write the faces as a layer with an alpha channel, for compositing",
        group="Look",
        when={"mode": SHOWN_MODES},
        seldom=True,
    )


def look_of(settings: Look) -> Look:
    """Return only the look of settings that hold more, such as those of `convert`."""
    return Look(**{option.name: getattr(settings, option.name) for option in options_of(Look)})


def look_to_json(look: Look) -> dict[str, Any]:
    """Return a look as JSON values."""
    return to_json(look)


def look_from_json(values: dict[str, Any]) -> Look:
    """Return the look that JSON values stand for.

    Raises
    ------
    UsageError
        If a setting does not exist or its value is not allowed.
    """
    return from_json(Look, values)


def used(look: Look) -> Look:
    """Return a look with the default of every setting that changes no pixel beside the others."""
    defaults = Look()
    return replace(look, **{name: getattr(defaults, name) for name in _unused(look)})


def _unused(look: Look) -> Iterator[str]:
    """Yield the settings that change no pixel beside the look's others."""
    raw = look.raw_mode if look.mode == "raw" else None
    if not morphs(look):
        yield "morph_factor"
    if raw is None:
        yield "raw_mode"
    else:
        yield from ("erode_modifier", "blur_modifier", "alpha")
    if raw == "mask":  # no pixel of the face is shown
        yield from ("color_transfer", "denoise", "sharpen", "motion_blur", "color_degrade")
    if look.mode not in HIST_MODES:
        yield from ("masked_hist_match", "hist_match_threshold")
    if look.mode not in SEAMLESS_MODES:
        yield "seamless_erode_modifier"
    if raw == "mask" or not _fits_colors(look):
        yield "color_frames"
    if not _shows_mask(look):
        yield "mask_type"
    if not wants_trained_mask(look):
        yield "mask_frames"


def identity(look: Look) -> dict[str, Any]:
    """Return what tells a look from others, as JSON values.

    A setting that later builds added counts where it changes pixels only, so that what an earlier
    build has begun can be finished.
    """
    unused = ADDED.intersection(_unused(look))
    return {name: value for name, value in to_json(look).items() if name not in unused}


def fingerprint(look: Look) -> str:
    """Return a short text that two looks share only if they are the same."""
    return blake2b(json.dumps(identity(look)).encode(), digest_size=8).hexdigest()


def settings_file(output: Path) -> Path:
    """Return where the look of a result is kept: beside it."""
    return output.with_name(output.name + "_convert.json")


def session_path(output: Path) -> Path:
    """Return the path of the session file of an output."""
    return output.with_name(output.name + ".session.json")


def save_look(path: Path, look: Look) -> None:
    """Write the settings of a look that change pixels as JSON."""
    unused = set(_unused(look))
    values = {name: value for name, value in to_json(look).items() if name not in unused}
    write_bytes(path, json.dumps(values, indent=1).encode())


def load_look(path: Path) -> dict[str, Any]:
    """Read the JSON values of a look, and check them.

    Raises
    ------
    UsageError
        If the file is missing, is no look, or has settings that do not exist.
    """
    try:
        values = read_record(path, "settings file", None)
    except InputError as problem:
        hint = "" if path.exists() else "; convert writes it as <result>_convert.json"
        raise UsageError(f"{problem}{hint}") from None
    look_from_json(values)
    return values


def has_alpha(look: Look) -> bool:
    """Whether converted images have a fourth channel."""
    return look.raw_mode == "rgb+mask" if look.mode == "raw" else look.alpha


def color_context_frames(look: Look) -> int:
    """Return how many frames before a frame its colors depend on."""
    return look.color_frames - 1 if _fits_colors(look) else 0


def mask_context_frames(look: Look) -> int:
    """Return how many frames before a frame its mask depends on."""
    return look.mask_frames - 1 if wants_trained_mask(look) else 0


def morphs(look: Look) -> bool:
    """Whether the face is anything but src's, which only a model that morphs can do."""
    return look.morph_factor != 1


def wants_trained_mask(look: Look) -> bool:
    """Whether a trained mask model is needed."""
    return look.mask_type in TRAINED_MASKS and _shows_mask(look)


def _shows_mask(look: Look) -> bool:
    """Whether the mask changes a pixel."""
    bare = look.mode == "raw" and look.raw_mode in ("rgb", "predicted")
    return not bare or _fits_colors(look)


def _fits_colors(look: Look) -> bool:
    """Whether the colors of the face are fitted to those of the frame."""
    return look.color_transfer != "none" or look.mode in HIST_MODES + SEAMLESS_MODES
