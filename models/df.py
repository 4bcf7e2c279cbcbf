"""DF: full face, 128 x 128 pixels; one shared encoder, one decoder for each person."""

from facelib.types import FaceType
from models import classic
from models.backend import keras

UPS = (512, 256, 128)
SIZES = classic.Sizes(
    side=128, downs=(128, 256, 512, 1024), code=512, inner=512, out=512, image=UPS, mask=UPS
)


class DF(classic.Classic):
    """The full-face model of 128 pixels: 138,400,520 parameters, the network of H128."""

    face_type = FaceType.FULL
    base_erode = 30
    base_blur = 0
    resolution = 128

    def build(self) -> dict[str, "keras.Model"]:
        """Build the encoder and the two decoders."""
        return classic.two_decoders(SIZES, expressive=self.options.expression_head)
