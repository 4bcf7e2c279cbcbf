"""H64: half face, 64 x 64 pixels; one shared encoder, one decoder for each person."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from facelib.types import FaceType
from models.base import Batch, Faces, ModelBase, ModelOptions, Tensor
from models.blocks import bottleneck, downscale, to_image, upscale
from models.losses import dssim, mean_absolute
from utils import lazy
from utils.options import opt

if TYPE_CHECKING:
    import keras
else:
    keras = lazy.load("keras")


@dataclass(frozen=True, kw_only=True)
class H64Options(ModelOptions):
    """Options of H64."""

    lightweight: bool = opt(
        False,
        help="a network of 45 instead of 113 million parameters: twice as fast, less detail",
        group="Model",
        ask=True,
        fixed=True,
    )


class H64(ModelBase):
    """The half-face model of 64 pixels: 112,753,288 parameters, lightweight 44,507,144."""

    Options = H64Options
    face_type = FaceType.HALF
    base_erode: ClassVar[int] = 100
    base_blur: ClassVar[int] = 100
    resolution = 64

    def build(self) -> dict[str, "keras.Model"]:
        """Make the encoder and the two decoders."""
        return {
            "encoder": self._encoder(),
            "decoder_src": self._decoder("decoder_src"),
            "decoder_dst": self._decoder("decoder_dst"),
        }

    def _encoder(self) -> "keras.Model":
        light = self.options.lightweight
        deepest, code, channels, out = (768, 512, 512, 256) if light else (1024, 1024, 1024, 512)
        inputs = x = keras.Input((64, 64, 3), name="face")
        x = downscale(x, 128, "down1")
        x = downscale(x, 256, "down2")
        x = downscale(x, 512, "down3")
        x = downscale(x, deepest, "down4")
        x = bottleneck(x, code, 4, channels, "inter")
        x = upscale(x, out, "inter_up")
        return keras.Model(inputs, x, name="encoder")

    def _decoder(self, name: str) -> "keras.Model":
        light = self.options.lightweight
        inputs = keras.Input((8, 8, 256 if light else 512), name="code")
        x = inputs
        for number, channels in enumerate((256, 128, 64) if light else (512, 256, 128), 1):
            x = upscale(x, channels, f"up{number}")
        m = inputs
        for number, channels in enumerate((256, 128, 64), 1):
            m = upscale(m, channels, f"mask_up{number}")
        image, mask = to_image(x, 3, "sigmoid", "image"), to_image(m, 1, "sigmoid", "mask")
        return keras.Model(inputs, [image, mask], name=name)

    def losses(self, src: Batch, dst: Batch) -> dict[str, Tensor]:
        """DSSIM inside the mask, and the mean absolute error of the mask, for each side."""
        out_src, out_dst = self.reconstruct(src.warped, dst.warped)
        return {
            "src": keras.ops.mean(dssim(src.target * src.mask, out_src.image * src.mask)),
            "dst": keras.ops.mean(dssim(dst.target * dst.mask, out_dst.image * dst.mask)),
            "src_mask": mean_absolute(src.mask, out_src.mask),
            "dst_mask": mean_absolute(dst.mask, out_dst.mask),
        }

    def reconstruct(self, src: Tensor, dst: Tensor) -> tuple[Faces, Faces]:
        """Put src through its decoder and dst through its own; the encoder sees both at once."""
        codes = self.networks["encoder"](keras.ops.concatenate([src, dst], axis=0))
        code_src, code_dst = keras.ops.split(codes, [src.shape[0]], axis=0)
        return (
            Faces(*self.networks["decoder_src"](code_src)),
            Faces(*self.networks["decoder_dst"](code_dst)),
        )

    def swap(self, dst: Tensor) -> Faces:
        """Put dst through the decoder of src."""
        return Faces(*self.networks["decoder_src"](self.networks["encoder"](dst)))
