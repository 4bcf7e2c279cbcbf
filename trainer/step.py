"""One training step: uint8 samples in, weights moved, losses out; one graph for both sides."""

from typing import Any, NamedTuple

import numpy as np

from models.backend import Tensor, tf
from models.base import Batch, ModelBase
from trainer.optimizer import Adam


class StepResult(NamedTuple):
    """What a step gave: the losses by name, and whether they and all gradients were finite.

    When they were not, no weight was changed.
    """

    losses: dict[str, float]
    finite: bool


class TrainStep:
    """The joint training step of a model.

    All losses are minimized together by one optimizer, in one forward and one backward pass.

    Parameters
    ----------
    clip : a gradient longer than this, all variables together, is shortened to it (0: never)
    strategy : a tf.distribute.Strategy that shares each batch among its devices; make the step and
        the model inside its scope
    warm_up : steps over which the learning rate grows to its size
    """

    def __init__(
        self,
        model: ModelBase,
        learning_rate: float,
        clip: float = 0.0,
        strategy: Any = None,  # noqa: ANN401
        warm_up: int = 0,
    ) -> None:
        self.model, self.clip, self.strategy = model, clip, strategy
        self.optimizer = Adam(model.variables, learning_rate, warm_up)
        self._names: list[str] = []
        self._graph = tf.function(self._step if strategy is None else self._shared_step)

    def __call__(self, src: Batch, dst: Batch) -> StepResult:
        """Train on two uint8 batches."""
        share = tensors if self.strategy is None else self._shares
        losses, finite = self._graph(share(src), share(dst))
        return StepResult(
            dict(zip(self._names, losses.numpy().tolist(), strict=True)), bool(finite)
        )

    def _step(self, src: Batch, dst: Batch) -> tuple[Tensor, Tensor]:
        variables = self.optimizer.variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            losses = self.model.losses(as_float(src), as_float(dst))
            total = tf.add_n(list(losses.values()))
        gradients, values = tape.gradient(total, variables), tf.stack(list(losses.values()))
        self._names = list(losses)
        if self.strategy is not None:  # every device goes on with the mean over all of them
            together, mean = tf.distribute.get_replica_context(), tf.distribute.ReduceOp.MEAN
            gradients, values = together.all_reduce(mean, [gradients, values])
            total = tf.reduce_sum(values)
        # the norm is not finite when any element of any gradient is not
        norm = tf.add_n([tf.nn.l2_loss(gradient) for gradient in gradients])
        finite = tf.math.is_finite(total) & tf.math.is_finite(norm)
        if self.clip:  # tf.nn.l2_loss is half of the square
            factor = tf.minimum(1.0, self.clip / tf.sqrt(2 * norm))
            gradients = [gradient * factor for gradient in gradients]
        tf.cond(finite, lambda: self._apply(gradients), lambda: False)
        return values, finite

    def _shares(self, batch: Batch) -> Batch:
        """Divide a batch: each device gets as many samples."""
        count = self.strategy.num_replicas_in_sync

        def share(array: np.ndarray) -> Tensor:
            parts = np.split(array, count)
            return self.strategy.experimental_distribute_values_from_function(
                lambda device: tf.convert_to_tensor(parts[device.replica_id_in_sync_group])
            )

        return Batch(*map(share, batch))

    def _shared_step(self, src: Batch, dst: Batch) -> tuple[Tensor, Tensor]:
        """Do a step on all devices; what they return is the same."""
        values, finite = self.strategy.run(self._step, (src, dst))
        first = self.strategy.experimental_local_results
        return first(values)[0], first(finite)[0]

    def _apply(self, gradients: list[Tensor]) -> bool:
        self.optimizer.apply(gradients)
        return True


def tensors(batch: Batch) -> Batch:
    """Return a NumPy batch as tensors of the same type."""
    return Batch(*(tf.convert_to_tensor(array) for array in batch))


def as_float(batch: Batch) -> Batch:
    """Return uint8 0..255 tensors as float32 0..1."""
    return Batch(*(tf.cast(tensor, tf.float32) * (1 / 255) for tensor in batch))
