"""What the options of a model of DeepFaceLab 2 are called here."""

import re
from collections.abc import Callable
from typing import Any

from facelib.color_transfer import COLORS
from models import MODELS
from models.hd_losses import PUBLISHED_PRIORITY
from tools.util.dfl_model import DflModel
from utils import options
from utils.console import one_line, quoted
from utils.errors import InputError, UsageError

FACE_TYPES = {"h": "half", "mf": "mid", "f": "full", "wf": "whole", "head": "head"}
ARCHI = re.compile(r"(df|liae)(?:-([udt]+))?")
LETTERS = "udt"
MODEL = {
    "resolution", "ae_dims", "inter_dims", "e_dims", "d_dims", "d_mask_dims", "masked_training",
    "morph_factor", "face_style_power", "bg_style_power", "gan_power", "gan_patch_size", "gan_dims",
    "true_face_power",
}  # fmt: skip
"""Of the model, with the same names and meanings."""
ALWAYS = {"AMP": {"eyes_mouth_prio": True, "adabelief": True}}
"""What a kind of model does there without an option."""
LARGEST_BATCH = 1024
STAYS = 0.7
"""Share of the weights that an iteration of theirs leaves as they are."""
TRAINING: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "batch_size": ("batch_size", lambda size: min(max(int(size), 1), LARGEST_BATCH)),
    "adabelief": ("optimizer", lambda chosen: "adabelief" if chosen else "adam"),
    "lr_dropout": ("lr_dropout", lambda chosen: STAYS if chosen in ("y", "cpu", True) else 0.0),
    "random_warp": ("warp_off", lambda chosen: 0.0 if chosen else 1.0),
    "clipgrad": ("clip_gradients", lambda chosen: 1.0 if chosen else 0.0),
    "uniform_yaw": ("uniform_pose", bool),
    "blur_out_mask": ("blur_out_mask", bool),
    "ct_mode": ("train_color_transfer", lambda mode: mode if mode in COLORS.names else "none"),
    "random_src_flip": ("random_flip", bool),  # mirrored src faces are another person
}
"""Of the training: what it is called here, and its value."""


def translated(old: DflModel) -> dict[str, Any]:
    """Return the options of our model and of its training, as JSON values.

    Raises
    ------
    InputError
        If our model cannot have them, or some are missing.
    """
    old = old._replace(options=old.options | ALWAYS.get(old.kind, {}))
    cls = MODELS.load(old.kind).Options
    own = {option.name: option for option in options.options_of(cls)}
    given = {name: value for name, value in old.options.items() if name in MODEL & own.keys()}
    for name, translate in (("face_type", _face_type), ("archi", _archi)):
        if name in own and name in old.options:
            given[name] = translate(old, old.options[name])
    if old.options.get("eyes_mouth_prio"):
        given["eyes_mouth_priority"] = PUBLISHED_PRIORITY
    missing = sorted(name for name, option in own.items() if _shapes(option) and name not in given)
    if missing:
        raise InputError(
            f'"{old.data.name}" does not state {", ".join(missing)}; train the model for an '
            "iteration with DeepFaceLab 2 of 2021 or later, which saves it again"
        )
    try:
        chosen = options.to_json(options.from_json(cls, given))
    except UsageError as problem:
        raise InputError(f'the model in "{old.data.name}" cannot be had here: {problem}') from None
    return {"model": old.kind, **chosen, **_training(old)}


def _shapes(option: options.Option) -> bool:
    """Whether an option of the model, known to both programs, decides on its weights."""
    return bool(option.meta["fixed"]) and option.name != "expression_head"


def _training(old: DflModel) -> dict[str, Any]:
    found = {}
    for theirs, (name, translate) in TRAINING.items():
        if theirs in old.options:
            try:
                found[name] = translate(old.options[theirs])
            except (TypeError, ValueError, OverflowError):
                raise InputError(
                    f'"{old.data.name}" is damaged: {theirs} is {quoted(old.options[theirs])}'
                ) from None
    return found


def _face_type(old: DflModel, name: object) -> str:
    if not isinstance(name, str) or name not in FACE_TYPES:
        raise InputError(
            f'"{old.data.name}" has the face type {quoted(name)}. Expected: one of '
            f"{', '.join(FACE_TYPES)}"
        )
    return FACE_TYPES[name]


def _archi(old: DflModel, name: object) -> str:
    """Return an architecture in our spelling: letters in one order."""
    match = ARCHI.fullmatch(str(name))
    letters = (match and match[2]) or ""
    if match is None or len(set(letters)) < len(letters):
        raise InputError(
            f'"{old.data.name}" has the architecture {quoted(name)}, which is not known here. '
            f"Expected: df or liae, alone or followed by some of -{LETTERS}, such as liae-ud"
        )
    ordered = "".join(letter for letter in LETTERS if letter in letters)
    return f"{match[1]}-{ordered}" if ordered else match[1]


def left_out(old: DflModel) -> list[str]:
    """Return the options in use that have no counterpart here."""
    found = []
    if old.options.get("random_hsv_power"):
        found.append(f"random_hsv_power {one_line(str(old.options['random_hsv_power']))[:20]}")
    if old.options.get("random_dst_flip") and not old.options.get("random_src_flip"):
        found.append("random_dst_flip alone")
    return found
