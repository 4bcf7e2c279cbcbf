"""AMP: DeepFaceLab's model of 2021, whose swap is src's face to a degree that is chosen later.

One decoder draws both people from a code of many channels, and each person has a network of its own
that makes the code. In training some of the channels of src's code, other ones in each step, come
from the network of dst; so the decoder learns codes of which one part says src and the other dst. A
swap takes the first channels from src's network and the others from that of dst: how many, is the
morph factor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from facelib.types import EXPRESSION
from models import critics, hd_blocks, hd_losses, recipe, sharing
from models.backend import Tensor, Variable, keras, np
from models.base import Batch, ModelBase, Prediction
from models.blocks import expression_head, from_code
from models.hd_blocks import Archi
from models.hd_options import FACE_TYPES, HdOptions, face_option, side_option
from models.losses import mean_square
from utils.options import opt

ARCHI = Archi(shared=True, normed=True, doubled=True, taller=True)
BACKGROUND_WEIGHT = 0.1  # of dst around the face
CHOICE_SEED = 1  # the same for all, so that only the number of the step tells draws apart


@dataclass(frozen=True, kw_only=True)
class AMPOptions(HdOptions):
    """Options of AMP."""

    resolution: int = side_option(224, step=ARCHI.step)
    face_type: str = face_option("whole")
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
    defaults: ClassVar[Mapping[str, Any]] = {"eyes_mouth_priority": hd_losses.PUBLISHED_PRIORITY}

    def __init__(self, options: AMPOptions) -> None:
        self.resolution = options.resolution
        self.face_type, self.base_erode, self.base_blur = FACE_TYPES[options.face_type]
        self._choice = keras.random.SeedGenerator(CHOICE_SEED)
        super().__init__(options)

    def build(self) -> dict[str, "keras.Model"]:
        """Build the encoder with the code, what each person makes of it, and the decoder."""
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

    def build_critics(self) -> dict[str, "keras.Model"]:
        """Build what judges images."""
        options = self.options
        if not options.gan_power:
            return {}
        critic = critics.patch_critic(self.resolution, options.gan_patch_size, options.gan_dims)
        return {"gan": critic}

    def losses(self, src: Batch, dst: Batch) -> dict[str, Tensor]:
        """Return the losses of both sides' images and masks, and the critic's."""
        encoded = sharing.through(self.networks["encoder"], src.warped, dst.warped, training=True)
        codes = self._training_codes(*encoded)
        outputs = sharing.through(self.networks["decoder"], *codes)
        out_src, out_dst = (Prediction(*each) for each in outputs)
        around = (1 - hd_losses.soft_mask(dst)) * dst.in_frame
        background = mean_square(dst.target * around, out_dst.image * around)
        losses = {
            "src": self._image_loss(src, out_src),
            "dst": self._image_loss(dst, out_dst) + BACKGROUND_WEIGHT * background,
            "src_mask": hd_losses.mask_loss(src, out_src.mask),
            "dst_mask": hd_losses.mask_loss(dst, out_dst.mask),
        }
        if self.options.expression_head:
            seen = keras.ops.concatenate([numbers for _, numbers in encoded], axis=0)
            losses["expression"] = recipe.expression_loss(src, dst, seen)
        return losses | self._critic_losses(src, dst, out_src, out_dst)

    def _training_codes(
        self, encoded_src: list[Tensor], encoded_dst: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return src's code, of which dst's network makes a part, and dst's."""
        ((own,),) = sharing.through(self.networks["inter_src"], encoded_src, training=True)
        (other,), (dst,) = sharing.through(
            self.networks["inter_dst"], encoded_src, encoded_dst, training=True
        )
        dims = self.options.inter_dims
        faces = keras.ops.shape(own)[0]
        drawn = keras.random.uniform((faces, 1, 1, dims), seed=self._choice)
        place = keras.ops.argsort(keras.ops.argsort(drawn))  # of each channel, in random order
        return _mixed(place < int(dims * self.options.morph_factor), own, other), dst

    def _image_loss(self, side: Batch, predicted: Prediction) -> Tensor:
        weight = hd_losses.seen(side, masked=True)
        priority = self.options.eyes_mouth_priority
        return hd_losses.image_loss(side, predicted.image, weight, priority)

    def _critic_losses(
        self, src: Batch, dst: Batch, out_src: Prediction, out_dst: Prediction
    ) -> dict[str, Tensor]:
        """Return what the critic and the model have against each other, if there is one."""
        if "gan" not in self.critics:
            return {}
        weights = [hd_losses.seen(side, masked=True) for side in (src, dst)]
        judged = [
            (side.target * weight, predicted.image * weight)
            for side, predicted, weight in zip((src, dst), (out_src, out_dst), weights, strict=True)
        ]
        losses = critics.gan_losses(self.critics["gan"], self.powers["gan"], *judged)
        rest = src.target, out_src.image * src.in_frame, src.in_frame - weights[0]
        losses["gan"] += critics.outside_loss(self.powers["gan"], *rest)
        return losses

    def reconstruct(self, src: Tensor, dst: Tensor) -> tuple[Prediction, Prediction]:
        """Draw src faces from codes of src's network alone, and dst faces from those of dst's."""
        encoded_src, encoded_dst = sharing.through(self.networks["encoder"], src, dst)
        src_code, dst_code = self._code("src", encoded_src), self._code("dst", encoded_dst)
        outputs = sharing.through(self.networks["decoder"], src_code, dst_code)
        return Prediction(*outputs[0]), Prediction(*outputs[1])

    def swap(self, dst: Tensor, morph: Tensor | float = 1.0) -> Prediction:
        """Draw dst faces from a code whose first channels, a share of `morph`, are src's."""
        (encoded,) = sharing.through(self.networks["encoder"], dst)
        dims = self.options.inter_dims
        count = keras.ops.floor(float(dims) * keras.ops.cast(morph, "float32"))
        of_src = keras.ops.clip(count - np.arange(dims, dtype="float32"), 0, 1)
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
    return src * of_src + dst * (1.0 - of_src)
