"""The training step in TensorFlow: one graph for both sides."""

from contextlib import ExitStack
from typing import Any

import numpy as np
import tensorflow as tf

from models.backend import Tensor
from models.base import CRITIC, Batch
from models.engine.average import WeightAverage
from models.engine.optimizer import Optimizer
from models.engine.step import Gradients, Members, StepResult, TrainStep, as_float
from models.engine.tensorflow.optimizer import FusedOptimizer


class GraphStep(TrainStep):
    """A step that is compiled when it is first done."""

    optimizer_class = FusedOptimizer

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - those of TrainStep
        super().__init__(*args, **kwargs)
        self._names: list[str] = []
        step = self._step if self.strategy is None else self._distributed_step
        # no `if` here depends on a tensor: rewriting all this code would only delay the first step
        self._graph = tf.function(step, autograph=False)

    @property
    def device_count(self) -> int:
        """How many devices share a batch."""
        if self.strategy is None:
            return super().device_count
        return int(self.strategy.num_replicas_in_sync)

    def __call__(self, src: Batch, dst: Batch) -> StepResult:
        """Train on two uint8 batches."""
        convert = to_tensors if self.strategy is None else self._distribute
        self._seed_draws()
        losses, finite = self._graph(convert(src), convert(dst))
        return StepResult(
            dict(zip(self._names, losses.numpy().tolist(), strict=True)), bool(finite)
        )

    def _step(self, src: Batch, dst: Batch) -> tuple[Tensor, Tensor]:
        if self.accumulate == 1:
            gradients, values = self._gradients(src, dst)
        else:
            gradients, values = self._accumulated(src, dst)
        if self.strategy is not None:  # every device continues with the mean over all of them
            replica, mean = tf.distribute.get_replica_context(), tf.distribute.ReduceOp.MEAN
            gradients, values = replica.all_reduce(mean, [gradients, values])
        if self.members is not None:
            gradients, values = _of_all(self.members, gradients, values)
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
        tapes = [tf.GradientTape(watch_accessed_variables=False) for _ in self.optimizers]
        with ExitStack() as recorded:
            for tape, optimizer in zip(tapes, self.optimizers, strict=True):
                recorded.enter_context(tape).watch(_values(optimizer))
            losses = self.model.losses(as_float(src), as_float(dst))
            total = tf.add_n([loss for name, loss in losses.items() if not name.startswith(CRITIC)])
        self._names = list(losses)
        targets = [total, *(losses[f"{CRITIC}_{name}"] for name in self.critic_optimizers)]
        gradients = [
            tape.gradient(target, _values(optimizer))
            for tape, target, optimizer in zip(tapes, targets, self.optimizers, strict=True)
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

        zeros = [[tf.zeros(variable.shape) for variable in o.variables] for o in self.optimizers]
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
        for optimizer, part in zip(self.optimizers, gradients, strict=True):
            optimizer.apply(part)
        if self.average is not None:
            _update(self.average)
        return True


def _of_all(members: Members, gradients: Gradients, values: Tensor) -> tuple[Gradients, Tensor]:
    """Return the means over all members."""
    own = tf.nest.flatten([gradients, values])
    means = tf.numpy_function(members.mean, own, [tensor.dtype for tensor in own])
    for mean, tensor in zip(means, own, strict=True):
        mean.set_shape(tensor.shape)
    gradients, values = tf.nest.pack_sequence_as([gradients, values], means)
    return gradients, values


def _values(optimizer: Optimizer) -> list[Tensor]:
    return [variable.value for variable in optimizer.variables]


def _split(batch: Batch, count: int) -> Batch:
    """Return a batch as (count, n, ...) tensors."""
    return batch.map(lambda array: tf.reshape(array, [count, -1, *array.shape[1:]]))


def to_tensors(batch: Batch) -> Batch:
    """Return a NumPy batch as tensors of the same type."""
    return batch.map(tf.convert_to_tensor)


def _update(average: WeightAverage) -> None:
    """Take in the weights after a step."""
    steps = average.steps.value
    done = tf.cast(steps.read_value(), tf.float32)
    rate = 1 - tf.minimum(average.decay, (1 + done) / (10 + done))
    for mean, weight in average.pairs:
        # by its handle, like the optimizer's variables: each device has its own copy
        tf.raw_ops.ResourceApplyGradientDescent(
            var=mean.value.handle,
            alpha=rate,
            delta=mean.value.read_value() - weight.value.read_value(),
        )
    tf.raw_ops.AssignAddVariableOp(resource=steps.handle, value=tf.constant(1, steps.dtype))
