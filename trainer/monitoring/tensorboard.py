"""Scalars and images for TensorBoard, which need not be installed to write them."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from utils import console, lazy
from utils.images import Image, encode_image

tf = lazy.load("tensorflow")


class TensorBoardWriter:
    """One event file in a folder.

    Its records have TensorFlow 1's format, which TensorBoard still reads: `tf.summary.scalar`
    works only where TensorBoard is installed.
    """

    def __init__(self, folder: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(folder))
        console.say(f'TensorBoard: tensorboard --logdir "{folder}"')
        if find_spec("tensorboard") is None:
            console.say("  (not installed here: pip install tensorboard)")

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """Write named numbers; those that are not finite are left out."""
        summary = tf.compat.v1.Summary
        known = {name: value for name, value in values.items() if np.isfinite(value)}
        self._write(
            [summary.Value(tag=name, simple_value=value) for name, value in known.items()],
            iteration,
        )

    def image(self, iteration: int, name: str, image: Image) -> None:
        """Write an image (H, W, 3) uint8 BGR."""
        summary = tf.compat.v1.Summary
        height, width = image.shape[:2]
        png = summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=encode_image(image)
        )
        self._write([summary.Value(tag=name, image=png)], iteration)

    def close(self) -> None:
        """Flush everything to disk."""
        self._writer.close()

    def _write(self, values: list[object], iteration: int) -> None:
        data = tf.compat.v1.Summary(value=values).SerializeToString()
        with self._writer.as_default():
            tf.summary.experimental.write_raw_pb(tf.constant(data), step=iteration)
        self._writer.flush()
