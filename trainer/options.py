"""The options of `train`: those of the trainer and those of the chosen model, in one class."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from models import MODELS
from utils.errors import InputError
from utils.files import read_record
from utils.options import DeviceOptions, opt, options_of, to_json

DATA, SAMPLES, TRAINING, OUTPUT = "Files", "Samples", "Training", "Saving and preview"
NOT_KEPT = frozenset({
    # where things are today, and what is one run's business
    "training_data_src_dir", "training_data_dst_dir", "model_dir",
    "debug", "ask", "cpu_only", "force_gpu_idx", "multi_gpu", "mixed_precision",
    "target_iter", "target_minutes", "swap_sides", "preview", "load_weights",
})  # fmt: skip


class Preset(NamedTuple):
    """Settings that belong together.

    Attributes
    ----------
    learning_rate : step size, unless the user gives one
    warm_up : iterations over which the step grows to that size
    own_start : whether weights begin as in `models/initializers.py`; else as Keras does it
    """

    learning_rate: float
    warm_up: int
    own_start: bool


PRESETS = {
    "fast": Preset(2e-4, 100, own_start=True),
    "ancestor": Preset(5e-5, 0, own_start=False),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions(DeviceOptions):
    """Options of the trainer, whatever the model."""

    training_data_src_dir: Path = opt(help="aligned faces of src, the identity put in", group=DATA)
    training_data_dst_dir: Path = opt(help="aligned faces of dst, the footage changed", group=DATA)
    model_dir: Path = opt(help="folder of the model; made if it does not exist", group=DATA)
    model: str = opt(
        MODELS.names[0], help="model to train", choices=MODELS.names, fixed=True, group=TRAINING
    )
    load_weights: Path | None = opt(
        None,
        help="begin a new model with what the model in this folder has learned, as far as it fits",
        seldom=True,
        fixed=True,
        group=TRAINING,
    )
    batch_size: int = opt(
        8,
        help="faces of src and as many of dst per iteration; more learn smoother and need memory "
        "(0: what fits)",
        low=0, high=1024, ask=True, group=TRAINING,
    )  # fmt: skip
    preset: str = opt(
        "ancestor",
        help="how weights begin and how long the steps are; ancestor: as in 2019, learns slower; "
        "fast: for small networks (lightweight H64, SAE of 64 pixels), large ones break down",
        choices=tuple(PRESETS), seldom=True, group=TRAINING,
    )  # fmt: skip
    learning_rate: float = opt(
        0.0, help="step size of the optimizer (0: that of the preset)", low=0, high=0.1,
        seldom=True, group=TRAINING,
    )  # fmt: skip
    cool_down: float = opt(
        0.2,
        help="share of the way to --target-iter or --target-minutes, at its end, over which the "
        "steps shrink to nothing, so that the picture settles (0: never)",
        low=0, high=1, seldom=True, group=TRAINING,
    )  # fmt: skip
    clip_gradients: float = opt(
        0.0,
        help="shorten a step whose gradient is longer than this (0: never); 1 tames a model that "
        "collapses",
        low=0, seldom=True, group=TRAINING,
    )  # fmt: skip
    swap_sides: int = opt(
        0,
        help="train this many iterations with src and dst exchanged, then go back to normal; "
        "for a model that is stuck",
        low=0, seldom=True, group=TRAINING,
    )  # fmt: skip
    multi_gpu: bool = opt(
        False, help="share each batch among all GPUs of this machine", group=TRAINING
    )
    mixed_precision: bool = opt(
        False,
        help="compute in bfloat16 where that does no harm: faster, half the memory; needs a GPU "
        "of compute capability 8.0 or more (RTX 30 and newer)",
        seldom=True,
        group=TRAINING,
    )
    target_iter: int = opt(
        0,
        help="stop when the model has had this many iterations (0: go on until stopped)",
        low=0, ask=True, aliases=("--target-epoch",), group=TRAINING,
    )  # fmt: skip
    target_minutes: float = opt(
        0.0,
        help="stop after this many minutes of training, earlier runs included (0: no limit)",
        low=0, group=TRAINING,
    )  # fmt: skip
    seed: int | None = opt(None, help="makes the samples repeatable", low=0, group=TRAINING)
    random_flip: bool = opt(
        True,
        help="mirror faces at random; more natural without if src looks in all directions of dst",
        ask=True, group=SAMPLES,
    )  # fmt: skip
    sort_by_yaw: bool = opt(
        False,
        help="give each dst face a src face that looks the same way, mirrored where that fits; "
        "src directions that dst lacks are not learned",
        ask=True, group=SAMPLES,
    )  # fmt: skip
    src_scale: int = opt(
        0,
        help="make src faces so many percent larger; below 0 when src's face is wider than dst's",
        low=-30, high=30, ask=True, group=SAMPLES,
    )  # fmt: skip
    save_minutes: float = opt(10.0, help="save this often", low=0.001, seldom=True, group=OUTPUT)
    keep: int = opt(
        3, help="saved generations of the model that are kept", low=1, seldom=True, group=OUTPUT
    )
    preview: bool = opt(
        True,
        help="show a window with faces and losses; without a display there is none",
        group=OUTPUT,
    )
    preview_minutes: float = opt(
        1.0,
        help="draw the preview this often, in the window and as preview.png in the model's folder "
        "(0: never)",
        low=0, group=OUTPUT,
    )  # fmt: skip
    preview_history: bool = opt(
        False, help="keep every preview in <model dir>/preview_history", ask=True, group=OUTPUT
    )
    tensorboard: bool = opt(
        False,
        help="write losses, measures and previews for TensorBoard into <model dir>/tensorboard",
        seldom=True,
        group=OUTPUT,
    )
    measure_minutes: float = opt(
        5.0,
        help="measure the faces that are kept out of training this often (0: never); the curves "
        "stand in the preview, the figures in <model dir>/progress.csv",
        low=0, seldom=True, group=OUTPUT,
    )  # fmt: skip

    @property
    def way(self) -> Preset:
        """The preset, with the learning rate that is to be used."""
        chosen = PRESETS[self.preset]
        return chosen._replace(learning_rate=self.learning_rate or chosen.learning_rate)

    @classmethod
    def saved(cls, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the settings of the model in `--model-dir`, or None when there is none yet."""
        folder = given.get("model_dir")
        return None if folder is None else saved_options(Path(folder))


def for_arguments(argv: Sequence[str]) -> type[TrainOptions]:
    """Return the options class for a command line.

    The model is that of `--model`, else the one saved in `--model-dir`, else the first in
    the registry.
    """
    given = _glance(argv)
    name = given.model
    if name is None and given.model_dir is not None:
        name = (saved_options(given.model_dir) or {}).get("model")
    return options_class(name if name in MODELS.names else MODELS.names[0])


def options_class(model: str) -> type[TrainOptions]:
    """Return `TrainOptions` and the options of one model merged into one class."""
    base = MODELS.load(model).Options
    cls = type(f"Train{model}Options", (base, TrainOptions), {"__module__": __name__})
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


def _glance(argv: Sequence[str]) -> argparse.Namespace:
    """Read the two flags that decide what the others are; the real parser finds what is wrong."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--model")
    read_path = next(o.parse for o in options_of(TrainOptions) if o.name == "model_dir")
    parser.add_argument("--model-dir", type=read_path)
    try:
        return parser.parse_known_args(argv)[0]
    except argparse.ArgumentError:
        return argparse.Namespace(model=None, model_dir=None)


def saved_options(model_dir: Path) -> dict[str, Any] | None:
    """Return the newest options that can be read in a model folder; None when there are none."""
    folders = [path for path in model_dir.glob("generations/*") if path.name.isdigit()]
    for folder in sorted(folders, key=lambda path: int(path.name), reverse=True):
        try:
            values = read_record(folder / "options.json", "training options", None)
        except InputError:
            continue
        return {name: value for name, value in values.items() if name not in NOT_KEPT}
    return None


def to_save(options: TrainOptions) -> dict[str, Any]:
    """Return what a model remembers of its options, as JSON values."""
    return {name: value for name, value in to_json(options).items() if name not in NOT_KEPT}
