"""What H64, H128, DF and LIAEF128 have in common: layers, losses and the pixel-loss option."""

from collections.abc import Sequence
from dataclasses import dataclass

from models import recipe, sharing
from models.backend import Tensor, keras
from models.base import Batch, ModelBase, ModelOptions, Prediction
from models.blocks import bottleneck, downscale, expression_head, to_image, upscale
from models.losses import dssim, gaussian_blur, mean_square
from utils.options import opt

PIXEL_WEIGHT = 5  # scales the squared error to about the DSSIM


@dataclass(frozen=True, kw_only=True)
class ClassicOptions(ModelOptions):
    """Options of the classic models."""

    pixel_loss: bool = opt(
        False,
        help="use pixel loss instead of DSSIM; for fine detail, after about 20,000 iterations",
        group="Model",
        seldom=True,
    )


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of a network.

    Attributes
    ----------
    side : int
        Side of the images, pixels.
    downs : sequence of int
        Channels of the encoder's four convolutions.
    code : int
        Length of the code.
    inner, out : int
        Channels after the code, at side / 16 and at side / 8.
    image, mask : sequence of int
        Channels of the decoder's three convolutions, up to the image and to its mask.
    """

    side: int
    downs: Sequence[int]
    code: int
    inner: int
    out: int
    image: Sequence[int]
    mask: Sequence[int]


def two_decoders(sizes: Sizes, *, expressive: bool) -> dict[str, "keras.Model"]:
    """Build a shared encoder, perhaps with an expression head, and a decoder for each person."""
    return {
        "encoder": encoder(sizes, expressive=expressive),
        "decoder_src": decoder("decoder_src", sizes.out, sizes),
        "decoder_dst": decoder("decoder_dst", sizes.out, sizes),
    }


def encoder(sizes: Sizes, *, expressive: bool) -> "keras.Model":
    """Build a network from a face through the code to side / 8; perhaps with an expression head."""
    inputs = keras.Input((sizes.side, sizes.side, 3), name="face")
    features = keras.layers.Flatten(name="inter_flatten")(downscales(inputs, sizes.downs))
    numbers = expression_head(features) if expressive else None
    x = bottleneck(features, sizes.code, sizes.side // 16, sizes.inner, "inter", numbers)
    x = upscale(x, sizes.out, "inter_up")
    return keras.Model(inputs, x if numbers is None else [x, numbers], name="encoder")


def downscales(x: Tensor, downs: Sequence[int]) -> Tensor:
    """Apply a downscale block for each number of channels."""
    for number, channels in enumerate(downs, 1):
        x = downscale(x, channels, f"down{number}")
    return x


def decoder(name: str, channels: int, sizes: Sizes) -> "keras.Model":
    """Build a network from a code of `channels`, side / 8 wide, to an image and its mask."""
    inputs = x = m = keras.Input((sizes.side // 8, sizes.side // 8, channels), name="code")
    for number, filters in enumerate(sizes.image, 1):
        x = upscale(x, filters, f"up{number}")
    for number, filters in enumerate(sizes.mask, 1):
        m = upscale(m, filters, f"mask_up{number}")
    image, mask = to_image(x, 3, "sigmoid", "image"), to_image(m, 1, "sigmoid", "mask")
    return keras.Model(inputs, [image, mask], name=name)


class Classic(ModelBase):
    """A model whose decoders output an image and a mask; a subclass only builds its networks.

    Attributes
    ----------
    mask_error : callable
        The loss of a mask: (target, predicted) -> scalar.
    """

    Options = ClassicOptions
    mask_error = staticmethod(mean_square)

    def losses(self, src: Batch, dst: Batch) -> dict[str, Tensor]:
        """Return the image loss of each side inside the mask, and the loss of each mask."""
        codes = sharing.encode(self.networks, src.warped, dst.warped, training=True)
        out_src, out_dst = self._decode(codes)
        losses = {
            "src": self._image_loss(src, out_src),
            "dst": self._image_loss(dst, out_dst),
            "src_mask": self._mask_loss(src, out_src),
            "dst_mask": self._mask_loss(dst, out_dst),
        }
        if codes.expression is not None:
            losses["expression"] = recipe.expression_loss(src, dst, codes.expression)
        return losses

    def _image_loss(self, side: Batch, predicted: Prediction) -> Tensor:
        options = self.options
        if options.eyes_mouth_priority:
            return recipe.image_loss(side, predicted.image, options.eyes_mouth_priority)
        return (_pixel_loss if options.pixel_loss else _dssim_loss)(side, predicted)

    def _mask_loss(self, side: Batch, predicted: Prediction) -> Tensor:
        return self.mask_error(side.mask * side.in_frame, predicted.mask * side.in_frame)

    def reconstruct(self, src: Tensor, dst: Tensor) -> tuple[Prediction, Prediction]:
        """Run src faces through the src path and dst faces through the dst path."""
        return self._decode(sharing.encode(self.networks, src, dst))

    def _decode(self, codes: sharing.Codes) -> tuple[Prediction, Prediction]:
        outputs_src, outputs_dst = sharing.decode(self.networks, codes.src, codes.dst)
        return Prediction(*outputs_src), Prediction(*outputs_dst)

    def swap(self, dst: Tensor) -> Prediction:
        """Run dst faces through the src path."""
        return Prediction(
            *sharing.decode_swap(self.networks, sharing.encode_swap(self.networks, dst))
        )


def _dssim_loss(side: Batch, predicted: Prediction) -> Tensor:
    mask = side.mask * side.in_frame
    return keras.ops.mean(dssim(side.target * mask, predicted.image * mask))


def _pixel_loss(side: Batch, predicted: Prediction) -> Tensor:
    mask = gaussian_blur(side.mask, max(1, side.mask.shape[1] / 64)) * side.in_frame
    return PIXEL_WEIGHT * mean_square(side.target * mask, predicted.image * mask)
