"""Keras and NumPy, imported on first use, so that `--help` waits for neither; names of types."""

from typing import TYPE_CHECKING, Any

from utils import lazy

if TYPE_CHECKING:
    import keras
    import numpy as np
else:
    keras = lazy.load("keras")
    np = lazy.load("numpy")

# Keras has no type information, so these names are for people.
Tensor = Any
"""A float32 tensor; shapes are (N, height, width, channels), images BGR in 0..1."""
Variable = Any
"""A keras.Variable."""
Gradient = Any
"""The gradient of a tf.custom_gradient: a function of the upstream gradient."""
Strategy = Any
"""What lets several devices share a batch, see `Engine.mirror`."""

__all__ = ["Gradient", "Strategy", "Tensor", "Variable", "keras", "np"]
