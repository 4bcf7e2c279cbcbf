"""Options of `train` about the network, how it learns, and for how long."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from models import COST, MODELS
from utils.options import opt

TRAINING = "Training"


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


PHASES: Mapping[str, Mapping[str, Any]] = {
    "warp": {"warp_off": 0.0, "lr_dropout": 0.0, "gan_power": 0.0},
    "refine": {"warp_off": 1.0, "lr_dropout": 0.7, "gan_power": 0.0},
    "gan": {"warp_off": 1.0, "lr_dropout": 0.7, "gan_power": 0.1},
}
"""What each phase sets, of the options that a model has; the names are those of DeepFaceLab's
users, who let a model learn both people from warped faces first, and then sharpen it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningOptions:
    """The network, its optimizer, and when it ends."""

    model: str = opt(
        MODELS.names[0],
        help="model architecture; with it, --help shows the options of that model",
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
    phase: str | None = opt(
        None,
        help="set what this phase of a training needs; other flags prevail",
        choices={
            "warp": "learn both people from warped faces: no LR dropout, no GAN",
            "refine": "sharpen what the model has learned: no warping, LR dropout",
            "gan": "sharpen fine detail at the end: the same with a GAN",
        },
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
    save_memory: bool = opt(
        False,
        help="compute much of a step twice instead of keeping it: less memory, a sixth slower",
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
    cluster: str | None = opt(
        None,
        help="split each batch among several machines: host:port,host:port of all, by rank",
        group=TRAINING,
    )
    rank: int | None = opt(
        None,
        help="which of the addresses in --cluster is this machine's; 0 shows and saves",
        low=0,
        group=TRAINING,
    )
    mixed_precision: bool = opt(
        False,
        help="train in bfloat16: faster; needs an RTX 30 series GPU or newer, or a CPU with AMX",
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
