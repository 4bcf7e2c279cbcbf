"""The building blocks of all networks: functions on Keras tensors, channels last, named layers.

Layer sizes and activations are those of the classic face autoencoders (2018-2019): 5x5 convolutions
with stride 2 in the encoder, 3x3 convolutions with depth-to-space in the decoders, LeakyReLU 0.1.
"""

from zlib import crc32

from facelib.types import EXPRESSION
from models.backend import Tensor, keras

LEAK = 0.1
CODE_DROPOUT = 0.3  # of a code that the expression accompanies
LOUDNESS = 4.0  # of the expression's numbers beside the code
LOUD = "_loud"  # ends the name of the layer that applies it


def downscale(x: Tensor, channels: int, name: str, *, separable: bool = False) -> Tensor:
    """(N, H, W, C) -> (N, H/2, W/2, channels): 5x5 convolution, stride 2, LeakyReLU.

    A separable convolution filters space and channels separately, with a tenth of the weights.
    """
    layer = keras.layers.SeparableConv2D if separable else keras.layers.Conv2D
    x = layer(channels, 5, strides=2, padding="same", name=f"{name}_conv")(x)
    return keras.layers.LeakyReLU(LEAK, name=f"{name}_leaky")(x)


def upscale(x: Tensor, channels: int, name: str) -> Tensor:
    """(N, H, W, C) -> (N, 2H, 2W, channels): 3x3 convolution, LeakyReLU, depth-to-space."""
    x = keras.layers.Conv2D(4 * channels, 3, padding="same", name=f"{name}_conv")(x)
    x = keras.layers.LeakyReLU(LEAK, name=f"{name}_leaky")(x)
    return depth_to_space(x, name)


def depth_to_space(x: Tensor, name: str, dtype: str | None = None) -> Tensor:
    """(N, H, W, 4C) -> (N, 2H, 2W, C): channel (dy * 2 + dx) * C + k goes to pixel offset (dy, dx).

    That is TensorFlow's channel order; PyTorch's pixel shuffle keeps the offsets innermost.
    """
    _, height, width, depth = x.shape
    channels = depth // 4
    split, join = (height, width, 2, 2, channels), (2 * height, 2 * width, channels)
    x = keras.layers.Reshape(split, name=f"{name}_split", dtype=dtype)(x)
    x = keras.layers.Permute((1, 3, 2, 4, 5), name=f"{name}_weave", dtype=dtype)(x)
    return keras.layers.Reshape(join, name=f"{name}_join", dtype=dtype)(x)


def to_image(x: Tensor, channels: int, activation: str, name: str) -> Tensor:
    """(N, H, W, C) -> (N, H, W, channels): the 5x5 convolution that ends a decoder.

    Always in float32: in bfloat16, images and losses would be too coarse.
    """
    end = keras.layers.Conv2D(
        channels, 5, padding="same", activation=activation, name=name, dtype="float32"
    )
    return end(x)


def expression_head(features: Tensor) -> Tensor:
    """(N, F) -> (N, 10): the numbers of `facelib.expression`, predicted."""
    end = keras.layers.Dense(
        len(EXPRESSION), activation="sigmoid", name="expression", dtype="float32"
    )
    return end(features)


def bottleneck(
    x: Tensor, code: int, side: int, channels: int, name: str, numbers: Tensor | None = None
) -> Tensor:
    """(N, ...) -> (N, side, side, channels) through a linear code of `code` elements.

    Parameters
    ----------
    numbers : (N, 10) or None
        What the face expresses, joined to the code. In training some of the code is dropped, so
        that what follows learns to read the numbers, which mean the same for both people.
    """
    if len(x.shape) > 2:
        x = keras.layers.Flatten(name=f"{name}_flatten")(x)
    x = keras.layers.Dense(code, name=f"{name}_code")(x)
    return from_code(x, side, channels, name, numbers)


def from_code(
    x: Tensor, side: int, channels: int, name: str, numbers: Tensor | None = None
) -> Tensor:
    """(N, code) -> (N, side, side, channels): the second half of `bottleneck`."""
    if numbers is not None:
        # without a seed Keras draws from PyTorch's own generator, whatever the number of the step
        seed = crc32(name.encode()) >> 1
        x = keras.layers.Dropout(CODE_DROPOUT, seed=seed, name=f"{name}_drop")(x)
        loud = keras.layers.Rescaling(LOUDNESS, name=f"{name}{LOUD}")(numbers)
        x = keras.layers.Concatenate(name=f"{name}_with_expression")([x, loud])
    x = keras.layers.Dense(side * side * channels, name=f"{name}_dense")(x)
    return keras.layers.Reshape((side, side, channels), name=f"{name}_reshape")(x)


def intermediate(
    name: str, features: int, code: int, side: int, inner: int, out: int, *, numbers: bool = False
) -> "keras.Model":
    """Build a network from (N, features) through a code to (N, 2 * side, 2 * side, out).

    With `numbers` there is a second input, what the face expresses.
    """
    inputs = keras.Input((features,), name="features")
    if not numbers:
        x = bottleneck(inputs, code, side, inner, "inter")
        return keras.Model(inputs, upscale(x, out, "inter_up"), name=name)
    expressed = keras.Input((len(EXPRESSION),), name="expressed")
    x = bottleneck(inputs, code, side, inner, "inter", expressed)
    return keras.Model([inputs, expressed], upscale(x, out, "inter_up"), name=name)
