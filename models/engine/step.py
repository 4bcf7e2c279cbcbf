"""One training step: uint8 samples in, weights updated, losses out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from models.backend import Strategy, Tensor, Variable, keras
from models.base import Batch, ModelBase
from models.engine.average import WeightAverage
from models.engine.optimizer import Optimizer

Gradients = list[list[Tensor]]
"""Those of each optimizer's variables."""


class StepResult(NamedTuple):
    """The losses of a step, and whether they and all gradients were finite.

    When they were not, no weight was changed.
    """

    losses: dict[str, float]
    finite: bool


class UpdateSettings(NamedTuple):
    """How gradients change the weights.

    Attributes
    ----------
    kind : str
        Name of the optimizer, see `models.engine.optimizer`.
    warm_up : int
        Steps over which the learning rate grows from zero.
    dropout : float
        Share of the weights that stay as they are in a step.
    accumulate : int
        Equal parts into which a batch is split, one after the other, to save memory.
    """

    kind: str = "adam"
    warm_up: int = 0
    dropout: float = 0.0
    accumulate: int = 1


PLAIN = UpdateSettings()


class Members(Protocol):
    """Processes that do each step together, each with its share of the batch.

    Attributes
    ----------
    rank, count : int
        The number of this one, and how many there are.
    """

    rank: int
    count: int

    def ready(self) -> None:
        """Wait until all have their gradients; raise an error if one cannot have them."""

    def mean(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Return the means over all members, which hold until the next step."""


class TrainStep(ABC):
    """The joint training step of a model.

    All losses are minimized together by one optimizer, in one forward and one backward pass. Each
    critic of the model has an optimizer of its own, which minimizes the loss "critic_<its name>".

    Parameters
    ----------
    clip : float
        Largest norm of the gradient, all variables together (0: no clipping).
    strategy : object or None
        Shares each batch among its devices, see `Engine.mirror`; create the step and the model
        inside its scope.
    average : WeightAverage or None
        Takes in the weights after each step.

    Attributes
    ----------
    members : Members or None
        Who share each batch with this process; set it before the first step.
    """

    optimizer_class: ClassVar[type[Optimizer]]

    def __init__(
        self,
        model: ModelBase,
        learning_rate: float,
        clip: float = 0.0,
        strategy: Strategy | None = None,
        update: UpdateSettings = PLAIN,
        average: WeightAverage | None = None,
    ) -> None:
        self.model, self.clip, self.average = model, clip, average
        self.accumulate = update.accumulate
        self.strategy: Strategy = strategy
        self.members: Members | None = None

        def optimizer(variables: list[Variable]) -> Optimizer:
            return self.optimizer_class(
                variables, learning_rate, update.kind, update.warm_up, update.dropout
            )

        self.optimizer = optimizer(model.variables)
        self.critic_optimizers = {
            name: optimizer(critic.trainable_variables) for name, critic in model.critics.items()
        }

    @property
    def device_count(self) -> int:
        """How many devices share a batch."""
        return 1 if self.members is None else self.members.count

    @property
    def extra_copies(self) -> int:
        """How many arrays as large as the weights are kept besides weights and moments."""
        return (self.average is not None) + (self.accumulate > 1)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The model's, and those of its critics."""
        return [self.optimizer, *self.critic_optimizers.values()]

    @abstractmethod
    def __call__(self, src: Batch, dst: Batch) -> StepResult:
        """Train on two uint8 batches."""

    def restore(self, optimizer_state: Mapping[str, np.ndarray]) -> None:
        """Continue from a saved state."""
        self.optimizer.restore(optimizer_state)

    def set_rate(self, learning_rate: float) -> None:
        """Take another learning rate from the next step on."""
        for optimizer in self.optimizers:
            optimizer.set_rate(learning_rate)

    def _seed_draws(self) -> None:
        """Let what is drawn at random depend on the number of the step alone."""
        if not (seeds := self.model.draws):
            return
        steps = int(self.optimizer.steps.numpy())
        if self.members is not None:  # each draws what that part of the batch would in one process
            steps = steps * self.members.count + self.members.rank
        steps *= self.accumulate
        for seed in seeds:
            seed.assign(keras.ops.stack([seed[0], keras.ops.cast(steps, seed.dtype)]))


def as_float(batch: Batch) -> Batch:
    """Return uint8 0..255 tensors as float32 0..1."""
    return batch.map(lambda tensor: keras.ops.cast(tensor, "float32") * (1 / 255))
