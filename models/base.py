"""What a model must write: its networks, its losses, and how a dst face goes through it.

The trainer samples, steps, saves and draws previews; the converter predicts. A model knows nothing
of files, devices, windows or questions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from facelib.types import FaceType
from models.backend import Tensor, keras


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Options of a model; a subclass adds fields with `utils.options.opt`."""


class Batch(NamedTuple):
    """One side's samples of a step; all three share their geometry.

    Attributes
    ----------
    warped : (N, R, R, 3), the distorted picture that goes in
    target : (N, R, R, 3), the picture that should come out
    mask : (N, R, R, 1), 1 inside the hull of the face
    """

    warped: Tensor
    target: Tensor
    mask: Tensor


class Prediction(NamedTuple):
    """What a decoder makes: (N, R, R, 3) pictures and their (N, R, R, 1) masks, both 0..1.

    `mask` is None when the model learns none.
    """

    image: Tensor
    mask: Tensor | None


class ModelBase(ABC):
    """A face-swapping autoencoder pair.

    Attributes
    ----------
    Options : the model's options class
    resolution : side of the pictures that go in and come out, in pixels
    face_type : how much of the head they show
    base_erode, base_blur : the converter's starting values for this model, in percent
    networks : name -> keras.Model; what is trained, saved and loaded
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
        """Make the networks; straight-line functional Keras with named layers."""

    @abstractmethod
    def losses(self, src: Batch, dst: Batch) -> dict[str, Tensor]:
        """Return named scalars; training minimizes their sum.

        Names without `mask` are shown to the user.
        """

    @abstractmethod
    def reconstruct(self, src: Tensor, dst: Tensor) -> tuple[Prediction, Prediction]:
        """Put (N, R, R, 3) src faces through the src path and dst faces through the dst path."""

    @abstractmethod
    def swap(self, dst: Tensor) -> Prediction:
        """Put (N, R, R, 3) dst faces through the src path: src's face with dst's expression."""

    @property
    def variables(self) -> list[Any]:
        """All trainable variables, in the order of `networks`."""
        return [v for network in self.networks.values() for v in network.trainable_variables]
