"""Keras and TensorFlow, imported on first use so that `--help` waits for neither."""

from typing import TYPE_CHECKING, Any

from utils import lazy

if TYPE_CHECKING:
    import keras
    import tensorflow as tf
else:
    keras = lazy.load("keras")
    tf = lazy.load("tensorflow")

# Neither library has type information, so these names are for people.
Tensor = Any
"""A float32 tensor; shapes are (N, height, width, channels), images BGR in 0..1."""
Variable = Any
"""A keras.Variable."""
Gradient = Any
"""The gradient of a tf.custom_gradient: a function of the upstream gradient."""
Strategy = Any
"""A tf.distribute.Strategy."""

__all__ = ["Gradient", "Strategy", "Tensor", "Variable", "keras", "tf"]
