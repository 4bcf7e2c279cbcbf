"""A model in training: networks, optimizer, history, clock, and their way to disk and back."""

import dataclasses
import math
import platform
import secrets
import time
from array import array
from pathlib import Path

import numpy as np

from models import checkpoint, weight_transfer
from models.base import Batch, ModelBase
from models.checkpoint import Generation
from trainer.devices import Devices
from trainer.options import TrainOptions, to_save
from trainer.step import StepResult, TrainStep
from utils import console, lazy
from utils.errors import UsageError, UserError
from utils.options import to_json

MAX_ROLLBACKS = 3  # to the same generation


class TrainingSession:
    """What is trained and how far it has come.

    Attributes
    ----------
    model : ModelBase
    batch_size : faces of each side per step; 0 until it is set, when the options leave it open
    seed : where this run's randomness comes from
    iteration : steps done in all runs
    steps_done : steps done in this run
    loss_names : columns of `history`, known after the first step
    saved_iteration : iteration of the newest generation on disk, -1 before the first
    exchanged_until : up to this iteration src is fed as dst and dst as src
    """

    def __init__(self, options: TrainOptions) -> None:
        generation = checkpoint.load_newest(options.model_dir)
        if generation is not None:
            checkpoint.check_name(generation, options.model_dir, options.model)
        self.seed = secrets.randbits(32) if options.seed is None else options.seed
        lazy.load("keras").utils.set_random_seed(self.seed % 2**32)
        self.options = options
        self.batch_size = options.batch_size
        self.processors = Devices(options)
        way = options.way
        with self.processors.scope():
            self.model: ModelBase = checkpoint.build_model(options.model, to_json(options))
            if generation is None and way.own_start:
                lazy.load("models.initializers").begin(self.model.networks.values(), self.seed)
            if options.load_weights is not None:
                self._begin_with(options.load_weights, generation)
            self.step = TrainStep(
                self.model,
                way.learning_rate,
                options.clip_gradients,
                self.processors.strategy,
                way.warm_up,
            )
        self.iteration, self.steps_done, self.saved_iteration = 0, 0, -1
        self.loss_names: list[str] = []
        self._losses = array("f")
        self._earlier, self._started = 0.0, math.inf
        self._rollbacks, self._rolled_back_to = 0, -1
        self.exchanged_until = 0
        if generation is not None:
            self._restore(generation)
            self._earlier = float(generation.state.get("seconds", 0.0))
            self.exchanged_until = int(generation.state.get("exchanged_until", 0))
        if options.swap_sides:
            self.exchanged_until = self.iteration + options.swap_sides

    def _begin_with(self, other: Path, existing: Generation | None) -> None:
        """Take over weights of another model; only a new model may do so."""
        if existing is not None:
            raise UsageError(
                f'--load-weights begins a new model, but "{self.options.model_dir}" holds one at '
                f"iteration {existing.iteration}; leave the flag out, or use another --model-dir"
            )
        console.say(weight_transfer.describe(weight_transfer.load_weights(self.model, other)))

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
    def exchanged(self) -> bool:
        """Whether src and dst are exchanged at present."""
        return self.iteration < self.exchanged_until

    def start_clock(self) -> None:
        """Count training time from now on; what came before was preparation."""
        self._started = time.perf_counter()

    @property
    def done(self) -> float:
        """The share of the way to the nearer target, 0..1; 0 without a target."""
        ways = (
            (self.iteration, self.options.target_iter),
            (self.seconds, self.options.target_minutes * 60),
        )
        return min(max(come / target if target else 0.0 for come, target in ways), 1.0)

    def finished(self) -> bool:
        """Whether a target is reached."""
        return self.done == 1

    @property
    def pace(self) -> float:
        """Size of the next step as a share of the learning rate: shrinks in the cool-down."""
        share = self.options.cool_down
        return min((1 - self.done) / share, 1.0) if share else 1.0

    def train(self, src: Batch, dst: Batch) -> StepResult:
        """Do one step and record its losses; a step that was not finite is not recorded."""
        self.step.optimizer.rate.assign(self.options.way.learning_rate * self.pace)
        result = self.step(dst, src) if self.exchanged else self.step(src, dst)
        if result.finite:
            self.loss_names = list(result.losses)
            self._losses.extend(result.losses.values())
            self.iteration += 1
            self.steps_done += 1
        return result

    def mean_losses(self) -> dict[str, float]:
        """Return the mean since the newest save of each loss a person wants to see."""
        columns = max(len(self.loss_names), 1)
        since = min(max(self.saved_iteration, 0), self.iteration - 1)
        rows = np.array(self._losses[since * columns :], np.float32).reshape(-1, columns)
        means = zip(self.loss_names, rows.mean(axis=0).tolist(), strict=True)
        return {name: mean for name, mean in means if "mask" not in name}

    def save(self) -> None:
        """Write a generation; nothing happens when nothing was learned since the newest one.

        Raises
        ------
        OSError
            When it cannot be written, such as on a full disk; older generations are not touched.
        """
        if self.iteration == self.saved_iteration:
            return
        checkpoint.save_generation(
            self.options.model_dir,
            state={
                "model": self.options.model,
                "iteration": self.iteration,
                "seconds": round(self.seconds, 3),
                "loss_names": self.loss_names,
                "exchanged_until": self.exchanged_until,
                "versions": _versions(),
            },
            options=to_save(self.options),
            weights={name: net.get_weights() for name, net in self.model.networks.items()},
            optimizer=self.step.optimizer.state(),
            history=self.history,
            keep=self.options.keep,
        )
        self.saved_iteration = self.iteration

    def roll_back(self, healthy: int) -> None:
        """Return to the newest generation of iteration `healthy` or before; newer ones are removed.

        Raises
        ------
        UserError
            When that has happened too often, or there is nothing to return to.
        """
        generation = checkpoint.load_newest(self.options.model_dir, healthy)
        again = generation is not None and generation.iteration <= self._rolled_back_to
        self._rollbacks = self._rollbacks + 1 if again else 1
        if generation is not None:
            checkpoint.remove_newer(self.options.model_dir, generation.iteration)
            self._rolled_back_to = generation.iteration
            self._restore(generation)
        if generation is None or self._rollbacks > MAX_ROLLBACKS:
            raise UserError(
                f"training breaks down again and again after iteration {self.saved_iteration}, "
                "which is saved: lower --learning-rate "
                f"(it is {self.options.way.learning_rate:g}), "
                "give --clip-gradients 1, or look for broken faces with --debug"
            )

    def set_batch_size(self, size: int) -> None:
        """Train with batches of another size from now on; it is saved with the model."""
        self.batch_size = size
        if self.options.batch_size:  # 0 stays: what fits depends on the device
            self.options = dataclasses.replace(self.options, batch_size=size)

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
