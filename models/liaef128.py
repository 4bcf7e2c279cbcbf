"""LIAEF128: full face, 128 x 128 pixels; one encoder, two intermediates and one decoder.

Both people share the intermediate AB and the decoder; only dst has B. A swap is decoded from AB
alone, which compensates for heads of different shape.
"""

from facelib.types import FaceType
from models import classic
from models.backend import keras
from models.blocks import expression_head, intermediate

UPS = (512, 256, 128)
SIZES = classic.Sizes(
    side=128, downs=(128, 256, 512, 1024), code=256, inner=512, out=512, image=UPS, mask=UPS
)


class LIAEF128(classic.Classic):
    """The full-face model of 128 pixels with intermediates: 136,056,068 parameters."""

    face_type = FaceType.FULL
    base_erode = 30
    base_blur = 0
    resolution = 128

    def build(self) -> dict[str, "keras.Model"]:
        """Build the encoder, the intermediates B and AB, and the shared decoder."""
        head = self.options.expression_head
        inputs = keras.Input((SIZES.side, SIZES.side, 3), name="face")
        x = keras.layers.Flatten(name="flatten")(classic.downscales(inputs, SIZES.downs))
        shape = (x.shape[1], SIZES.code, SIZES.side // 16, SIZES.inner, SIZES.out)
        outputs = [x, expression_head(x)] if head else x
        return {
            "encoder": keras.Model(inputs, outputs, name="encoder"),
            "inter_B": intermediate("inter_B", *shape, numbers=head),
            "inter_AB": intermediate("inter_AB", *shape, numbers=head),
            "decoder": classic.decoder("decoder", 2 * SIZES.out, SIZES),
        }
