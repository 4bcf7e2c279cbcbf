"""A model in training: networks, optimizer, loss history and clock, and how they are saved."""

import math
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models import checkpoint
from models.backend import keras
from models.base import Batch, ModelBase
from models.checkpoint import Generation
from models.engine import engine
from models.engine.step import StepResult, TrainStep
from trainer import critics, option_changes
from trainer.loss_history import LossHistory
from trainer.option_changes import Change, Changes
from trainer.schedule import Schedule
from utils import lazy
from utils.records import reading

if TYPE_CHECKING:
    from trainer.cluster.leader import Leader


@dataclass(frozen=True)
class SaveSettings:
    """Where a model is saved, and what is saved besides the state of its training.

    Attributes
    ----------
    keep : int
        Number of generations to keep.
    options : mapping
        What the model remembers of its options, as JSON values; "model" is its name.
    pretrained : bool
        Whether it is a base for others, trained on many people.
    """

    model_dir: Path
    keep: int
    options: Mapping[str, Any]
    pretrained: bool = False


class TrainingSession:
    """A model and how far its training has come.

    Attributes
    ----------
    batch_size : int
        Samples of each side per batch, until it grows; 0 until it is chosen, when the options
        leave it open.
    seed : int
        Source of this run's randomness.
    iteration : int
        Steps done in all runs.
    steps_done : int
        Steps done in this run.
    losses : LossHistory
        The losses of all runs.
    changes : list of Change
        Where an option took effect that was another one before, oldest first.
    saved_iteration : int
        Iteration of the newest generation on disk, -1 before the first.
    healthy : int
        What was saved up to this iteration has proved to be healthy.
    save_seconds : float
        How long the last save of this run took, 0 before the first.
    swapped_until : int
        Up to this iteration src samples are trained as dst and dst samples as src.
    restored : int
        How often a generation was loaded.
    leader : Leader or None
        Has the other members of a cluster do the same steps.
    """

    def __init__(
        self,
        model: ModelBase,
        step: TrainStep,
        schedule: Schedule,
        save_settings: SaveSettings,
        *,
        batch_size: int,
        seed: int,
    ) -> None:
        self.model, self.step = model, step
        self.schedule, self.save_settings = schedule, save_settings
        self.batch_size, self.seed = batch_size, seed
        self.iteration, self.steps_done, self.saved_iteration = 0, 0, -1
        self.losses = LossHistory()
        self.changes: list[Change] = []
        self.healthy = self.swapped_until = 0
        self.save_seconds = 0.0
        self.restored = 0
        self.leader: Leader | None = None
        self._target = schedule.target()
        self._saved_target: object = None
        self._saved_schedule: Mapping[str, Any] = {}
        self._earlier, self._started = 0.0, math.inf

    @property
    def output_model(self) -> ModelBase:
        """The model that is shown, measured and saved: the average, if one is kept."""
        return self.model if self.step.average is None else self.step.average.model

    @property
    def samples(self) -> int:
        """Samples of each side in the next step: as many batches as are accumulated."""
        return self.current_batch * self.step.accumulate

    @property
    def current_batch(self) -> int:
        """Samples of each side in the next batch: perhaps more near the target."""
        return self.schedule.batch_size(self.batch_size, self.progress)

    @property
    def warps(self) -> bool:
        """Whether the samples of the next step are warped at random."""
        return self.schedule.warps(self.progress)

    @property
    def networks(self) -> "list[keras.Model]":
        """All networks that compute: those in training and, if there are any, the averaged ones."""
        models = {id(model): model for model in (self.model, self.output_model)}
        return [network for model in models.values() for network in model.trained.values()]

    def resume(self, generation: Generation) -> None:
        """Continue from a saved generation."""
        state = generation.state
        with reading(generation.path, "generation"):
            self._restore(generation)
            self._earlier = float(state.get("seconds", 0.0))
            self.swapped_until = int(state.get("exchanged_until", 0))
            self._saved_schedule = dict(state.get("schedule", {}))
            self.changes = option_changes.sound(state.get("changes"))
            self.schedule = self.schedule.continued(
                self._saved_schedule, self.iteration, self.seconds
            )
        self.healthy = self.iteration  # only a healthy model is saved, and the first step checks it

    @property
    def seconds(self) -> float:
        """How long the model has been trained, all runs together."""
        return self._earlier + max(0.0, time.perf_counter() - self._started)

    @property
    def sides_swapped(self) -> bool:
        """Whether src and dst are swapped at present (`--swap-sides`)."""
        return self.iteration < self.swapped_until

    @property
    def progress(self) -> float:
        """The covered part of the way to the closer target, 0..1; 0 without a target."""
        return self.schedule.progress(self.iteration, self.seconds)

    @property
    def lr_scale(self) -> float:
        """Factor on the learning rate of the next step."""
        return self.schedule.lr_scale(self.progress)

    def finished(self) -> bool:
        """Whether a target is reached."""
        return self.progress == 1

    def end_soon(self) -> None:
        """Set the target so that only the cool-down is left; once it is, nothing changes."""
        if not self.schedule.ends_early:
            self.schedule = self.schedule.ending(self.iteration, self.seconds, self._saved_schedule)

    def reschedule(self, schedule: Schedule) -> None:
        """Follow another schedule from the next step on; a target that stays keeps its way."""
        self._saved_schedule = self.schedule.state()
        continued = schedule.continued(self._saved_schedule, self.iteration, self.seconds)
        self.schedule = replace(continued, grow_batch=self.schedule.grow_batch)
        self._target = schedule.target()

    def note_changes(self, changes: Changes) -> None:
        """Record that options differ from those before, from the next step on."""
        self.changes.append({"iteration": self.iteration, "options": dict(changes)})

    def begin_at(self, iteration: int, seconds: float) -> None:
        """Follow a session that has come so far."""
        self.iteration, self._earlier = iteration, seconds

    def start_clock(self) -> None:
        """Count training time from now on; preparation does not count."""
        self._started = time.perf_counter()

    def train(self, src: Batch, dst: Batch) -> StepResult:
        """Do one step and record its losses unless they are not finite."""
        rate = self.schedule.learning_rate * self.lr_scale
        self.step.set_rate(rate)
        with nullcontext() if self.leader is None else self.leader.step(self, rate):
            result = self.step(dst, src) if self.sides_swapped else self.step(src, dst)
        if result.finite:
            self.losses.add(result.losses)
            self.iteration += 1
            self.steps_done += 1
        return result

    def save(self) -> None:
        """Write a generation, unless the newest one has all that was learned, and the target.

        Raises
        ------
        OSError
            When it cannot be written, such as on a full disk; older generations stay intact.
        """
        if (self.iteration, self._target_ahead) == (self.saved_iteration, self._saved_target):
            return
        settings, started = self.save_settings, time.perf_counter()
        checkpoint.save_generation(
            settings.model_dir,
            state=self._state(),
            options=settings.options,
            weights=_weights(self.output_model),
            optimizer=self._optimizer_state(),
            history=self.losses.rows,
            keep=None,
        )
        self.saved_iteration, self._saved_target = self.iteration, self._target_ahead
        self._remove_old(ended=False)
        self.save_seconds = time.perf_counter() - started

    def bytes_to_save(self) -> int:
        """Return about how many bytes a generation takes."""
        arrays = [array for network in _weights(self.output_model).values() for array in network]
        arrays += [*self._optimizer_state().values(), self.losses.rows]
        return sum(array.nbytes for array in arrays)

    def confirm(self, iteration: int) -> None:
        """Note that what was saved up to this iteration is healthy."""
        self.healthy = max(self.healthy, iteration)

    def give_up_oldest(self) -> int | None:
        """Remove the oldest generation that can be spared; return its iteration, None for none."""
        return checkpoint.remove_oldest(self.save_settings.model_dir, self.healthy)

    def end(self) -> None:
        """Remove what was kept beyond `SaveSettings.keep` in case that the model dies."""
        self._remove_old(ended=True)

    def restore_newest(self, at_most: int, accept: Callable[[], bool] = lambda: True) -> bool:
        """Load the newest generation up to an iteration that is accepted; False if there is none.

        Parameters
        ----------
        accept : callable
            Called when the model has the weights of a generation.
        """
        model_dir = self.save_settings.model_dir
        while (generation := checkpoint.load_newest(model_dir, at_most)) is not None:
            self._restore(generation)
            if accept():
                return True
            at_most = generation.iteration - 1
        return False

    def forget_newer(self) -> None:
        """Remove the generations after the one that was restored, which is the last healthy one."""
        self.healthy = self.iteration
        for change in self.changes:  # what was set stays, so it holds from here on
            change["iteration"] = min(change["iteration"], self.iteration)
        checkpoint.remove_newer(self.save_settings.model_dir, self.iteration)

    def set_batch_size(self, size: int) -> None:
        """Use another batch size from now on and save it with the model."""
        self.batch_size = size
        options = self.save_settings.options
        if options["batch_size"]:  # 0 stays: the largest that fits depends on the device
            self.save_settings = replace(
                self.save_settings, options={**options, "batch_size": size}
            )

    def limit_batch(self, size: int) -> None:
        """Use no larger batches from now on; only a lower `batch_size` is saved."""
        if self.current_batch > self.batch_size:
            self.schedule = replace(self.schedule, grow_batch=size)
        else:
            self.set_batch_size(size)

    def _remove_old(self, *, ended: bool) -> None:
        settings = self.save_settings
        checkpoint.remove_old(settings.model_dir, settings.keep, self.healthy, ended=ended)

    @property
    def _target_ahead(self) -> dict[str, float] | None:
        """The target that was asked for, as JSON values; None for none, or when training ends."""
        return None if self.finished() else self._target

    def _state(self) -> dict[str, Any]:
        """Return what `_restore` and `resume` need besides arrays, as JSON values."""
        average, target = self.step.average, self._target_ahead
        return {
            "model": self.save_settings.options["model"],
            "iteration": self.iteration,
            "seconds": round(self.seconds, 3),
            "loss_names": self.losses.names,
            "exchanged_until": self.swapped_until,
            "schedule": self.schedule.state(),
            "versions": _versions(),
            **({} if average is None else {"averaged_steps": int(average.steps)}),
            **({} if target is None else {"target": target}),
            **({"pretrained": True} if self.save_settings.pretrained else {}),
            **({"changes": self.changes[-option_changes.MOST :]} if self.changes else {}),
        }

    def _optimizer_state(self) -> dict[str, np.ndarray]:
        """Return the optimizer's arrays, and the raw weights where averaged ones are saved."""
        arrays = self.step.optimizer.state() | critics.state(self.model, self.step)
        if self.step.average is None:
            return arrays
        return arrays | checkpoint.flat_names(_weights(self.model), checkpoint.RAW)

    def _restore(self, generation: Generation) -> None:
        self.restored += 1
        checkpoint.set_weights(self.model, generation, to_train=True)
        if (average := self.step.average) is not None:
            checkpoint.set_weights(average.model, generation)
            average.steps.assign(int(generation.state.get("averaged_steps", 0)))
        self.step.restore(generation.optimizer())
        critics.restore(self.model, self.step, generation.critics())
        self.iteration = self.saved_iteration = generation.iteration
        self._saved_target = generation.state.get("target")
        names = [str(name) for name in generation.state.get("loss_names", [])]
        self.losses = LossHistory(names, generation.history())


def _weights(model: ModelBase) -> dict[str, list[np.ndarray]]:
    return {name: network.get_weights() for name, network in model.networks.items()}


def _versions() -> dict[str, str]:
    modules = {name: lazy.load(name) for name in ("keras", "numpy", "cv2")}
    return {"python": platform.python_version(), engine().name: engine().version()} | {
        name: str(module.__version__) for name, module in modules.items()
    }
