"""The options of `train`: those of the trainer and those of the chosen model, in one class."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from facelib.color_transfer import COLORS, FIRST_COLORS
from models import COST, MODELS
from models.model_folder import generations, newest_state
from trainer.schedule import Schedule
from utils import workspace
from utils.errors import InputError
from utils.options import DeviceOptions, WorkspaceOptions, opt, options_of, to_json, with_defaults
from utils.records import read_record
from utils.workspace import Workspace

DATA, SAMPLES, TRAINING, OUTPUT = "Files", "Samples", "Training", "Saving and preview"
TARGETS = frozenset({"target_iter", "target_minutes"})
# Not saved with the settings of the model: paths, and what concerns one run or one machine only.
NOT_SAVED = frozenset({
    "training_data_src_dir",
    "training_data_dst_dir",
    "model_dir",
    "load_weights",
    "workspace",
    "debug",
    "ask",
    "progress",
    "preview",
    "cpu_only",
    "force_gpu_idx",
    "multi_gpu",
    "mixed_precision",
    *TARGETS,
    "stop_when",
    "swap_sides",
    "new_faces",
})


class Preset(NamedTuple):
    """Settings that belong together.

    Attributes
    ----------
    learning_rate : float
        Unless the user gives one.
    warm_up : int
        Iterations over which the learning rate grows from zero.
    he_init : bool
        Whether weights are initialized by `models/initializers.py` (He), not by Keras (Glorot).
    """

    learning_rate: float
    warm_up: int
    he_init: bool


PRESETS = {
    "fast": Preset(2e-4, 100, he_init=True),
    "original": Preset(5e-5, 0, he_init=False),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions(DeviceOptions, WorkspaceOptions):
    """Options of the trainer, whatever the model."""

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
    new_faces: bool = opt(
        False,
        help="train on the people in these folders, whomever the model was trained on before",
        group=DATA,
    )
    model: str = opt(
        MODELS.names[0],
        help="model architecture",
        choices=MODELS.about,
        more=COST,
        fixed=True,
        group=TRAINING,
        ask=True,
        decides=True,
    )
    load_weights: Path | None = opt(
        None,
        help="start a new model with all layers that fit of the model in this folder",
        seldom=True,
        fixed=True,
        group=TRAINING,
    )
    batch_size: int = opt(
        8,
        help="samples of each side per iteration; more need more memory (0: what fits)",
        low=0,
        high=1024,
        group=TRAINING,
        seldom=True,
        zero="automatic",
    )
    preset: str = opt(
        "original",
        help="weight initialization and learning rate; fast is for small networks only",
        choices=tuple(PRESETS),
        renamed={"ancestor": "original"},
        group=TRAINING,
    )
    learning_rate: float = opt(
        0.0,
        help="learning rate of the optimizer (0: that of the preset)",
        low=0,
        high=0.1,
        seldom=True,
        live=True,
        group=TRAINING,
        zero="that of the preset",
    )
    optimizer: str = opt(
        "adam",
        help="what turns gradients into steps; adabelief steps farther where they agree",
        choices=("adam", "adabelief"),
        seldom=True,
        group=TRAINING,
    )
    cool_down: float = opt(
        0.2,
        help="last fraction of the way to the target over which the learning rate decays to zero",
        low=0,
        high=1,
        seldom=True,
        live=True,
        group=TRAINING,
    )
    clip_gradients: float = opt(
        0.0,
        help="largest norm of the gradient (0: no clipping); 1 helps if training collapses",
        low=0,
        seldom=True,
        group=TRAINING,
        zero="off",
    )
    grow_batch: int = opt(
        0,
        help="batch size after the first quarter of the way to the target (0: as before)",
        low=0,
        high=1024,
        seldom=True,
        group=TRAINING,
        zero="off",
    )
    accumulate: int = opt(
        1,
        help="batches per iteration, one after the other: a larger batch in the same memory",
        low=1,
        high=64,
        seldom=True,
        group=TRAINING,
    )
    lr_dropout: float = opt(
        0.0,
        help="share of the weights that an iteration leaves as they are, at random, as 0.7",
        low=0,
        high=0.99,
        seldom=True,
        group=TRAINING,
        zero="off",
    )
    average_weights: float = opt(
        0.0,
        help="show and save a moving average of the weights with this decay, as 0.999 (0: none)",
        low=0,
        high=0.99999,
        seldom=True,
        group=TRAINING,
        zero="off",
    )
    warp_off: float = opt(
        0.0,
        help="last fraction of the way to the target on which samples are not warped, as 0.2",
        low=0,
        high=1,
        seldom=True,
        live=True,
        group=TRAINING,
        zero="off",
    )
    swap_sides: int = opt(
        0,
        help="train this many iterations with src and dst swapped; helps a stuck model",
        low=0,
        seldom=True,
        group=TRAINING,
        zero="off",
    )
    multi_gpu: bool = opt(False, help="split each batch among all GPUs", group=TRAINING)
    mixed_precision: bool = opt(
        False,
        help="train in bfloat16: faster, half the memory; needs an RTX 30 series GPU or newer",
        seldom=True,
        group=TRAINING,
    )
    target_iter: int = opt(
        0,
        help="stop after this many iterations, earlier runs included (0: no limit)",
        low=0,
        aliases=("--target-epoch",),
        live=True,
        group=TRAINING,
        seldom=True,
        zero="no limit",
    )
    target_minutes: float = opt(
        0.0,
        help="stop after this many minutes of training, earlier runs included (0: no limit)",
        low=0,
        live=True,
        group=TRAINING,
        ask=True,
        zero="no limit",
    )
    stop_when: str | None = opt(
        None,
        help="stop at this swap quality (0.8), when it stalls (stalled:5 measurements), or both",
        live=True,
        group=TRAINING,
    )
    seed: int | None = opt(
        None, help="seed of reproducible samples", low=0, group=TRAINING, zero="random"
    )
    random_flip: bool = opt(
        True,
        help="mirror faces at random; not needed if src looks in every direction of dst",
        group=SAMPLES,
        seldom=True,
    )
    sort_by_yaw: bool = opt(
        False, help="pair each dst face with a src face of similar yaw", group=SAMPLES, seldom=True
    )
    src_scale: int = opt(
        0,
        help="enlarge src faces by so many percent; negative if src's face is wider than dst's",
        low=-30,
        high=30,
        group=SAMPLES,
        seldom=True,
    )
    input_jitter: float = opt(
        0.0,
        help="vary color and sharpness of what goes in, not of the target; 0.15 is usual (0: off)",
        low=0,
        high=1,
        seldom=True,
        group=SAMPLES,
        zero="off",
    )
    train_color_transfer: str = opt(
        "none",
        help="show src in colors of random dst faces, by a random part of the way",
        choices={"none": "leave the colors as they are"} | COLORS.about,
        more=FIRST_COLORS,
        seldom=True,
        group=SAMPLES,
    )
    blur_out_mask: bool = opt(
        False,
        help="blur the target outside of the face, so that nothing of it has to be learned",
        seldom=True,
        group=SAMPLES,
    )
    uniform_pose: bool = opt(
        False,
        help="show faces in rare directions more often",
        seldom=True,
        group=SAMPLES,
    )
    uniform_expression: bool = opt(
        False,
        help="show rare expressions, such as shut eyes or an open mouth, more often",
        seldom=True,
        group=SAMPLES,
    )
    save_minutes: float = opt(
        10.0, help="minutes between two saves", low=0.001, seldom=True, live=True, group=OUTPUT
    )
    keep: int = opt(
        3, help="number of saved generations to keep", low=1, seldom=True, live=True, group=OUTPUT
    )
    preview: bool = opt(
        True, help="show a window with faces and losses, if there is a display", group=OUTPUT
    )
    preview_minutes: float = opt(
        1.0,
        help="minutes between two previews, in the window and as preview.png (0: none)",
        low=0,
        live=True,
        group=OUTPUT,
        zero="never",
    )
    preview_history: bool = opt(
        False,
        help="keep every preview in <model dir>/preview_history",
        live=True,
        group=OUTPUT,
        seldom=True,
    )
    tensorboard: bool = opt(
        False,
        help="write losses, metrics and previews for TensorBoard into <model dir>/tensorboard",
        seldom=True,
        group=OUTPUT,
    )
    measure_minutes: float = opt(
        5.0,
        help="minutes between two validations on held-out faces, for progress.csv (0: none)",
        low=0,
        seldom=True,
        group=OUTPUT,
        zero="never",
    )

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
        if folder is None or values is None or TARGETS & set(given):
            return values
        target: Any = newest_state(Path(folder)).get("target")
        known = TARGETS & set(target) if isinstance(target, dict) else set[str]()
        return values | {name: target[name] for name in known}


def for_arguments(argv: Sequence[str]) -> type[TrainOptions]:
    """Return the options class for a command line.

    The model is that of `--model`, else the one saved in `--model-dir`, else the first in
    the registry.
    """
    given = _peek(argv)
    name = given.model
    if name is None and (model_dir := _model_dir(given)) is not None:
        name = (saved_options(model_dir) or {}).get("model")
    own = {known.lower(): known for known in MODELS.names}
    return options_class(own.get(str(name).lower(), MODELS.names[0]), given.preset)


def options_class(model: str, preset: str | None = None) -> type[TrainOptions]:
    """Return `TrainOptions` and the options of one model merged into one class.

    A model may have defaults of its own; with another preset than its own (None) the learning rate
    is that preset's.
    """
    cls = MODELS.load(model)
    defaults = {"model": model, **cls.defaults}
    if preset not in (None, cls.defaults.get("preset")):
        defaults.pop("learning_rate", None)
    if preset == "fast":
        defaults |= cls.fast
    return with_defaults(_merged(model), defaults)


def _merged(model: str) -> type[TrainOptions]:
    cls = type(
        f"Train{model}Options",
        (MODELS.load(model).Options, TrainOptions),
        {"__module__": __name__},
    )
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


def _peek(argv: Sequence[str]) -> argparse.Namespace:
    """Read the flags that decide on others and their defaults; errors are left to the parser."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--model")
    parser.add_argument("--preset")
    read_path = next(o.parse for o in options_of(TrainOptions) if o.name == "model_dir")
    parser.add_argument("--model-dir", type=read_path)
    parser.add_argument("--workspace", type=read_path)
    try:
        return parser.parse_known_args(argv)[0]
    except argparse.ArgumentError:
        return argparse.Namespace(model=None, model_dir=None, preset=None, workspace=None)


def _model_dir(given: argparse.Namespace) -> Path | None:
    """Return the model's folder, that of the workspace if no flag names it; None for none."""
    if given.model_dir is not None:
        return Path(given.model_dir)
    home = workspace.find() if given.workspace is None else Workspace(given.workspace)
    return None if home is None else home.model


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
