"""Adam and AdaBelief: their formulas and their state; each engine computes them in its own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from models.backend import Tensor, Variable, keras
from utils import console
from utils.errors import ModelError

BETA1, BETA2, EPSILON = 0.5, 0.999, 1e-7
BELIEF_EPSILON = 1e-16  # as in the authors' implementation
NAMES = {"adam": ("m", "v"), "adabelief": ("m", "s")}
"""What the two moments of each kind are called in a saved state."""


class Optimizer(ABC):
    """Updates weights by their gradients, with a state that can be saved.

    adam       Kingma & Ba 2015, algorithm 1 in the form with one corrected step size. With t steps
               done, step t + 1 does  m += (1 - beta1) (g - m);  v += (1 - beta2) (g^2 - v);
               w -= rate * sqrt(1 - beta2^(t+1)) / (1 - beta1^(t+1)) * m / (sqrt(v) + epsilon).
    adabelief  Zhuang et al. 2020, algorithm 2, with long steps where gradients are as expected:
               m += (1 - beta1) (g - m);  s += (1 - beta2) ((g - m)^2 - s) + epsilon;
               w -= rate * m / (1 - beta1^(t+1)) / (sqrt(s / (1 - beta2^(t+1))) + epsilon).

    Parameters
    ----------
    variables : sequence of keras.Variable
        The weights to train.
    kind : str
        A key of `NAMES`.
    warm_up : int
        Steps over which the learning rate grows linearly from zero.
    dropout : float
        Share of the weights that stay as they are in a step, drawn for each weight and step from
        their numbers alone; the moments are updated as usual (Lin et al. 2019).

    Attributes
    ----------
    moments : list of (keras.Variable, keras.Variable)
        Of each variable.
    rate, steps : keras.Variable
        The learning rate, and the steps done: an int64.
    """

    def __init__(
        self,
        variables: Sequence[Variable],
        learning_rate: float,
        kind: str = "adam",
        warm_up: int = 0,
        dropout: float = 0.0,
    ) -> None:
        self.kind, self.variables = kind, list(variables)
        self.warm_up, self.dropout = max(warm_up, 1), dropout
        self.rate = keras.Variable(learning_rate, dtype="float32", trainable=False)
        self.steps = keras.Variable(0, dtype="int64", trainable=False)
        self.moments = [
            tuple(
                keras.Variable("zeros", v.shape, dtype=v.dtype, trainable=False)
                for _ in NAMES[kind]
            )
            for v in self.variables
        ]

    @abstractmethod
    def apply(self, gradients: Sequence[Tensor]) -> None:
        """Update the variables by one step; used inside a training step."""

    def set_rate(self, learning_rate: float) -> None:
        """Take another learning rate from the next step on."""
        self.rate.assign(learning_rate)

    def state(self) -> dict[str, np.ndarray]:
        """Return what a restart needs: the step count and both moments of each variable."""
        arrays = {"steps": np.asarray(self.steps.numpy())}
        for number, moments in enumerate(self.moments):
            for name, moment in zip(NAMES[self.kind], moments, strict=True):
                arrays[f"{name}/{number}"] = moment.numpy()
        return arrays

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Load a saved state; none, or that of another optimizer, only means starting at zero.

        Raises
        ------
        ModelError
            If it belongs to other variables.
        """
        expected = {"steps": ()} | {
            f"{name}/{number}": tuple(variable.shape)
            for number, variable in enumerate(self.variables)
            for name in NAMES[self.kind]
        }
        received = {name: array.shape for name, array in state.items()}
        another = _kind(received) not in (None, self.kind)
        if another:
            console.say("the model was saved with another optimizer; this one starts afresh")
        if another or not received:
            state = {name: np.zeros(shape) for name, shape in expected.items()}
        elif expected != received:
            raise ModelError(
                "the saved optimizer state does not fit the model. "
                f"Expected: {len(expected)} arrays. Received: {len(received)}, or other shapes"
            )
        self.steps.assign(state["steps"])
        for number, moments in enumerate(self.moments):
            for name, moment in zip(NAMES[self.kind], moments, strict=True):
                moment.assign(state[f"{name}/{number}"])


def _kind(names: Iterable[str]) -> str | None:
    """Return which optimizer saved arrays of these names; None for no known one."""
    found = {name.partition("/")[0] for name in names}
    return next((kind for kind, own in NAMES.items() if found == {"steps", *own}), None)
