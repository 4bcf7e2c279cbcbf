"""Keras and TensorFlow, imported on first use so that `--help` waits for neither."""

from typing import TYPE_CHECKING, Any

from utils import lazy

if TYPE_CHECKING:
    import keras
    import tensorflow as tf
else:
    keras = lazy.load("keras")
    tf = lazy.load("tensorflow")

Tensor = Any
"""A float32 tensor; shapes are (N, height, width, channels), images BGR in 0..1."""

__all__ = ["Tensor", "keras", "tf"]
