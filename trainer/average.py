"""`--average-weights`: an exponential moving average of the weights, kept in a second model.

Each step follows the noise of its batch; the average of the last steps lies nearer to what they
have in common (Polyak & Juditsky 1992). Training never reads it. Predictions come from the second
model, so they are those of the average at any time, and no weights have to be swapped for them.
"""

from models.backend import Tensor, tf
from models.base import ModelBase


class WeightAverage:
    """The running average of a model's weights.

    With t averaged steps done, step t + 1 does  a += (1 - d) (w - a)  with
    d = min(decay, (1 + t) / (10 + t)), the warm-up of `tf.train.ExponentialMovingAverage`: the
    first weights, which are worth little, are soon forgotten.

    Parameters
    ----------
    trained : ModelBase
        The model in training.
    model : ModelBase
        Another one of the same architecture, which takes the average; it starts as a copy.
    decay : float
        Share of the average that a step keeps, below 1.
    """

    def __init__(self, trained: ModelBase, model: ModelBase, decay: float) -> None:
        self.model = model
        self.decay = decay
        for name, network in model.networks.items():
            network.set_weights(trained.networks[name].get_weights())
        self._pairs = [
            (average.value, variable.value)
            for average, variable in zip(model.variables, trained.variables, strict=True)
        ]
        self.steps = tf.Variable(0, dtype=tf.int64, trainable=False)

    def update(self) -> None:
        """Take in the weights after a step; used inside a tf.function."""
        rate = 1 - self._decay()
        for average, variable in self._pairs:
            # by its handle, like the optimizer's variables: each device has its own copy
            tf.raw_ops.ResourceApplyGradientDescent(
                var=average.handle,
                alpha=rate,
                delta=average.read_value() - variable.read_value(),
            )
        tf.raw_ops.AssignAddVariableOp(
            resource=self.steps.handle, value=tf.constant(1, self.steps.dtype)
        )

    def _decay(self) -> Tensor:
        done = tf.cast(self.steps.read_value(), tf.float32)
        return tf.minimum(self.decay, (1 + done) / (10 + done))
