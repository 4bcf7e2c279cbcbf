"""The engines that networks compute with: TensorFlow and PyTorch, behind one interface.

Networks and losses are written in Keras, which runs on both. What Keras leaves open - devices, the
training step, compiled predictions - an `Engine` does (`models/engine/base.py`). Nothing of it is
saved: a model folder moves freely between engines. The one that runs is chosen before Keras is
imported, by `utils.device.select`.
"""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from utils import engines, lazy

if TYPE_CHECKING:
    from models.engine.base import Engine

ENGINES = {
    "tensorflow": "models.engine.tensorflow.engine:TensorFlow",
    "torch": "models.engine.torch.engine:Torch",
}


def engine() -> "Engine":
    """Return the engine of this process, by the environment variable that Keras reads, too."""
    return _load(engines.current())


@cache
def _load(name: str) -> "Engine":
    lazy.announce_engine()
    module, _, attribute = ENGINES[name].partition(":")
    found: Engine = getattr(import_module(module), attribute)()
    return found
