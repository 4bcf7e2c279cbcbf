"""The classic models with a fraction of their channels: all of their parts, in little time."""

import dataclasses
import sys

from models import MODELS
from models.classic import Sizes

SHRINK, SHRINK_SMALL = 16, 4  # the second for models that are small already


def small_class(name, patch):
    """The class of a model, whose tables of sizes are divided as long as the patch holds."""
    cls = MODELS.load(name)
    module = sys.modules[cls.__module__]
    for constant, value in list(vars(module).items()):
        if isinstance(value, Sizes):
            patch.setattr(module, constant, _shrunk(value))
    return cls


def _shrunk(sizes):
    shrink = SHRINK if max(sizes.downs) > 512 else SHRINK_SMALL

    def divide(value):
        return tuple(map(divide, value)) if isinstance(value, tuple) else value // shrink

    fields = {name: divide(value) for name, value in vars(sizes).items()}
    return dataclasses.replace(sizes, **fields | {"side": sizes.side})
