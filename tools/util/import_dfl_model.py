"""`util import-dfl-model`: goes on with a model that DeepFaceLab 2 trained.

The weights and the options are taken over; the state of the optimizer, the losses and the critics
of a GAN are not.
"""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from models import checkpoint, model_folder, weight_transfer
from models.engine import engine
from tools.util import dfl_layers, dfl_model, dfl_options
from tools.util.dfl_model import DflModel
from tools.util.options import ImportModelOptions
from utils import console
from utils.console import Report
from utils.errors import InputError

SPARE = 1 << 24
"""Bytes of what a model folder holds besides weights."""


def run(options: ImportModelOptions) -> Report:
    """Make a model folder of a model of DeepFaceLab 2; nothing is changed if that fails.

    Raises
    ------
    InputError
        If there is no model that can be taken over, the folder for it is not empty, or the disk
        has too little room.
    """
    target = options.model_dir.resolve()
    _check_target(target, options.model_dir)
    console.announce(f'reading "{options.input_dir}"')
    old = dfl_model.open_model(options.input_dir, options.name)
    values = dfl_options.translated(old)
    engine().tune()
    model = weight_transfer.without_weights(lambda: checkpoint.build_model(old.kind, values))
    wanted = dfl_layers.sources(model)
    count = sum(source.size for sources in wanted.values() for source in sources)
    _check_room(target, 4 * count + SPARE)
    weights = {name: dfl_layers.read_network(old, wanted[name]) for name in wanted}
    _write(target, old, values, weights)
    if old.pretrained:
        console.say("it is a base, trained on many people; begin a pair by train --load-weights")
    return Report(
        {"parameters": count, "iterations": old.iteration},
        notes={"options without a counterpart here": dfl_options.left_out(old)},
        made=[options.model_dir],
    )


def _check_target(target: Path, given: Path) -> None:
    if target.exists() and not target.is_dir():
        raise InputError(f'"{given}" is a file; --model-dir must be a folder')
    if model_folder.generations(target):
        raise InputError(f'"{given}" holds a model already; choose another --model-dir')
    # a killed import leaves that folder, with nothing complete in it
    if target.exists() and {path.name for path in target.iterdir()} - {model_folder.GENERATIONS}:
        raise InputError(f'"{given}" is not empty; choose another --model-dir')


def _check_room(target: Path, needed: int) -> None:
    folder = next(parent for parent in target.parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f'the disk of "{target}" has too little room for this model. '
            f"Expected: {needed >> 20:,} MB. Received: {free >> 20:,} MB"
        )


def _write(
    target: Path, old: DflModel, values: dict[str, Any], weights: dict[str, list[np.ndarray]]
) -> None:
    """Write the folder; it is one with a model by the last step alone, a rename."""
    state = {"model": old.kind, "iteration": old.iteration, "seconds": 0.0}
    new = [folder for folder in (target, *target.parents) if not folder.exists()]
    try:
        checkpoint.save_generation(
            target,
            state=state | ({"pretrained": True} if old.pretrained else {}),
            options=values,
            weights=weights,
            optimizer={},
            history=np.empty((0, 0)),
            keep=None,
        )
    except BaseException:
        shutil.rmtree(target / model_folder.GENERATIONS, ignore_errors=True)
        for folder in new:
            with suppress(OSError):
                folder.rmdir()
        raise
