"""Turns the options into the parts of a run; the modules that get those do not know the options."""

import secrets
from typing import Any

from facelib import held_out
from facelib.faceset import Faceset
from models import checkpoint, initializers, model_folder, save_memory, weight_transfer
from models.backend import keras
from models.base import ModelBase
from models.engine import engine
from models.engine.average import WeightAverage
from models.engine.step import Members, UpdateSettings
from trainer import devices, memory, option_changes
from trainer.checks import not_new
from trainer.data.sampler import SamplerSettings
from trainer.data.split import Samplers, make_samplers
from trainer.learning_options import PRESETS
from trainer.monitoring.monitor import MonitorSettings
from trainer.monitoring.stop_rule import StopRule
from trainer.options import TARGETS, TrainOptions, to_save
from trainer.session import SaveSettings, TrainingSession
from utils import console
from utils.options import to_json

MANY = 1_000
"""Faces whose expressions take more than a second to measure."""


def open_session(options: TrainOptions, members: Members | None = None) -> TrainingSession:
    """Build the model and continue it from its newest generation, if there is one.

    Parameters
    ----------
    members : Members or None
        Who train it together with this process.

    Raises
    ------
    ModelError
        If the model folder is damaged, or holds another model.
    UsageError
        If the options do not fit the devices or the existing model, or the model the memory.
    """
    generation = checkpoint.load_newest(options.model_dir)
    if generation is not None:
        model_folder.check_name(generation.model, options.model_dir, options.model)
        if options.load_weights is not None:
            raise not_new(options.model_dir, generation.iteration)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    schedule = options.schedule
    strategy = devices.prepare(
        options.batch_size, multi_gpu=options.multi_gpu, mixed_precision=options.mixed_precision
    )
    if strategy is not None:
        devices.check_batch(options.grow_batch, strategy.num_replicas_in_sync, "--grow-batch")
    _check_memory(options)
    console.announce("building the network")
    keras.utils.set_random_seed(seed % 2**32)  # only now: a look at the memory draws seeds, too
    with engine().scope(strategy):
        model: ModelBase = checkpoint.build_model(options.model, to_json(options))
        if generation is None:
            _initialize(model, options, seed)
        model.add_critics()
        if options.save_memory:
            save_memory.save_memory(model.trained.values(), on_cpu=not _has_gpu())
        average = _average(model, options)
        step = engine().Step(
            model,
            schedule.learning_rate,
            options.clip_gradients,
            strategy,
            UpdateSettings(
                options.optimizer, schedule.warm_up, options.lr_dropout, options.accumulate
            ),
            average,
        )
    step.members = members
    save_settings = SaveSettings(
        options.model_dir, options.keep, to_save(options), pretrained=options.pretrain is not None
    )
    session = TrainingSession(
        model, step, schedule, save_settings, batch_size=options.batch_size, seed=seed
    )
    if generation is not None:
        session.resume(generation)
        if changes := _changes(options):
            session.note_changes(changes)
    if options.swap_sides:
        session.swapped_until = session.iteration + options.swap_sides
    return session


def _changes(options: TrainOptions) -> dict[str, list[Any]]:
    """Return what is another option now than in the run that saved the model."""
    before = options.saved({"model_dir": options.model_dir}) or {}
    targets = {name: value for name, value in to_json(options).items() if name in TARGETS}
    return option_changes.between(
        {**dict.fromkeys(TARGETS, 0), **before}, to_save(options) | targets
    )


def _check_memory(options: TrainOptions) -> None:
    """Refuse a model whose weights do not fit before they take all the memory there is."""
    model = weight_transfer.without_weights(
        lambda: checkpoint.build_model(options.model, to_json(options))
    )
    copies = (options.average_weights > 0) + (options.accumulate > 1)
    memory.check_weights(model, _has_gpu(), copies)


def _has_gpu() -> bool:
    return bool(engine().gpus())


def _initialize(model: ModelBase, options: TrainOptions, seed: int) -> None:
    """Set the weights of a new model."""
    if PRESETS[options.preset].he_init:
        initializers.initialize(model.networks.values(), seed)
    if options.load_weights is not None:
        base = options.pretrain is not None
        loaded = weight_transfer.load_weights(model, options.load_weights, for_base=base)
        console.say(weight_transfer.describe(loaded))


def _average(model: ModelBase, options: TrainOptions) -> WeightAverage | None:
    """Return what averages the weights of a model; None when that is not wanted."""
    if not options.average_weights:
        return None
    copy = checkpoint.build_model(options.model, to_json(options))
    return WeightAverage(model, copy, options.average_weights)


def open_samplers(
    options: TrainOptions, session: TrainingSession, src: Faceset, dst: Faceset
) -> Samplers:
    """Make the samplers of both sides as the model and the options want them."""
    settings = sampler_settings(options, session.model)
    if len(src) + len(dst) > MANY:
        console.announce(f"measuring {len(src) + len(dst):,} faces")
    new = session.iteration == 0 or session.seconds == 0  # the latter where it was imported
    rules = held_out.of_training(options.model_dir, src, dst, new=new)
    return make_samplers(
        src,
        dst,
        rules,
        settings,
        session.seed,
        src_scale=options.src_scale / 100,
        sort_by_yaw=options.sort_by_yaw,
    )


def sampler_settings(options: TrainOptions, model: ModelBase) -> SamplerSettings:
    """Return what the samples of a model contain and how they are augmented."""
    return SamplerSettings(
        model.face_type,
        model.resolution,
        random_flip=options.random_flip,
        draw_landmarks=options.debug,
        input_jitter=options.input_jitter,
        color_transfer=options.train_color_transfer,
        blur_background=options.blur_out_mask,
        uniform_pose=options.uniform_pose,
        uniform_expression=options.uniform_expression,
        with_priority=model.options.eyes_mouth_priority > 0,
        with_expression=model.options.expression_head,
    )


def monitor_settings(options: TrainOptions) -> MonitorSettings:
    """Return what is shown and recorded while the model trains, and when that ends it.

    Raises
    ------
    UsageError
        If `--stop-when` is not as it should be.
    """
    return MonitorSettings(
        folder=options.model_dir,
        window=options.preview,
        preview_minutes=options.preview_minutes,
        preview_history=options.preview_history,
        validation_minutes=options.measure_minutes,
        tensorboard=options.tensorboard,
        stop_rule=StopRule.parse(options.stop_when),
    )
