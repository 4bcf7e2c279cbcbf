"""SAEHD: DeepFaceLab's configurable model of 2020, in its 16 variants."""

from dataclasses import dataclass

from facelib.types import EXPRESSION, FaceType
from models import classic, hd_blocks
from models.backend import keras
from models.base import ModelOptions
from models.blocks import expression_head
from models.hd_blocks import ARCHIS, Archi
from utils.errors import UsageError
from utils.options import opt

# face type, and the mask's erosion and blur in percent
FACE_TYPES = {
    "half": (FaceType.HALF, 100, 100),
    "full": (FaceType.FULL, 40, 10),
    "whole": (FaceType.WHOLE, 40, 10),
}


@dataclass(frozen=True, kw_only=True)
class SAEHDOptions(ModelOptions):
    """Options of SAEHD."""

    resolution: int = opt(
        128,
        help="side of the faces in pixels; larger needs more memory and time",
        low=64,
        high=640,
        step=16,
        group="Model",
        ask=True,
        fixed=True,
    )
    face_type: str = opt(
        "full",
        help="how much of the head is swapped",
        choices=tuple(FACE_TYPES),
        group="Model",
        ask=True,
        fixed=True,
    )
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
    e_dims: int = opt(
        64,
        help="channels of the encoder; more see more features",
        low=16,
        high=256,
        step=2,
        group="Model",
        fixed=True,
        seldom=True,
    )
    d_dims: int = opt(
        64,
        help="channels of the decoders; more draw finer detail",
        low=16,
        high=256,
        step=2,
        group="Model",
        fixed=True,
        seldom=True,
    )
    d_mask_dims: int = opt(
        22,
        help="channels of the decoders for the mask; a third of d-dims is enough for hulls",
        low=16,
        high=256,
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

    def __post_init__(self) -> None:
        """Refuse what a variant cannot have.

        Raises
        ------
        UsageError
        """
        step = Archi.named(self.archi).step
        if self.resolution % step:
            below = self.resolution - self.resolution % step
            raise UsageError(
                f"a resolution of {self.resolution} needs an --archi without d and t; {self.archi} "
                f"takes multiples of {step}, such as {below} or {below + step}"
            )


class SAEHD(classic.Classic):
    """The styled autoencoder of 2020."""

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
