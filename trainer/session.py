"""A model in training: networks, optimizer, loss history and clock, and how they are saved."""

import math
import platform
import time
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models import checkpoint
from models.base import Batch, ModelBase
from models.checkpoint import Generation
from trainer.schedule import Schedule
from trainer.step import StepResult, TrainStep
from utils import lazy
from utils.errors import UserError

MAX_ROLLBACKS = 3  # to the same generation


@dataclass(frozen=True)
class SaveSettings:
    """Where a model is saved, and what is saved besides the state of its training.

    Attributes
    ----------
    keep : int
        Number of generations to keep.
    options : mapping
        What the model remembers of its options, as JSON values; "model" is its name.
    """

    model_dir: Path
    keep: int
    options: Mapping[str, Any]


class TrainingSession:
    """A model and how far its training has come.

    Attributes
    ----------
    batch_size : int
        Samples of each side per step; 0 until it is chosen, when the options leave it open.
    seed : int
        Source of this run's randomness.
    iteration : int
        Steps done in all runs.
    steps_done : int
        Steps done in this run.
    loss_names : list of str
        Columns of `history`, known after the first step.
    saved_iteration : int
        Iteration of the newest generation on disk, -1 before the first.
    swapped_until : int
        Up to this iteration src samples are trained as dst and dst samples as src.
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
        self.loss_names: list[str] = []
        self.swapped_until = 0
        self._losses = array("f")
        self._earlier, self._started = 0.0, math.inf
        self._rollbacks, self._rolled_back_to = 0, -1

    def resume(self, generation: Generation) -> None:
        """Continue from a saved generation."""
        self._restore(generation)
        self._earlier = float(generation.state.get("seconds", 0.0))
        self.swapped_until = int(generation.state.get("exchanged_until", 0))

    @property
    def seconds(self) -> float:
        """How long the model has been trained, all runs together."""
        return self._earlier + max(0.0, time.perf_counter() - self._started)

    @property
    def history(self) -> np.ndarray:
        """(iterations, losses) float32, columns as `loss_names`."""
        columns = max(len(self.loss_names), 1)
        return np.array(self._losses, np.float32).reshape(-1, columns)

    @property
    def sides_swapped(self) -> bool:
        """Whether src and dst are swapped at present (`--swap-sides`)."""
        return self.iteration < self.swapped_until

    @property
    def progress(self) -> float:
        """How near the closer target is, 0..1; 0 without a target."""
        return self.schedule.progress(self.iteration, self.seconds)

    @property
    def lr_scale(self) -> float:
        """Factor on the learning rate of the next step."""
        return self.schedule.lr_scale(self.progress)

    def finished(self) -> bool:
        """Whether a target is reached."""
        return self.progress == 1

    def start_clock(self) -> None:
        """Count training time from now on; preparation does not count."""
        self._started = time.perf_counter()

    def train(self, src: Batch, dst: Batch) -> StepResult:
        """Do one step and record its losses unless they are not finite."""
        self.step.optimizer.rate.assign(self.schedule.learning_rate * self.lr_scale)
        result = self.step(dst, src) if self.sides_swapped else self.step(src, dst)
        if result.finite:
            self.loss_names = list(result.losses)
            self._losses.extend(result.losses.values())
            self.iteration += 1
            self.steps_done += 1
        return result

    def mean_losses(self) -> dict[str, float]:
        """Return the mean since the newest save of each loss that is shown to the user."""
        columns = max(len(self.loss_names), 1)
        since = min(max(self.saved_iteration, 0), self.iteration - 1)
        rows = np.array(self._losses[since * columns :], np.float32).reshape(-1, columns)
        means = zip(self.loss_names, rows.mean(axis=0).tolist(), strict=True)
        return {name: mean for name, mean in means if "mask" not in name}

    def save(self) -> None:
        """Write a generation, unless nothing was learned since the newest one.

        Raises
        ------
        OSError
            When it cannot be written, such as on a full disk; older generations stay intact.
        """
        if self.iteration == self.saved_iteration:
            return
        settings = self.save_settings
        checkpoint.save_generation(
            settings.model_dir,
            state={
                "model": settings.options["model"],
                "iteration": self.iteration,
                "seconds": round(self.seconds, 3),
                "loss_names": self.loss_names,
                "exchanged_until": self.swapped_until,
                "versions": _versions(),
            },
            options=settings.options,
            weights={name: net.get_weights() for name, net in self.model.networks.items()},
            optimizer=self.step.optimizer.state(),
            history=self.history,
            keep=settings.keep,
        )
        self.saved_iteration = self.iteration

    def roll_back(self, healthy: int) -> None:
        """Return to the newest generation up to iteration `healthy` and remove newer ones.

        Raises
        ------
        UserError
            When that has happened too often, or there is nothing to return to.
        """
        model_dir = self.save_settings.model_dir
        generation = checkpoint.load_newest(model_dir, healthy)
        again = generation is not None and generation.iteration <= self._rolled_back_to
        self._rollbacks = self._rollbacks + 1 if again else 1
        if generation is not None:
            checkpoint.remove_newer(model_dir, generation.iteration)
            self._rolled_back_to = generation.iteration
            self._restore(generation)
        if generation is None or self._rollbacks > MAX_ROLLBACKS:
            raise UserError(
                f"training breaks down repeatedly after iteration {self.saved_iteration}, which is "
                f"saved: lower --learning-rate (now {self.schedule.learning_rate:g}), "
                "use --clip-gradients 1, or look for damaged faces with --debug"
            )

    def set_batch_size(self, size: int) -> None:
        """Use another batch size from now on and save it with the model."""
        self.batch_size = size
        options = self.save_settings.options
        if options["batch_size"]:  # 0 stays: the largest that fits depends on the device
            self.save_settings = replace(
                self.save_settings, options={**options, "batch_size": size}
            )

    def _restore(self, generation: Generation) -> None:
        checkpoint.set_weights(self.model, generation)
        self.step.optimizer.restore(generation.optimizer())
        self.iteration = self.saved_iteration = generation.iteration
        self.loss_names = [str(name) for name in generation.state.get("loss_names", [])]
        self._losses = array("f", generation.history().ravel().tolist())


def _versions() -> dict[str, str]:
    modules = {name: lazy.load(name) for name in ("tensorflow", "keras", "numpy", "cv2")}
    return {"python": platform.python_version()} | {
        name: str(module.__version__) for name, module in modules.items()
    }
