"""What tests need of the engine that computes, whichever it is."""

import keras
import numpy as np
import pytest

from models.engine import engine

ON_TENSORFLOW = engine().name == "tensorflow"
only_tensorflow = pytest.mark.skipif(
    not ON_TENSORFLOW,
    reason="looks into TensorFlow; tests/test_engines.py compares PyTorch with it",
)


def constant(values):
    """A float32 tensor."""
    return keras.ops.convert_to_tensor(values, "float32")


def arrays(tensors):
    """Some tensors as NumPy arrays."""
    return [keras.ops.convert_to_numpy(tensor) for tensor in tensors]


def set_all(variable, number):
    """Set every element of a variable."""
    variable.assign(np.full(variable.shape, number, np.float32))


def without_gradients():
    """Whether this is a look at the model, not a step."""
    if ON_TENSORFLOW:
        import tensorflow as tf

        return tf.executing_eagerly()
    import torch

    return torch.is_inference_mode_enabled()


def out_of_memory():
    """What the engine raises when a GPU has no more memory."""
    if ON_TENSORFLOW:
        import tensorflow as tf

        return tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    import torch

    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def wrong_shapes():
    """What it raises for a fault of another kind."""
    if ON_TENSORFLOW:
        import tensorflow as tf

        return tf.errors.InvalidArgumentError(None, None, "shapes differ")
    return RuntimeError("shapes differ")


def taken(size, value):
    """A scalar, 0, for which that many bytes or more are taken."""
    if ON_TENSORFLOW:
        import tensorflow as tf

        block = tf.fill([size], tf.cast(value * 255, tf.uint8))
        return 0 * (tf.cast(block[0], tf.float32) + tf.cast(block[size - 1], tf.float32))
    import torch

    return 0 * torch.zeros(size)[-1]
