"""Keras, imported on first use so that `--help` does not wait for it, and names for its types."""

from typing import TYPE_CHECKING, Any

from utils import lazy

if TYPE_CHECKING:
    import keras
else:
    keras = lazy.load("keras")

# Keras has no type information, so these names are for people.
Tensor = Any
"""A float32 tensor; shapes are (N, height, width, channels), images BGR in 0..1."""
Variable = Any
"""A keras.Variable."""
Gradient = Any
"""The gradient of a tf.custom_gradient: a function of the upstream gradient."""
Strategy = Any
"""What lets several devices share a batch, see `Engine.mirror`."""

__all__ = ["Gradient", "Strategy", "Tensor", "Variable", "keras"]
