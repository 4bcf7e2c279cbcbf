"""The interface of a model: its networks, its losses, and how it reconstructs and swaps faces.

The trainer draws samples, does the steps, saves and draws previews; the converter predicts. A model
knows nothing about files, devices, windows or questions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from facelib.types import FaceType
from models.backend import Tensor, Variable, keras


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Options of a model; a subclass adds fields with `utils.options.opt`."""


class Batch(NamedTuple):
    """The samples of one side for one step; all four parts share their geometry.

    Attributes
    ----------
    warped : (N, R, R, 3) float32
        The distorted image that goes in.
    target : (N, R, R, 3) float32
        The image that should come out.
    mask : (N, R, R, 1) float32
        1 inside the hull of the face.
    in_frame : (N, R, R, 1) float32
        0 beyond the edge of the frame, where the target is a mirror image: no matter for a loss.
    """

    warped: Tensor
    target: Tensor
    mask: Tensor
    in_frame: Tensor


class Prediction(NamedTuple):
    """A decoder's output: (N, R, R, 3) images and their (N, R, R, 1) masks, both 0..1.

    `mask` is None when the model learns none.
    """

    image: Tensor
    mask: Tensor | None


class ModelBase(ABC):
    """A face-swapping autoencoder pair.

    Attributes
    ----------
    Options : type
        The model's options class.
    resolution : int
        Side of the input and output images, pixels.
    face_type : FaceType
        How much of the head they show.
    base_erode, base_blur : int
        The converter's default mask erosion and blur for this model, percent.
    networks : dict of str to keras.Model
        What is trained, saved and loaded, by name.
    """

    Options: ClassVar[type[ModelOptions]] = ModelOptions
    face_type: FaceType = FaceType.FULL
    base_erode: int = 30
    base_blur: int = 0
    resolution: int

    def __init__(self, options: ModelOptions) -> None:
        self.options: Any = options
        self.networks: dict[str, keras.Model] = self.build()

    @abstractmethod
    def build(self) -> dict[str, keras.Model]:
        """Build the networks: straight-line functional Keras with named layers."""

    @abstractmethod
    def losses(self, src: Batch, dst: Batch) -> dict[str, Tensor]:
        """Return named scalars; training minimizes their sum.

        Those whose name contains `mask` are not shown to the user.
        """

    @abstractmethod
    def reconstruct(self, src: Tensor, dst: Tensor) -> tuple[Prediction, Prediction]:
        """Put (N, R, R, 3) src faces through the src path and dst faces through the dst path."""

    @abstractmethod
    def swap(self, dst: Tensor) -> Prediction:
        """Put (N, R, R, 3) dst faces through the src path: src's face with dst's expression."""

    @property
    def variables(self) -> list[Variable]:
        """All trainable variables, in the order of `networks`."""
        return [v for network in self.networks.values() for v in network.trainable_variables]
