"""One training step: uint8 samples in, weights updated, losses out; one graph for both sides."""

from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from models.backend import Strategy, Tensor, Variable, keras, tf
from models.base import CRITIC, Batch, ModelBase
from trainer.average import WeightAverage
from trainer.optimizer import OPTIMIZERS, Adam

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
        Name of the optimizer in `OPTIMIZERS`.
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


class TrainStep:
    """The joint training step of a model.

    All losses are minimized together by one optimizer, in one forward and one backward pass. Each
    critic of the model has an optimizer of its own, which minimizes the loss "critic_<its name>".

    Parameters
    ----------
    clip : float
        Largest norm of the gradient, all variables together (0: no clipping).
    strategy : tf.distribute.Strategy or None
        Shares each batch among its devices; create the step and the model inside its scope.
    average : WeightAverage or None
        Takes in the weights after each step.
    """

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

        def optimizer(variables: list[Variable]) -> Adam:
            kind = OPTIMIZERS[update.kind]
            return kind(variables, learning_rate, update.warm_up, update.dropout)

        self.optimizer = optimizer(model.variables)
        self.critic_optimizers = {
            name: optimizer(critic.trainable_variables) for name, critic in model.critics.items()
        }
        self._names: list[str] = []
        self._seeds: list[Variable] = model.draws
        step = self._step if strategy is None else self._distributed_step
        # no `if` here depends on a tensor: rewriting all this code would only delay the first step
        self._graph = tf.function(step, autograph=False)

    @property
    def device_count(self) -> int:
        """How many devices share a batch."""
        return 1 if self.strategy is None else int(self.strategy.num_replicas_in_sync)

    @property
    def extra_copies(self) -> int:
        """How many arrays as large as the weights are kept besides weights and moments."""
        return (self.average is not None) + (self.accumulate > 1)

    def __call__(self, src: Batch, dst: Batch) -> StepResult:
        """Train on two uint8 batches."""
        convert = to_tensors if self.strategy is None else self._distribute
        self._seed_draws()
        losses, finite = self._graph(convert(src), convert(dst))
        return StepResult(
            dict(zip(self._names, losses.numpy().tolist(), strict=True)), bool(finite)
        )

    def restore(self, optimizer_state: dict[str, np.ndarray]) -> None:
        """Continue from a saved state."""
        self.optimizer.restore(optimizer_state)

    def set_rate(self, learning_rate: float) -> None:
        """Take another learning rate from the next step on."""
        for optimizer in self._optimizers:
            optimizer.rate.assign(learning_rate)

    @property
    def _optimizers(self) -> list[Adam]:
        return [self.optimizer, *self.critic_optimizers.values()]

    def _seed_draws(self) -> None:
        """Let what is drawn at random depend on the number of the step alone."""
        steps = int(self.optimizer.steps.numpy()) * self.accumulate if self._seeds else 0
        for seed in self._seeds:
            seed.assign(keras.ops.stack([seed[0], keras.ops.cast(steps, seed.dtype)]))

    def _step(self, src: Batch, dst: Batch) -> tuple[Tensor, Tensor]:
        if self.accumulate == 1:
            gradients, values = self._gradients(src, dst)
        else:
            gradients, values = self._accumulated(src, dst)
        if self.strategy is not None:  # every device continues with the mean over all of them
            replica, mean = tf.distribute.get_replica_context(), tf.distribute.ReduceOp.MEAN
            gradients, values = replica.all_reduce(mean, [gradients, values])
        total = tf.reduce_sum(values)
        # a norm is not finite when any element of any gradient is not
        norms = [tf.add_n([tf.nn.l2_loss(each) for each in part]) for part in gradients]
        finite = tf.math.is_finite(total) & tf.math.is_finite(tf.add_n(norms))
        if self.clip:  # tf.nn.l2_loss is half of the square
            factors = [tf.minimum(1.0, self.clip / tf.sqrt(2 * norm)) for norm in norms]
            gradients = [
                [each * factor for each in part]
                for part, factor in zip(gradients, factors, strict=True)
            ]
        tf.cond(finite, lambda: self._apply(gradients), lambda: False)
        return values, finite

    def _gradients(self, src: Batch, dst: Batch) -> tuple[Gradients, Tensor]:
        """Return the gradients of what each optimizer minimizes, and the losses.

        Each optimizer has a tape, on which is only what depends on its variables: so a critic's
        loss leads nowhere beyond the critic, though it reads the predictions that the others read.
        """
        tapes = [tf.GradientTape(watch_accessed_variables=False) for _ in self._optimizers]
        with ExitStack() as recorded:
            for tape, optimizer in zip(tapes, self._optimizers, strict=True):
                recorded.enter_context(tape).watch(optimizer.variables)
            losses = self.model.losses(as_float(src), as_float(dst))
            total = tf.add_n([loss for name, loss in losses.items() if not name.startswith(CRITIC)])
        self._names = list(losses)
        targets = [total, *(losses[f"{CRITIC}_{name}"] for name in self.critic_optimizers)]
        gradients = [
            tape.gradient(target, optimizer.variables)
            for tape, target, optimizer in zip(tapes, targets, self._optimizers, strict=True)
        ]
        return gradients, tf.stack(list(losses.values()))

    def _accumulated(self, src: Batch, dst: Batch) -> tuple[Gradients, Tensor]:
        """Return the means of `_gradients` over the parts of a batch."""
        count = self.accumulate
        parts = [_split(side, count) for side in (src, dst)]

        def add(
            number: Tensor, sums: Gradients, losses: Tensor
        ) -> tuple[Tensor, Gradients, Tensor]:
            gradients, values = self._gradients(*(side.map(lambda a: a[number]) for side in parts))
            sums = tf.nest.map_structure(tf.add, sums, gradients)
            return number + 1, sums, losses.write(number, values)

        zeros = [[tf.zeros(variable.shape) for variable in o.variables] for o in self._optimizers]
        _, sums, losses = tf.while_loop(
            lambda number, *_: number < count,
            add,
            (tf.constant(0), zeros, tf.TensorArray(tf.float32, count)),
            parallel_iterations=1,  # more would need the memory that this saves
        )
        means = [[gradient / count for gradient in part] for part in sums]
        return means, tf.reduce_mean(losses.stack(), axis=0)

    def _distribute(self, batch: Batch) -> Batch:
        """Split a batch evenly among the devices."""

        def split(array: np.ndarray) -> Tensor:
            parts = np.split(array, self.device_count)
            return self.strategy.experimental_distribute_values_from_function(
                lambda device: tf.convert_to_tensor(parts[device.replica_id_in_sync_group])
            )

        return batch.map(split)

    def _distributed_step(self, src: Batch, dst: Batch) -> tuple[Tensor, Tensor]:
        """Do a step on all devices; they all return the same."""
        values, finite = self.strategy.run(self._step, (src, dst))
        per_device = self.strategy.experimental_local_results
        return per_device(values)[0], per_device(finite)[0]

    def _apply(self, gradients: Gradients) -> bool:
        for optimizer, part in zip(self._optimizers, gradients, strict=True):
            optimizer.apply(part)
        if self.average is not None:
            self.average.update()
        return True


def _split(batch: Batch, count: int) -> Batch:
    """Return a batch as (count, n, ...) tensors."""
    return batch.map(lambda array: tf.reshape(array, [count, -1, *array.shape[1:]]))


def to_tensors(batch: Batch) -> Batch:
    """Return a NumPy batch as tensors of the same type."""
    return batch.map(tf.convert_to_tensor)


def as_float(batch: Batch) -> Batch:
    """Return uint8 0..255 tensors as float32 0..1."""
    return batch.map(lambda tensor: tf.cast(tensor, tf.float32) * (1 / 255))
