"""AMP: DeepFaceLab's model of 2021, whose swap is src's face to a degree that is chosen later.

One decoder draws both people from a code of many channels, and each person has a network of its own
that makes the code. In training some of the channels of src's code, other ones in each step, come
from the network of dst; so the decoder learns codes of which one part says src and the other dst. A
swap takes the first channels from src's network and the others from that of dst: how many, is the
morph factor.
"""

from dataclasses import dataclass

import numpy as np

from facelib.types import EXPRESSION
from models import hd_blocks, sharing
from models.backend import Tensor, Variable, keras
from models.base import Batch, ModelBase, ModelOptions, Prediction
from models.blocks import LEAK, expression_head, from_code
from models.hd_blocks import Archi
from models.saehd import FACE_TYPES
from utils.options import opt

ARCHI = Archi(shared=True, normed=True, doubled=True, taller=True)


@dataclass(frozen=True, kw_only=True)
class AMPOptions(ModelOptions):
    """Options of AMP."""

    resolution: int = opt(
        224,
        help="side of the faces in pixels; larger needs more memory and time",
        low=64,
        high=640,
        step=32,
        group="Model",
        ask=True,
        fixed=True,
    )
    face_type: str = opt(
        "whole",
        help="how much of the head is swapped",
        choices=tuple(FACE_TYPES),
        group="Model",
        ask=True,
        fixed=True,
    )
    ae_dims: int = opt(
        256,
        help="length of the bottleneck code",
        low=32,
        high=1024,
        group="Model",
        fixed=True,
        seldom=True,
    )
    inter_dims: int = opt(
        1024,
        help="channels of the codes that are morphed; at least --ae-dims",
        low=32,
        high=2048,
        group="Model",
        fixed=True,
        seldom=True,
    )
    e_dims: int = opt(
        64,
        help="channels of the encoder; more see more features",
        low=16,
        high=256,
        step=2,
        group="Model",
        fixed=True,
        seldom=True,
    )
    d_dims: int = opt(
        64,
        help="channels of the decoder; more draw finer detail",
        low=16,
        high=256,
        step=2,
        group="Model",
        fixed=True,
        seldom=True,
    )
    d_mask_dims: int = opt(
        22,
        help="channels of the decoder for the mask; a third of d-dims is enough for hulls",
        low=16,
        high=256,
        step=2,
        group="Model",
        fixed=True,
        seldom=True,
    )
    morph_factor: float = opt(
        0.5,
        help="share of src's code that its own network makes in training; less: more like src",
        low=0.1,
        high=0.5,
        group="Model",
        seldom=True,
    )


class AMP(ModelBase):
    """The model that morphs; by default 101,345,195 parameters."""

    Options = AMPOptions
    morphs = True

    def __init__(self, options: AMPOptions) -> None:
        self.resolution = options.resolution
        self.face_type, self.base_erode, self.base_blur = FACE_TYPES[options.face_type]
        self._choice = keras.random.SeedGenerator()
        super().__init__(options)

    def build(self) -> dict[str, "keras.Model"]:
        """Build the encoder, which ends in the code, what each person makes of it, and the decoder."""
        options, side = self.options, ARCHI.code_side(self.resolution)
        face = keras.Input((self.resolution, self.resolution, 3), name="face")
        features = hd_blocks.features(face, options.e_dims, ARCHI)
        code = keras.layers.Dense(options.ae_dims, name="inter_code")(features)
        outputs = [code, expression_head(features)] if options.expression_head else code
        decoder = hd_blocks.decoder(
            "decoder",
            (side, side, options.inter_dims),
            options.d_dims,
            options.d_mask_dims,
            ARCHI,
        )
        return {
            "encoder": keras.Model(face, outputs, name="encoder"),
            "inter_src": self._inter("inter_src", side),
            "inter_dst": self._inter("inter_dst", side),
            "decoder": decoder,
        }

    def _inter(self, name: str, side: int) -> "keras.Model":
        options = self.options
        inputs = [keras.Input((options.ae_dims,), name="code")]
        if options.expression_head:
            inputs.append(keras.Input((len(EXPRESSION),), name="expressed"))
        x = from_code(inputs[0], side, options.inter_dims, "inter", *inputs[1:])
        return keras.Model(inputs if len(inputs) > 1 else inputs[0], x, name=name)

    @property
    def draws(self) -> list[Variable]:
        """The states of the random generators: also of the one that chooses channels."""
        return [*super().draws, self._choice.state]

    def losses(self, src: Batch, dst: Batch) -> dict[str, Tensor]:
        """Return nothing yet."""
        raise NotImplementedError

    def reconstruct(self, src: Tensor, dst: Tensor) -> tuple[Prediction, Prediction]:
        """Draw src faces from codes of src's network alone, and dst faces from those of dst's."""
        encoded_src, encoded_dst = sharing.through(self.networks["encoder"], src, dst)
        src_code, dst_code = self._code("src", encoded_src), self._code("dst", encoded_dst)
        outputs = sharing.through(self.networks["decoder"], src_code, dst_code)
        return Prediction(*outputs[0]), Prediction(*outputs[1])

    def swap(self, dst: Tensor, morph: Tensor | float = 1.0) -> Prediction:
        """Draw dst faces from a code whose first channels, a share of `morph`, are made as src's."""
        (encoded,) = sharing.through(self.networks["encoder"], dst)
        dims = self.options.inter_dims
        count = keras.ops.floor(dims * keras.ops.cast(morph, "float32"))
        of_src = keras.ops.clip(count - np.arange(dims, dtype=np.float32), 0, 1)
        code = _mixed(of_src, self._code("src", encoded), self._code("dst", encoded))
        (outputs,) = sharing.through(self.networks["decoder"], code)
        return Prediction(*outputs)

    def _code(self, person: str, encoded: list[Tensor]) -> Tensor:
        """Return what a person's network makes of the encoder's outputs for some faces."""
        ((code,),) = sharing.through(self.networks[f"inter_{person}"], encoded)
        return code


def _mixed(of_src: Tensor, src: Tensor, dst: Tensor) -> Tensor:
    """Return codes (N, H, W, C) that take a channel from src where (..., C) is 1, and dst at 0."""
    of_src = keras.ops.cast(of_src, src.dtype)
    return src * of_src + dst * (1 - of_src)
