"""Scalars and images for TensorBoard, which need not be installed to write them."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from utils import console, lazy
from utils.images import Image, encode_image

writer: Any = lazy.load("tensorboardX.writer")
messages: Any = lazy.load("tensorboardX.proto.summary_pb2")


class TensorBoardWriter:
    """One event file in a folder.

    Summaries are made here, because `tensorboardX.SummaryWriter` changes names with a space.
    """

    def __init__(self, folder: Path) -> None:
        self._writer = writer.FileWriter(str(folder))
        console.say(f'TensorBoard: tensorboard --logdir "{folder}"')
        if find_spec("tensorboard") is None:
            console.say("  (not installed here: pip install tensorboard)")

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """Write named numbers; those that are not finite are left out."""
        summary = messages.Summary
        known = {name: value for name, value in values.items() if np.isfinite(value)}
        self._write(
            [summary.Value(tag=name, simple_value=value) for name, value in known.items()],
            iteration,
        )

    def image(self, iteration: int, name: str, image: Image) -> None:
        """Write an image (H, W, 3) uint8 BGR."""
        summary = messages.Summary
        height, width = image.shape[:2]
        png = summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=encode_image(image)
        )
        self._write([summary.Value(tag=name, image=png)], iteration)

    def close(self) -> None:
        """Flush everything to disk."""
        self._writer.close()

    def _write(self, values: list[object], iteration: int) -> None:
        self._writer.add_summary(messages.Summary(value=values), iteration)
        self._writer.flush()
