"""`--average-weights`: an exponential moving average of the weights, kept in a second model.

Each step follows the noise of its batch; the average of the last steps lies nearer to what they
have in common (Polyak & Juditsky 1992). Training never reads it. Predictions come from the second
model, so they are those of the average at any time, and no weights have to be swapped for them.
"""

from models.backend import Variable, keras
from models.base import ModelBase


class WeightAverage:
    """The running average of a model's weights.

    With t averaged steps done, step t + 1 does  a += (1 - d) (w - a)  with
    d = min(decay, (1 + t) / (10 + t)), as TensorFlow's `ExponentialMovingAverage` warms up: the
    first weights, which are worth little, are soon forgotten. The training step of each engine
    does so.

    Parameters
    ----------
    trained : ModelBase
        The model in training.
    model : ModelBase
        Another one of the same architecture, which takes the average; it starts as a copy.
    decay : float
        Share of the average that a step keeps, below 1.

    Attributes
    ----------
    pairs : list of (keras.Variable, keras.Variable)
        Averages and what they are of.
    steps : keras.Variable
        The averaged steps, int64.
    """

    def __init__(self, trained: ModelBase, model: ModelBase, decay: float) -> None:
        self.model = model
        self.decay = decay
        for name, network in model.networks.items():
            network.set_weights(trained.networks[name].get_weights())
        self.pairs: list[tuple[Variable, Variable]] = list(
            zip(model.variables, trained.variables, strict=True)
        )
        self.steps = keras.Variable(0, dtype="int64", trainable=False)
