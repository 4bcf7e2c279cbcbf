"""Ways to learn: how weights begin, how long the steps are, how long until they are that long."""

from typing import NamedTuple


class Preset(NamedTuple):
    """Settings that belong together.

    Attributes
    ----------
    learning_rate : step size, unless the user gives one
    warm_up : iterations over which the step grows to that size
    own_start : whether weights begin as in `models/initial.py`; else as Keras does it
    """

    learning_rate: float
    warm_up: int
    own_start: bool


PRESETS = {
    "fast": Preset(2e-4, 100, own_start=True),
    "ancestor": Preset(5e-5, 0, own_start=False),
}
