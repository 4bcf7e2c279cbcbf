"""The blocks of SAEHD: DeepFaceLab's architecture of 2020, in its 16 variants.

`df` has a decoder for each person, `liae` shares one; models/sharing.py has the ways of the faces.
The letters after it change the blocks:

-u  what the encoder sees is scaled to a mean square of 1 before it becomes a code
-d  a decoder makes four pixels of each at its end, at the cost of a few channels
-t  one step down and up more, and residual blocks in the encoder

Layers have the numbers of the published architecture, from 1 in encoders and from 0 in decoders.
"""

from typing import NamedTuple

from models.backend import Tensor, keras
from models.blocks import LEAK, bottleneck, depth_to_space, upscale

ARCHIS = tuple(
    f"{sharing}{letters}"
    for sharing in ("df", "liae")
    for letters in ("", "-u", "-d", "-t", "-ud", "-ut", "-dt", "-udt")
)
RESIDUAL_LEAK = 0.2
NORM_FLOOR = 1e-6


class Archi(NamedTuple):
    """What the name of a variant means.

    Attributes
    ----------
    shared : bool
        Whether both people share the decoder (liae).
    normed, doubled, taller : bool
        The letters u, d and t.
    """

    shared: bool
    normed: bool
    doubled: bool
    taller: bool

    @classmethod
    def named(cls, name: str) -> "Archi":
        """Take a name apart, such as liae-ud."""
        sharing, _, letters = name.partition("-")
        return cls(sharing == "liae", *(letter in letters for letter in "udt"))

    @property
    def downs(self) -> tuple[int, ...]:
        """Channels of the encoder's steps, as multiples of its dimensions."""
        return (1, 2, 4, 8, 8) if self.taller else (1, 2, 4, 8)

    @property
    def ups(self) -> tuple[int, ...]:
        """Channels of a decoder's steps, as multiples of its dimensions."""
        return (8, 8, 4, 2) if self.taller else (8, 4, 2)

    @property
    def step(self) -> int:
        """What the resolution must be a multiple of."""
        return 32 if self.doubled or self.taller else 16

    def code_side(self, resolution: int) -> int:
        """Return the side of a decoder's input."""
        return resolution // 2 ** (len(self.ups) + self.doubled)


def downscale(x: Tensor, channels: int, name: str) -> Tensor:
    """(N, H, W, C) -> (N, H/2, W/2, channels): 5x5 convolution, stride 2, LeakyReLU.

    It is padded alike on all sides, unlike the one of `models.blocks`.
    """
    x = keras.layers.ZeroPadding2D(2, name=f"{name}_pad")(x)
    x = keras.layers.Conv2D(channels, 5, strides=2, name=f"{name}_conv")(x)
    return keras.layers.LeakyReLU(LEAK, name=f"{name}_leaky")(x)


def residual(x: Tensor, name: str) -> Tensor:
    """(N, H, W, C) -> the same: two 3x3 convolutions, whose result is added to their input."""
    channels = x.shape[-1]
    y = keras.layers.Conv2D(channels, 3, padding="same", name=f"{name}_conv1")(x)
    y = keras.layers.LeakyReLU(RESIDUAL_LEAK, name=f"{name}_conv1_leaky")(y)
    y = keras.layers.Conv2D(channels, 3, padding="same", name=f"{name}_conv2")(y)
    y = keras.layers.Add(name=f"{name}_add")([x, y])
    return keras.layers.LeakyReLU(RESIDUAL_LEAK, name=f"{name}_leaky")(y)


def pixel_norm(x: Tensor) -> Tensor:
    """(N, F) -> the same, in float32: every sample scaled to a mean square of 1."""
    x = keras.ops.cast(x, "float32")
    square = keras.ops.mean(keras.ops.square(x), axis=-1, keepdims=True)
    return x * keras.ops.rsqrt(square + NORM_FLOOR)


def features(face: Tensor, dims: int, archi: Archi) -> Tensor:
    """(N, R, R, 3) -> (N, F): the encoder without the code."""
    x = face
    for number, times in enumerate(archi.downs, 1):
        x = downscale(x, times * dims, f"down{number}")
        if archi.taller and number in (1, 5):
            x = residual(x, f"res{number}")
    x = keras.layers.Flatten(name="flatten")(x)
    return pixel_norm(x) if archi.normed else x


def inter(
    x: Tensor, code: int, out: int, resolution: int, archi: Archi, numbers: Tensor | None = None
) -> Tensor:
    """(N, F) -> (N, S, S, out) through a code; S is the side of a decoder's input.

    Parameters
    ----------
    numbers : (N, 10) or None
        What the face expresses, joined to the code.
    """
    side = archi.code_side(resolution)
    if archi.taller:
        return bottleneck(x, code, side, out, "inter", numbers)
    return upscale(bottleneck(x, code, side // 2, out, "inter", numbers), out, "inter_up")


def decoder(
    name: str, shape: tuple[int, int, int], dims: int, mask_dims: int, archi: Archi
) -> "keras.Model":
    """Build a network from a code of shape (S, S, C) to an image and its mask."""
    inputs = x = m = keras.Input(shape, name="code")
    for number, times in enumerate(archi.ups):
        x = residual(upscale(x, times * dims, f"up{number}"), f"res{number}")
    for number, times in enumerate((*archi.ups, 1) if archi.doubled else archi.ups):
        m = upscale(m, times * mask_dims, f"mask_up{number}")
    image = doubled_image(x) if archi.doubled else _end(x, 3, 1, "image", "sigmoid")
    return keras.Model(inputs, [image, _end(m, 1, 1, "mask", "sigmoid")], name=name)


def doubled_image(x: Tensor) -> Tensor:
    """(N, H, W, C) -> (N, 2H, 2W, 3) float32: four pixels of each.

    One sees only its own place, three see the neighbors, too.
    """
    x = keras.layers.Concatenate(name="image_pixels", dtype="float32")([
        _end(x, 3, 1, "image_first"),
        _end(x, 9, 3, "image_others"),
    ])
    x = keras.layers.Activation("sigmoid", name="image_sigmoid", dtype="float32")(x)
    return depth_to_space(x, "image", dtype="float32")


def _end(x: Tensor, channels: int, kernel: int, name: str, activation: str | None = None) -> Tensor:
    """Convolve in float32: in bfloat16, images and losses would be too coarse."""
    end = keras.layers.Conv2D(
        channels, kernel, padding="same", activation=activation, name=name, dtype="float32"
    )
    return end(x)
