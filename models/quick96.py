"""Quick96: full face, 96 x 96 pixels, for CPUs; a soft swap in half an hour on two cores.

The decoders end in one 3 x 3 convolution to 16 channels, which depth-to-space turns into the image
and its mask: a third upscaling block would double the time of a step and adds little.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from facelib.types import FaceType
from models import classic
from models.backend import keras
from models.blocks import depth_to_space, upscale
from utils.options import opt

SIZES = classic.Sizes(
    side=96,
    downs=(48, 96, 192, 288),
    code=128,
    inner=192,
    out=192,
    image=(144, 64),
    mask=(),
)


@dataclass(frozen=True, kw_only=True)
class Quick96Options(classic.ClassicOptions):
    """Options of Quick96; pixel loss is not asked for, since pixels count already."""

    pixel_loss: bool = opt(
        False,
        help="use pixel loss instead of DSSIM; only with --eyes-mouth-priority 0",
        group="Model",
    )


class Quick96(classic.Classic):
    """The compact full-face model of 96 pixels: 8,356,522 parameters."""

    Options = Quick96Options
    defaults: ClassVar[dict[str, Any]] = {
        "preset": "fast",
        "learning_rate": 5e-4,
        "expression_head": True,
        "eyes_mouth_priority": 6.0,
        "uniform_pose": True,
        "uniform_expression": True,
        "train_color_transfer": "mkl",
        "input_jitter": 0.15,
        "average_weights": 0.999,
    }
    face_type = FaceType.FULL
    base_erode = 30
    base_blur = 60
    resolution = 96

    def build(self) -> dict[str, "keras.Model"]:
        """Build the encoder and the two decoders."""
        return {
            "encoder": classic.encoder(SIZES, expressive=self.options.expression_head),
            "decoder_src": _decoder("decoder_src"),
            "decoder_dst": _decoder("decoder_dst"),
        }


def _decoder(name: str) -> "keras.Model":
    """Build a network from a code, 12 pixels wide, to an image and its mask from one trunk."""
    inputs = x = keras.Input((SIZES.side // 8, SIZES.side // 8, SIZES.out), name="code")
    for number, filters in enumerate(SIZES.image, 1):
        x = upscale(x, filters, f"up{number}")
    end = keras.layers.Conv2D(
        16, 3, padding="same", activation="sigmoid", name="face_conv", dtype="float32"
    )
    x = depth_to_space(end(x), "face", dtype="float32")
    return keras.Model(inputs, [x[..., :3], x[..., 3:]], name=name)
