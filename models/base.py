"""The interface of a model: its networks, its losses, and how it reconstructs and swaps faces.

The trainer draws samples, does the steps, saves and draws previews; the converter predicts. A model
knows nothing about files, devices, windows or questions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from facelib.types import FaceType
from models.backend import Tensor, Variable, keras
from utils.options import opt

SWAP, MASK = "swap", "mask"
"""What a model can be trained for: keys of `trainer.TASKS`."""
CRITIC = "critic"
"""Begins the names of the losses that train critics alone."""


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Options of every model; a subclass adds its own."""

    expression_head: bool = opt(
        False,
        help="tell the decoders how open eyes, mouth and brows are, so that they follow sooner",
        group="Model",
        seldom=True,
        fixed=True,
    )
    eyes_mouth_priority: float = opt(
        0.0,
        help="extra weight of eyes and mouth in the loss; above 0 pixels and structure both count",
        low=0,
        high=100,
        group="Model",
        seldom=True,
        zero="off",
    )


class Batch(NamedTuple):
    """The samples of one side for one step; all images share their geometry.

    Attributes
    ----------
    warped : (N, R, R, 3) float32
        The distorted image that goes in.
    target : (N, R, R, 3) float32
        The image that should come out.
    mask : (N, R, R, 1) float32
        1 where the face is visible: as drawn, as a mask model says, or the hull of its landmarks.
    in_frame : (N, R, R, 1) float32
        0 beyond the edge of the frame, where the target is a mirror image: no matter for a loss.
        Samples of masks have values between, too: how sure the label is.
    priority : (N, R, R, 1) float32 or None
        1 on eyes and mouth, falling to 0 around them; None when the model does not ask for it.
    expression : (N, 10) float32 or None
        The numbers of `facelib.expression`, 0..1; None when the model does not ask for it.
    """

    warped: Tensor
    target: Tensor
    mask: Tensor
    in_frame: Tensor
    priority: Tensor | None = None
    expression: Tensor | None = None

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """Return the batch with a function applied to each part that there is."""
        return Batch(*(None if part is None else function(part) for part in self))


def is_adversarial(name: str, names: Collection[str]) -> bool:
    """Tell whether one of these losses is a critic's, or the model's answer to one.

    As one side gets better at it, the other's grows; so they measure no progress.
    """
    return name.startswith(CRITIC) or f"{CRITIC}_{name}" in names


class Prediction(NamedTuple):
    """A decoder's output: (N, R, R, 3) images and their (N, R, R, 1) masks, both 0..1.

    `mask` is None when the model learns none.
    """

    image: Tensor
    mask: Tensor | None


class ModelBase(ABC):
    """A face-swapping autoencoder pair, or a network that masks faces.

    Attributes
    ----------
    Options : type
        The model's options class.
    task : str
        SWAP or MASK: which samples, measurements and preview it is trained with.
    place : str
        Its folder in a workspace.
    unused : tuple of str
        Options of the trainer that mean nothing to this model.
    defaults : mapping of str to object
        Options of the model or the trainer whose default is another for this model.
    fast : mapping of str to object
        The same for a new model with the preset `fast`: what measurably helps this model.
    resolution : int
        Side of the input and output images, pixels.
    face_type : FaceType
        How much of the head they show.
    base_erode, base_blur : int
        The converter's default mask erosion and blur for this model, percent.
    networks : dict of str to keras.Model
        What is trained, saved and loaded, by name.
    critics : dict of str to keras.Model
        Networks that only a training needs, by name; empty until `add_critics`. They are saved and
        loaded with its state, and neither exported nor used for anything else.
    powers : dict of str to keras.Variable
        For each critic, the value of the option `<its name>_power`, which may change at any step.
    morphs : bool
        Whether `swap` takes a second argument, a scalar tensor 0..1: how much of the face is src's.
    """

    Options: ClassVar[type[ModelOptions]] = ModelOptions
    task: ClassVar[str] = SWAP
    place: ClassVar[str] = "model"
    unused: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[Mapping[str, Any]] = {}
    fast: ClassVar[Mapping[str, Any]] = {}
    face_type: FaceType = FaceType.FULL
    morphs: ClassVar[bool] = False
    base_erode: int = 30
    base_blur: int = 0
    resolution: int

    def __init__(self, options: ModelOptions) -> None:
        self.options: Any = options
        self.networks: dict[str, keras.Model] = self.build()
        self.critics: dict[str, keras.Model] = {}
        self.powers: dict[str, Variable] = {}

    @abstractmethod
    def build(self) -> dict[str, keras.Model]:
        """Build the networks: straight-line functional Keras with named layers."""

    def build_critics(self) -> dict[str, keras.Model]:
        """Build the critics that the options ask for, see `models.critics`; no model must."""
        return {}

    def add_critics(self) -> None:
        """Build what only a training needs."""
        self.critics = self.build_critics()
        for name in self.critics:
            power = getattr(self.options, f"{name}_power")
            self.powers[name] = keras.Variable(power, trainable=False, dtype="float32")

    @abstractmethod
    def losses(self, src: Batch, dst: Batch) -> dict[str, Tensor]:
        """Return named scalars; training minimizes their sum.

        Those whose name contains `mask` are not shown to the user. Those whose name begins with
        `critic` change the critics alone, all others the networks alone.
        """

    @abstractmethod
    def reconstruct(self, src: Tensor, dst: Tensor) -> tuple[Prediction, Prediction]:
        """Put (N, R, R, 3) src faces through the src path and dst faces through the dst path."""

    @abstractmethod
    def swap(self, dst: Tensor) -> Prediction:
        """Put (N, R, R, 3) dst faces through the src path: src's face with dst's expression.

        A model that morphs takes the factor after them, which is 1 if it is left out.
        """

    @property
    def trained(self) -> dict[str, keras.Model]:
        """What a training changes, by name: the networks and the critics."""
        return self.networks | self.critics

    @property
    def variables(self) -> list[Variable]:
        """All trainable variables, in the order of `networks`."""
        return [v for network in self.networks.values() for v in network.trainable_variables]

    @property
    def draws(self) -> list[Variable]:
        """The states of the random generators that `losses` draws from.

        The trainer sets them by the number of the step, so that a training that goes on after a
        stop draws what it would have drawn.
        """
        return [
            layer.seed_generator.state
            for network in self.networks.values()
            for layer in network.layers
            if isinstance(layer, keras.layers.Dropout)
        ]
