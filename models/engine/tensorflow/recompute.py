"""Parts of networks that are computed twice, so that their tensors need not be kept."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from models.backend import Gradient, Tensor, Variable


def recomputed(
    function: Callable[[list[Tensor]], list[Tensor]], inputs: list[Tensor], weights: list[Variable]
) -> list[Tensor]:
    """See `Engine.recomputed`."""

    def compute(values: Sequence[Tensor], when: Sequence[Tensor]) -> list[Tensor]:
        with tf.control_dependencies(when):  # not as soon as the weights are there
            values = [tf.identity(value) for value in values]
        given = zip(weights, values[len(inputs) :], strict=True)
        with keras.StatelessScope(state_mapping=list(given)):
            return function(values[: len(inputs)])

    @tf.custom_gradient
    def forward(*values: Tensor) -> tuple[list[Tensor], Gradient]:
        def gradient(*upstream: Tensor) -> list[Tensor]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                outputs = compute(values, upstream)
            zero = tf.UnconnectedGradients.ZERO
            found = tape.gradient(outputs, values, upstream, unconnected_gradients=zero)
            of_inputs, of_weights = found[: len(inputs)], found[len(inputs) :]
            with tf.control_dependencies(of_weights):  # the part before begins when this one ends
                return [*map(tf.identity, of_inputs), *of_weights]

        return compute(values, values[: len(inputs)]), gradient

    found = forward(*inputs, *(tf.convert_to_tensor(weight.value) for weight in weights))
    return list(keras.tree.flatten(found))
