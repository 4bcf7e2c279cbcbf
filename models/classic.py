"""What H64, H128, DF and LIAEF128 have in common: layers, losses and the option for pixel loss."""

from collections.abc import Sequence
from dataclasses import dataclass

from models import sharing
from models.backend import Tensor, keras
from models.base import Batch, ModelBase, ModelOptions, Prediction
from models.blocks import bottleneck, downscale, to_image, upscale
from models.losses import dssim, gaussian_blur, mean_square
from utils.options import opt

PIXEL_WEIGHT = 5  # brings the squared error to the size of the DSSIM


@dataclass(frozen=True, kw_only=True)
class ClassicOptions(ModelOptions):
    """Options of the classic models."""

    pixel_loss: bool = opt(
        False,
        help="compare pixel by pixel instead of by structure; for fine detail, after about 20,000 "
        "iterations",
        group="Model",
        ask=True,
    )


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of a network.

    Attributes
    ----------
    side : of the pictures, in pixels
    downs : channels of the four convolutions on the way down
    code : length of the code
    inner, out : channels behind the code, at side / 16 and at side / 8
    image, mask : channels of the three convolutions up to a picture, and to its mask
    """

    side: int
    downs: Sequence[int]
    code: int
    inner: int
    out: int
    image: Sequence[int]
    mask: Sequence[int]


def two_decoders(sizes: Sizes) -> dict[str, "keras.Model"]:
    """Make an encoder for both people and a decoder for each."""
    inputs = x = keras.Input((sizes.side, sizes.side, 3), name="face")
    x = downscales(x, sizes.downs)
    x = bottleneck(x, sizes.code, sizes.side // 16, sizes.inner, "inter")
    x = upscale(x, sizes.out, "inter_up")
    return {
        "encoder": keras.Model(inputs, x, name="encoder"),
        "decoder_src": decoder("decoder_src", sizes.out, sizes),
        "decoder_dst": decoder("decoder_dst", sizes.out, sizes),
    }


def downscales(x: Tensor, downs: Sequence[int]) -> Tensor:
    """Halve the side once for each number of channels."""
    for number, channels in enumerate(downs, 1):
        x = downscale(x, channels, f"down{number}")
    return x


def decoder(name: str, channels: int, sizes: Sizes) -> "keras.Model":
    """Make a network from a code of so many channels, side / 8 wide, to a picture and its mask."""
    inputs = x = m = keras.Input((sizes.side // 8, sizes.side // 8, channels), name="code")
    for number, wide in enumerate(sizes.image, 1):
        x = upscale(x, wide, f"up{number}")
    for number, wide in enumerate(sizes.mask, 1):
        m = upscale(m, wide, f"mask_up{number}")
    image, mask = to_image(x, 3, "sigmoid", "image"), to_image(m, 1, "sigmoid", "mask")
    return keras.Model(inputs, [image, mask], name=name)


class Classic(ModelBase):
    """A model whose decoders make a picture and a mask; it only has to build its networks.

    Attributes
    ----------
    mask_error : compares masks, a scalar
    """

    Options = ClassicOptions
    mask_error = staticmethod(mean_square)

    def losses(self, src: Batch, dst: Batch) -> dict[str, Tensor]:
        """Return how unlike each side's picture is within the mask, and the masks' errors."""
        difference = _pixel_difference if self.options.pixel_loss else _structure_difference
        out_src, out_dst = self.reconstruct(src.warped, dst.warped)
        return {
            "src": difference(src, out_src),
            "dst": difference(dst, out_dst),
            "src_mask": self.mask_error(src.mask, out_src.mask),
            "dst_mask": self.mask_error(dst.mask, out_dst.mask),
        }

    def reconstruct(self, src: Tensor, dst: Tensor) -> tuple[Prediction, Prediction]:
        """Put src faces through the src path and dst faces through the dst path."""
        codes = sharing.encode(self.networks, src, dst)
        of_src, of_dst = sharing.decode(self.networks, codes.src, codes.dst)
        return Prediction(*of_src), Prediction(*of_dst)

    def swap(self, dst: Tensor) -> Prediction:
        """Put dst faces through the src path."""
        return Prediction(
            *sharing.decode_swap(self.networks, sharing.encode_swap(self.networks, dst))
        )


def _structure_difference(side: Batch, made: Prediction) -> Tensor:
    return keras.ops.mean(dssim(side.target * side.mask, made.image * side.mask))


def _pixel_difference(side: Batch, made: Prediction) -> Tensor:
    mask = gaussian_blur(side.mask, max(1, side.mask.shape[1] / 64))
    return PIXEL_WEIGHT * mean_square(side.target * mask, made.image * mask)
