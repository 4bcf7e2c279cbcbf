"""H64: half face, 64 x 64 pixels; one shared encoder, one decoder for each person."""

from dataclasses import dataclass
from typing import Any, ClassVar

from facelib.types import FaceType
from models import classic
from models.backend import keras
from models.losses import mean_absolute
from utils.options import opt

FULL = classic.Sizes(
    side=64,
    downs=(128, 256, 512, 1024),
    code=1024,
    inner=1024,
    out=512,
    image=(512, 256, 128),
    mask=(256, 128, 64),
)
LIGHT = classic.Sizes(
    side=64,
    downs=(128, 256, 512, 768),
    code=512,
    inner=512,
    out=256,
    image=(256, 128, 64),
    mask=(256, 128, 64),
)


@dataclass(frozen=True, kw_only=True)
class H64Options(classic.ClassicOptions):
    """Options of H64."""

    lightweight: bool = opt(
        False,
        help="45 instead of 113 million parameters: twice as fast, less detail",
        group="Model",
        fixed=True,
        seldom=True,
    )


class H64(classic.Classic):
    """The half-face model of 64 pixels: 112,753,288 parameters, lightweight 44,507,144."""

    Options = H64Options
    fast: ClassVar[dict[str, Any]] = {"eyes_mouth_priority": 6.0, "expression_head": True}
    face_type = FaceType.HALF
    base_erode = 100
    base_blur = 100
    mask_error = staticmethod(mean_absolute)
    resolution = 64

    def build(self) -> dict[str, "keras.Model"]:
        """Build the encoder and the two decoders."""
        sizes = LIGHT if self.options.lightweight else FULL
        return classic.two_decoders(sizes, expressive=self.options.expression_head)
