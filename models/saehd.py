"""SAEHD: DeepFaceLab's configurable model of 2020, in its 16 variants."""

from dataclasses import dataclass

from facelib.types import EXPRESSION
from models import critics, hd_blocks, hd_losses, recipe, sharing
from models.backend import Tensor, keras
from models.base import Batch, ModelBase, Prediction
from models.blocks import expression_head
from models.hd_blocks import ARCHIS, Archi
from models.hd_options import FACE_TYPES, HdOptions
from utils.errors import UsageError
from utils.options import opt


@dataclass(frozen=True, kw_only=True)
class SAEHDOptions(HdOptions):
    """Options of SAEHD."""

    archi: str = opt(
        "liae-ud",
        help="df keeps src's face, liae fits other shapes; -u likeness, -d double size, -t detail",
        choices=ARCHIS,
        group="Model",
        ask=True,
        fixed=True,
    )
    ae_dims: int = opt(
        256,
        help="length of the bottleneck code",
        low=16,
        high=1024,
        step=2,
        group="Model",
        fixed=True,
        seldom=True,
    )
    masked_training: bool = opt(
        True,
        help="learn only what is inside the mask; otherwise the background, too",
        group="Model",
        seldom=True,
    )
    face_style_power: float = opt(
        0.0,
        help="match the swap's colors to dst; late, from 0.001 on, and watch the preview",
        low=0,
        high=100,
        group="Model",
        seldom=True,
        zero="off",
    )
    bg_style_power: float = opt(
        0.0,
        help="make what is around the swapped face look like dst's; 2 is usual",
        low=0,
        high=100,
        group="Model",
        seldom=True,
        zero="off",
    )
    true_face_power: float = opt(
        0.0,
        help="weight of a critic that makes dst's code look like src's, 0.01 is usual; df only",
        low=0,
        high=1,
        group="Model",
        seldom=True,
        live=True,
        zero="off",
    )

    def __post_init__(self) -> None:
        """Refuse what a variant cannot have.

        Raises
        ------
        UsageError
        """
        archi = Archi.named(self.archi)
        if archi.shared and self.true_face_power:
            raise UsageError(
                f"--true-face-power needs a df variant; {self.archi} has no code of src alone"
            )
        if self.resolution % archi.step:
            below = self.resolution - self.resolution % archi.step
            raise UsageError(
                f"a resolution of {self.resolution} needs a variant without d and t; {self.archi} "
                f"takes multiples of {archi.step}, such as {below} and {below + archi.step}"
            )


class SAEHD(ModelBase):
    """The styled autoencoder of 2020; by default 82,376,555 parameters, df-ud 54,470,998."""

    Options = SAEHDOptions

    def __init__(self, options: SAEHDOptions) -> None:
        self.resolution = options.resolution
        self.face_type, self.base_erode, self.base_blur = FACE_TYPES[options.face_type]
        super().__init__(options)

    def build(self) -> dict[str, "keras.Model"]:
        """Build the encoder, the intermediates (liae) and the decoders.

        The encoder of df goes on through the code; DeepFaceLab has that part in its own file.
        """
        options, archi = self.options, Archi.named(self.options.archi)
        face = keras.Input((self.resolution, self.resolution, 3), name="face")
        x = hd_blocks.features(face, options.e_dims, archi)
        numbers = expression_head(x) if options.expression_head else None
        if archi.shared:
            encoder = keras.Model(face, x if numbers is None else [x, numbers], name="encoder")
            return {
                "encoder": encoder,
                "inter_AB": self._inter("inter_AB", x.shape[1], archi),
                "inter_B": self._inter("inter_B", x.shape[1], archi),
                "decoder": self._decoder("decoder", 4 * options.ae_dims, archi),
            }
        code = options.ae_dims
        x = hd_blocks.inter(x, code, code, self.resolution, archi, numbers)
        return {
            "encoder": keras.Model(face, x if numbers is None else [x, numbers], name="encoder"),
            "decoder_src": self._decoder("decoder_src", code, archi),
            "decoder_dst": self._decoder("decoder_dst", code, archi),
        }

    def _inter(self, name: str, features: int, archi: Archi) -> "keras.Model":
        code = self.options.ae_dims
        inputs = keras.Input((features,), name="features")
        if not self.options.expression_head:
            x = hd_blocks.inter(inputs, code, 2 * code, self.resolution, archi)
            return keras.Model(inputs, x, name=name)
        expressed = keras.Input((len(EXPRESSION),), name="expressed")
        x = hd_blocks.inter(inputs, code, 2 * code, self.resolution, archi, expressed)
        return keras.Model([inputs, expressed], x, name=name)

    def _decoder(self, name: str, channels: int, archi: Archi) -> "keras.Model":
        side = archi.code_side(self.resolution)
        dims, mask_dims = self.options.d_dims, self.options.d_mask_dims
        return hd_blocks.decoder(name, (side, side, channels), dims, mask_dims, archi)

    def build_critics(self) -> dict[str, "keras.Model"]:
        """Build what judges images, and what judges codes."""
        options, built = self.options, {}
        if options.gan_power:
            built["gan"] = critics.patch_critic(
                self.resolution, options.gan_patch_size, options.gan_dims
            )
        if options.true_face_power:
            side = Archi.named(options.archi).code_side(self.resolution)
            built["true_face"] = critics.code_critic(side, options.ae_dims)
        return built

    def losses(self, src: Batch, dst: Batch) -> dict[str, Tensor]:
        """Return the image loss of each side, src's with styles, the mask losses, and critics'."""
        codes = sharing.encode(self.networks, src.warped, dst.warped, training=True)
        outputs = sharing.decode(self.networks, codes.src, codes.dst, *self._swap_codes(codes))
        out_src, out_dst, *swapped = (Prediction(*each) for each in outputs)
        losses = {
            "src": self._image_loss(src, out_src) + self._style_loss(dst, out_dst, swapped),
            "dst": self._image_loss(dst, out_dst),
            "src_mask": hd_losses.mask_loss(src, out_src.mask),
            "dst_mask": hd_losses.mask_loss(dst, out_dst.mask),
        }
        if codes.expression is not None:
            losses["expression"] = recipe.expression_loss(src, dst, codes.expression)
        return losses | self._critics_losses(src, out_src, codes)

    def _swap_codes(self, codes: sharing.Codes) -> list[Tensor]:
        """Return the codes of the swaps that styles look at, one for each style that is on.

        The face's style teaches the decoder alone: the code should only say what the face does.
        """
        face = [keras.ops.stop_gradient(codes.swap)] if self.options.face_style_power else []
        return face + ([codes.swap] if self.options.bg_style_power else [])

    def _image_loss(self, side: Batch, predicted: Prediction) -> Tensor:
        weight = hd_losses.seen(side, masked=self.options.masked_training)
        priority = self.options.eyes_mouth_priority
        return hd_losses.image_loss(side, predicted.image, weight, priority)

    def _style_loss(self, dst: Batch, out_dst: Prediction, swapped: list[Prediction]) -> Tensor:
        """Return the swap's distance to dst in style, inside and outside the face."""
        options, loss = self.options, 0.0
        if options.face_style_power:
            fixed = map(keras.ops.stop_gradient, (swapped[0].mask, out_dst.image * out_dst.mask))
            swap_mask, face = (each * dst.in_frame for each in fixed)
            style = hd_losses.style_loss(face, swapped[0].image * swap_mask)
            loss += options.face_style_power / 100 * style
        if options.bg_style_power:
            around = (1 - hd_losses.soft_mask(dst)) * dst.in_frame
            apart = hd_losses.difference(dst.target * around, swapped[-1].image * around)
            loss += options.bg_style_power / 100 * apart
        return loss

    def _critics_losses(
        self, src: Batch, out_src: Prediction, codes: sharing.Codes
    ) -> dict[str, Tensor]:
        """Return what the critics and the model have against each other, if there are any."""
        losses: dict[str, Tensor] = {}
        if "gan" in self.critics:
            weight = hd_losses.seen(src, masked=self.options.masked_training)
            judged = src.target * weight, out_src.image * weight
            losses |= critics.gan_losses(self.critics["gan"], self.powers["gan"], judged)
            if self.options.masked_training:
                rest = src.target, out_src.image * src.in_frame, src.in_frame - weight
                losses["gan"] += critics.outside_loss(self.powers["gan"], *rest)
        if "true_face" in self.critics:
            losses |= critics.true_face_losses(
                self.critics["true_face"], self.powers["true_face"], codes.src, codes.dst
            )
        return losses

    def reconstruct(self, src: Tensor, dst: Tensor) -> tuple[Prediction, Prediction]:
        """Run src faces through the src path and dst faces through the dst path."""
        codes = sharing.encode(self.networks, src, dst)
        out_src, out_dst = sharing.decode(self.networks, codes.src, codes.dst)
        return Prediction(*out_src), Prediction(*out_dst)

    def swap(self, dst: Tensor) -> Prediction:
        """Run dst faces through the src path."""
        code = sharing.encode_swap(self.networks, dst)
        return Prediction(*sharing.decode_swap(self.networks, code))
