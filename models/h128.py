"""H128: half face, 128 x 128 pixels; one shared encoder, one decoder for each person."""

from dataclasses import dataclass

from facelib.types import FaceType
from models import classic
from models.backend import keras
from models.losses import mean_absolute
from utils.options import opt

FULL = classic.Sizes(
    side=128,
    downs=(128, 256, 512, 1024),
    code=512,
    inner=512,
    out=512,
    image=(512, 256, 128),
    mask=(512, 256, 128),
)
LIGHT = classic.Sizes(
    side=128,
    downs=(128, 256, 512, 1024),
    code=256,
    inner=256,
    out=256,
    image=(256, 128, 64),
    mask=(256, 128, 64),
)


@dataclass(frozen=True, kw_only=True)
class H128Options(classic.ClassicOptions):
    """Options of H128."""

    lightweight: bool = opt(
        False,
        help="56 instead of 138 million parameters: three times as fast, less detail",
        group="Model",
        ask=True,
        fixed=True,
    )


class H128(classic.Classic):
    """The half-face model of 128 pixels: 138,400,520 parameters, lightweight 55,918,600."""

    Options = H128Options
    face_type = FaceType.HALF
    base_erode = 100
    base_blur = 100
    mask_error = staticmethod(mean_absolute)
    resolution = 128

    def build(self) -> dict[str, "keras.Model"]:
        """Build the encoder and the two decoders."""
        sizes = LIGHT if self.options.lightweight else FULL
        return classic.two_decoders(sizes, expressive=self.options.expression_head)
