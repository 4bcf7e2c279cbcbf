"""The options of `train`: those of the trainer and those of the chosen model, in one class."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models import MODELS
from models.model_folder import generations, newest_state
from trainer.learning_options import PHASES, PRESETS, LearningOptions
from trainer.sample_options import OutputOptions, SampleOptions
from trainer.schedule import Schedule
from utils import workspace
from utils.errors import InputError, UsageError
from utils.options import opt, options_of, to_json, with_defaults, with_place, without
from utils.records import read_record
from utils.stage_options import EngineOptions, WorkspaceOptions
from utils.workspace import Workspace

DATA = "Files"
TARGETS = frozenset({"target_iter", "target_minutes"})
SIDES = ("training_data_src_dir", "training_data_dst_dir")
PRETRAINING: Mapping[str, Any] = {
    "warp_off": 1.0,
    "uniform_pose": True,
    "train_color_transfer": "none",
}
"""Defaults of a training on many people: their faces vary more than warping makes them."""
PAIR_ONLY = frozenset({
    *SIDES,
    "new_faces",
    "swap_sides",
    "sort_by_yaw",
    "src_scale",
    "stop_when",
    "phase",
})
"""What means nothing where the same faces are both sides."""
# Not saved with the settings of the model: paths, and what concerns one run or one machine only.
NOT_SAVED = frozenset({
    "training_data_src_dir",
    "training_data_dst_dir",
    "model_dir",
    "load_weights",
    "pretrain",
    "phase",
    "workspace",
    "debug",
    "ask",
    "progress",
    "preview",
    "engine",
    "cpu_only",
    "force_gpu_idx",
    "multi_gpu",
    "cluster",
    "rank",
    "mixed_precision",
    "save_memory",
    *TARGETS,
    "stop_when",
    "swap_sides",
    "new_faces",
})


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingFiles:
    """What is trained on, and where the model is."""

    training_data_src_dir: Path = opt(
        help="aligned faces of src, the identity to put in",
        kind="faces",
        place="data_src/aligned",
        group=DATA,
    )
    training_data_dst_dir: Path = opt(
        help="aligned faces of dst, the person in the footage",
        kind="faces",
        place="data_dst/aligned",
        group=DATA,
    )
    model_dir: Path = opt(
        help="folder of the model; created if it does not exist", place="model", group=DATA
    )
    pretrain: Path | None = opt(
        None,
        help="train a base model on this folder of many people's faces, for --load-weights later",
        kind="faces",
        group=DATA,
    )
    new_faces: bool = opt(
        False,
        help="train on the people in these folders, whomever the model was trained on before",
        group=DATA,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions(
    OutputOptions, SampleOptions, LearningOptions, TrainingFiles, EngineOptions, WorkspaceOptions
):
    """Options of the trainer, whatever the model; listed from the last base to the first."""

    @property
    def schedule(self) -> Schedule:
        """The learning rate and the targets."""
        preset = PRESETS[self.preset]
        return Schedule(
            self.learning_rate or preset.learning_rate,
            preset.warm_up,
            self.cool_down,
            self.target_iter,
            self.target_minutes,
            grow_batch=self.grow_batch,
            warp_off=self.warp_off,
        )

    @classmethod
    def saved(cls, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the settings of the model in `--model-dir`, or None when there is none yet.

        A target that was not reached is one of them, unless the flags set another.
        """
        folder = given.get("model_dir")
        values = None if folder is None else saved_options(Path(folder))
        if values is not None:
            values |= of_phase(cls, given.get("phase"))
        if folder is None or values is None or TARGETS & set(given):
            return values
        target: Any = newest_state(Path(folder)).get("target")
        known = TARGETS & set(target) if isinstance(target, dict) else set[str]()
        return values | {name: target[name] for name in known}


def for_arguments(argv: Sequence[str]) -> type[TrainOptions]:
    """Return the options class for a command line.

    The model is that of `--model`, else the one saved in `--model-dir`, else that of
    `--load-weights`, else the first in the registry.
    """
    given = _peek(argv)
    model_dir = _model_dir(given)
    saved = None if model_dir is None else saved_options(model_dir)
    base = {} if saved or given.load_weights is None else saved_options(given.load_weights) or {}
    name = given.model or (saved or base).get("model")
    own = {known.lower(): known for known in MODELS.names}
    chosen = own.get(str(name).lower(), MODELS.names[0])
    phase = given.phase if given.pretrain is None else None
    cls = _shaped_as(base, options_class(chosen, given.preset, phase))
    if given.pretrain is None:
        return cls
    if sides := [name for name in SIDES if getattr(given, name) is not None]:
        flags = " and ".join(map(flag_of, sides))
        raise UsageError(f"--pretrain: these faces are both sides; leave out {flags}")
    return _to_pretrain(cls, given.pretrain)


def options_class(
    model: str, preset: str | None = None, phase: str | None = None
) -> type[TrainOptions]:
    """Return `TrainOptions` and the options of one model merged into one class.

    A model may have defaults of its own; with another preset than its own (None) the learning rate
    is that preset's. A phase has defaults, too.
    """
    cls = MODELS.load(model)
    defaults = {"model": model, **cls.defaults}
    if preset not in (None, cls.defaults.get("preset")):
        defaults.pop("learning_rate", None)
    if preset == "fast":
        defaults |= cls.fast
    merged = _merged(model)
    merged = with_defaults(merged, defaults | of_phase(merged, phase))
    return with_place(merged, "model_dir", cls.place)


def class_of(values: Mapping[str, Any]) -> type[TrainOptions]:
    """Return the class of options that another process has as JSON values."""
    cls = options_class(values["model"], values["preset"], values.get("phase"))
    return _to_pretrain(cls, Path(values["pretrain"])) if values.get("pretrain") else cls


def _shaped_as(base: Mapping[str, Any], cls: type[TrainOptions]) -> type[TrainOptions]:
    """Return a class whose defaults shape the network as those of a base did, if it is the same."""
    if base.get("model") != cls.model:
        return cls
    fixed = [option for option in options_of(cls) if option.meta["fixed"] and option.name in base]
    return with_defaults(cls, {option.name: option.check(base[option.name]) for option in fixed})


def of_phase(cls: type, phase: str | None) -> dict[str, Any]:
    """Return what a phase (None: no phase) sets of a model's options, by name."""
    own = _names(cls)
    return {name: value for name, value in PHASES.get(phase or "", {}).items() if name in own}


def _names(cls: type) -> set[str]:
    return {option.name for option in options_of(cls)}


def _to_pretrain(cls: type[TrainOptions], faces: Path) -> type[TrainOptions]:
    """Return a class whose two sides are one folder, without what only a pair has a use for."""
    if "pretrain" not in _names(cls):
        return cls  # the flag is not known to this model
    cls = with_defaults(cls, {**dict.fromkeys(SIDES, faces), **PRETRAINING})
    return with_place(without(cls, PAIR_ONLY & _names(cls)), "model_dir", workspace.PRETRAINED)


def _merged(model: str) -> type[TrainOptions]:
    cls = MODELS.load(model)
    merged = type(f"Train{model}Options", (cls.Options, TrainOptions), {"__module__": __name__})
    return without(dataclasses.dataclass(frozen=True, kw_only=True)(merged), cls.unused)


def flag_of(name: str) -> str:
    """Return the flag that is called like an option."""
    return f"--{name.replace('_', '-')}"


def _peek(argv: Sequence[str]) -> argparse.Namespace:
    """Read the flags that decide on others and their defaults; errors are left to the parser."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--model")
    parser.add_argument("--preset")
    read_path = next(o.parse for o in options_of(TrainOptions) if o.name == "model_dir")
    parser.add_argument("--phase")
    paths = "--model-dir", "--load-weights", "--workspace", "--pretrain", *map(flag_of, SIDES)
    for flag in paths:
        parser.add_argument(flag, type=read_path)
    try:
        return parser.parse_known_args(argv)[0]
    except argparse.ArgumentError:
        return parser.parse_args([])


def _model_dir(given: argparse.Namespace) -> Path | None:
    """Return the model's folder, that of the workspace if no flag names it; None for none."""
    if given.model_dir is not None:
        return Path(given.model_dir)
    home = workspace.find() if given.workspace is None else Workspace(given.workspace)
    if home is None:
        return None
    return home.model if given.pretrain is None else home.pretrained_model


def saved_options(model_dir: Path) -> dict[str, Any] | None:
    """Return the newest readable options in a model folder; None when there are none."""
    for folder in generations(model_dir):
        try:
            values = read_record(folder / "options.json", "training options", None)
        except InputError:
            continue
        saved = {name: value for name, value in values.items() if name not in NOT_SAVED}
        return _unknown_then(values.get("model")) | saved
    return None


def _unknown_then(model: object) -> dict[str, Any]:
    """Return what a model of an earlier build has for options that were unknown to that build."""
    if not isinstance(model, str) or model not in MODELS:
        return {}
    return {
        option.name: option.default
        for option in options_of(_merged(model))
        if option.name not in NOT_SAVED
    }


def to_save(options: TrainOptions) -> dict[str, Any]:
    """Return what a model remembers of its options, as JSON values."""
    return {name: value for name, value in to_json(options).items() if name not in NOT_SAVED}
