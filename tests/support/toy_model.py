"""A model so small that it trains in seconds; as a script, the command line with it added.

python tests/support/toy_model.py train --model TOY ...
"""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from facelib.types import FaceType
from models import MODELS
from models.backend import keras
from models.base import ModelBase, ModelOptions, Prediction
from utils.options import opt
from utils.registry import Entry

ENTRY = Entry("support.toy_model:Toy", "for tests")


@dataclass(frozen=True, kw_only=True)
class ToyOptions(ModelOptions):
    width: int = opt(8, help="channels", low=1, group="Model", fixed=True)


class Toy(ModelBase):
    """One convolution down, one decoder a side; 16 x 16 pixels."""

    Options = ToyOptions
    face_type = FaceType.HALF
    resolution = 16

    def build(self):
        width = self.options.width
        inputs = keras.Input((16, 16, 3), name="face")
        code = keras.layers.Conv2D(width, 4, 4, activation="relu", name="down")(inputs)
        networks = {"encoder": keras.Model(inputs, code, name="encoder")}
        for name in ("decoder_src", "decoder_dst"):
            inputs = keras.Input((4, 4, width), name="code")
            end = keras.layers.Conv2DTranspose(
                4, 4, 4, activation="sigmoid", name="up", dtype="float32"
            )
            x = end(inputs)
            networks[name] = keras.Model(inputs, [x[..., :3], x[..., 3:]], name=name)
        return networks

    def losses(self, src, dst):
        out_src, out_dst = self.reconstruct(src.warped, dst.warped)
        mean, square = keras.ops.mean, keras.ops.square
        return {
            "src": mean(square(src.target - out_src.image)),
            "dst": mean(square(dst.target - out_dst.image)),
            "src_mask": mean(square(src.mask - out_src.mask)),
            "dst_mask": mean(square(dst.mask - out_dst.mask)),
        }

    def reconstruct(self, src, dst):
        encode, networks = self.networks["encoder"], self.networks
        return (
            Prediction(*networks["decoder_src"](encode(src))),
            Prediction(*networks["decoder_dst"](encode(dst))),
        )

    def swap(self, dst):
        return Prediction(*self.networks["decoder_src"](self.networks["encoder"](dst)))


if __name__ == "__main__":
    MODELS._entries["TOY"] = ENTRY
    import main

    sys.exit(main.main(sys.argv[1:]))
