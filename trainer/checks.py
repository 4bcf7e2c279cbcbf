"""What is refused before a training asks anything or loads TensorFlow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models import model_folder
from models.critics import GAN, power_option
from trainer.cluster import addresses
from trainer.monitoring.stop_rule import StopRule
from trainer.options import TrainOptions
from utils import requirements
from utils.errors import InputError, ModelError, NothingToDo, UsageError, UserError
from utils.lock import TRAIN_LOCK, locked
from utils.wording import counted

LOCK = TRAIN_LOCK


def check(options: TrainOptions) -> None:
    """Refuse what could only fail after the start.

    Raises
    ------
    InputError, ModelError, UsageError
        If the model folder is none or in use, or options contradict it or make no sense.
    UserError
        If what an option needs is not installed.
    NothingToDo
        If the model has been trained as far as the flags say.
    """
    StopRule.parse(options.stop_when)
    if options.tensorboard and not requirements.is_installed("tensorboardX"):
        raise UserError(
            f"--tensorboard: {requirements.missing('tensorboardX')}, or leave the flag out"
        )
    addresses.check(options)
    if options.rank:
        return  # another machine has the model
    folder = options.model_dir
    if folder.exists() and not folder.is_dir():
        raise InputError(f'"{folder}" is a file; --model-dir must be a folder')
    if (folder / LOCK).exists():
        with locked(folder / LOCK, in_use(folder)):
            pass  # the one who held it is gone
    state = model_folder.newest_state(folder)
    _check_pretraining(options, state)
    if options.phase in ("refine", "gan"):
        _check_phase(options, state)
    if options.load_weights is not None:
        if state:
            raise not_new(folder, state.get("iteration"))
        model_folder.check_trained(options.load_weights, "--load-weights")
    if state and not options.debug and _is_finished(options, state):
        raise NothingToDo(
            "the target is already reached: the model is at iteration "
            f"{state['iteration']:,} after {counted(round(state['seconds'] / 60), 'minutes')}; "
            "set a higher one to train further",
            folder,
        )


def _check_pretraining(options: TrainOptions, state: Mapping[str, Any]) -> None:
    """Refuse to go on with a base as with a pair, or with a pair as with a base."""
    folder = options.model_dir
    if not state or model_folder.is_pretrained(state) == (options.pretrain is not None):
        return
    if options.pretrain is not None:
        raise UsageError(
            f'"{folder}" holds a model of two people, which --pretrain would spoil; use another '
            "--model-dir"
        )
    raise UsageError(
        f'"{folder}" holds a base model, trained on many people; begin a pair from it with '
        f'--load-weights "{folder}" and another --model-dir, or go on with --pretrain'
    )


def _check_phase(options: TrainOptions, state: Mapping[str, Any]) -> None:
    """Refuse a GAN where there is none, or to sharpen what has learned nothing yet."""
    if options.phase == "gan" and not hasattr(options, power_option(GAN)):
        raise UsageError(
            f"--phase: Expected warp or refine, because {options.model} has no GAN. Received: gan"
        )
    if not state and options.load_weights is None:
        raise UsageError(
            f"--phase {options.phase} sharpens a trained model, but there is none in "
            f'"{options.model_dir}"; train it first with --phase warp'
        )


def in_use(model_dir: Path) -> ModelError:
    """Return the error for a folder in which another process trains."""
    return ModelError(
        f'another training is running in "{model_dir}"; stop it, or use another --model-dir'
    )


def not_new(model_dir: Path, iteration: object) -> UsageError:
    """Return the error for --load-weights where there is a model already."""
    return UsageError(
        f'--load-weights starts a new model, but "{model_dir}" holds one at iteration {iteration}; '
        "leave the flag out, or use another --model-dir"
    )


def _is_finished(options: TrainOptions, state: dict[str, object]) -> bool:
    iteration, seconds = state.get("iteration"), state.get("seconds")
    if not isinstance(iteration, int) or not isinstance(seconds, (int, float)):
        return False  # damaged; opening the model says so
    return options.schedule.progress(iteration, seconds) == 1
