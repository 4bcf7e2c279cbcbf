"""The engine TensorFlow."""
