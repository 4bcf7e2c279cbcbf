"""Critics: networks that tell real from generated, which only a training needs.

A model that can have them

* takes its options from `GanOptions` (and declares `true_face_power` where it has a code);
* returns from `build_critics()` those whose power is above 0, "gan" from `patch_critic` and
  "true_face" from `code_critic`;
* adds to its `losses()`, for each critic that there is, what `gan_losses` and `true_face_losses`
  return, so where there is none (in prediction, or at a power of 0) they cost nothing:

      if "gan" in self.critics:
          losses |= gan_losses(self.critics["gan"], self.powers["gan"], (target, image))

The patch critic is the U-Net of Schönfeld et al. 2020 in the sizes that DeepFaceLab 2 gave it: it
judges patches of a given size in its middle, and each pixel at its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from models.backend import Tensor, Variable, keras
from models.base import CRITIC, ModelOptions
from utils.options import opt

GAN, TRUE_FACE = "gan", "true_face"
"""Names of the critics."""
SIDE = 3  # of the patch critic's kernels, pixels
MOST_LAYERS, MOST_CHANNELS = 9, 512
LEAK, CODE_LEAK = 0.2, 0.1
CODE_CHANNELS = 256
VARIATION_WEIGHT, OUTSIDE_WEIGHT = 1e-6, 0.02


@dataclass(frozen=True, kw_only=True)
class GanOptions(ModelOptions):
    """Options of a model whose images a patch critic can judge."""

    gan_power: float = opt(
        0.0,
        help="weight of a critic that sharpens fine detail, 0.1 is usual; late, without warping",
        low=0,
        high=5,
        group="Model",
        seldom=True,
        live=True,
        zero="off",
    )
    gan_patch_size: int = opt(
        0,
        help="side of the patches that the critic judges, pixels (0: an eighth of the resolution)",
        low=0,
        high=640,
        group="Model",
        seldom=True,
        zero="automatic",
    )
    gan_dims: int = opt(
        16,
        help="channels of the critic's first layer; more see finer flaws and need more memory",
        low=4,
        high=512,
        group="Model",
        seldom=True,
    )


def power_option(critic: str) -> str:
    """Return the name of the option that says how much a critic counts."""
    return f"{critic}_power"


def is_power(option: str) -> bool:
    """Tell whether the name of an option is a critic's power."""
    return option in map(power_option, (GAN, TRUE_FACE))


def patch_critic(resolution: int, patch_size: int, dims: int) -> "keras.Model":
    """Build the U-Net that judges images.

    Parameters
    ----------
    resolution : int
        Side of the images, pixels.
    patch_size : int
        Side of the patches that one number in the middle is about, pixels; the nearest that
        layers can have is taken. 0: an eighth of the resolution.
    dims : int
        Channels of the first layer; each one below has twice as many, up to 512.

    Returns
    -------
    critic : keras.Model
        (N, R, R, 3) -> [(N, h, h, 1), (N, R, R, 1)]: logits of the patches and of the pixels,
        above 0 for real.
    """
    strides = strides_for(patch_size or resolution // 8)
    channels = [min(dims * 2**level, MOST_CHANNELS) for level in range(len(strides) + 1)]
    inputs = keras.Input((resolution, resolution, 3), name="image")
    x = _leaky(keras.layers.Conv2D(dims, 1, name="in_conv")(inputs), "in")
    above = []
    for level, stride in enumerate(strides, 1):
        above.append(x)
        x = _convolve(x, channels[level], SIDE, stride, f"down{level}", LEAK)
    patches = _logits(x, "patches")
    x = _leaky(keras.layers.Conv2D(channels[-1], 1, name="middle_conv")(x), "middle")
    for level, stride in reversed(list(enumerate(strides, 1))):
        x = _upsample(x, above[level - 1], stride, f"up{level}")
    return keras.Model(inputs, [patches, _logits(x, "pixels")], name=GAN)


def code_critic(side: int, channels: int) -> "keras.Model":
    """Build the network that tells src's codes from dst's.

    Parameters
    ----------
    side, channels : int
        Size of a code, (side, side, channels).

    Returns
    -------
    critic : keras.Model
        (N, side, side, channels) -> (N, h, h, 1): logits, above 0 for dst.
    """
    inputs = x = keras.Input((side, side, channels), name="code")
    for level in range(1 + side // 8):
        filters = CODE_CHANNELS * min(2**level, 8)
        x = _convolve(x, filters, 4 if level == 0 else 3, 2, f"down{level + 1}", CODE_LEAK)
    return keras.Model(inputs, _logits(x, "codes"), name=TRUE_FACE)


def gan_losses(
    critic: "keras.Model", power: Tensor | Variable | float, *sides: tuple[Tensor, Tensor]
) -> dict[str, Tensor]:
    """Return what a patch critic and the model have against each other.

    Parameters
    ----------
    power : scalar
        The option `gan_power`, as `ModelBase.powers` has it.
    *sides : (real, fake)
        The targets and the model's images, (N, R, R, 3) each, for each side that is judged.

    Returns
    -------
    losses : dict
        "gan", the sum over the sides of what the model minimizes, and "critic_gan", the mean over
        the sides of what the critic minimizes. `TrainStep` takes the gradient of the first for
        the model's variables alone and that of the second for the critic's, so no gradient has to
        be stopped, and both read the same predictions.
    """
    answer = judged = 0
    for real, fake in sides:
        for on_real, on_fake in zip(critic(real), critic(fake), strict=True):
            answer += _misjudged(on_fake, real=True)
            judged += (_misjudged(on_real, real=True) + _misjudged(on_fake, real=False)) / 2
    return {GAN: power * answer, f"{CRITIC}_{GAN}": judged / len(sides)}


def true_face_losses(
    critic: "keras.Model", power: Tensor | Variable | float, src: Tensor, dst: Tensor
) -> dict[str, Tensor]:
    """Return what a code critic and the model have against each other.

    The model makes src's codes such as the critic takes for dst's; so src's decoder gets from dst
    what it knows.

    Parameters
    ----------
    power : scalar
        The option `true_face_power`, as `ModelBase.powers` has it.
    src, dst : (N, H, W, C) float32
        Codes of both sides.

    Returns
    -------
    losses : dict
        "true_face" and "critic_true_face", as in `gan_losses`.
    """
    on_src, on_dst = critic(src), critic(dst)
    judged = (_misjudged(on_dst, real=True) + _misjudged(on_src, real=False)) / 2
    return {
        TRUE_FACE: power * _misjudged(on_src, real=True),
        f"{CRITIC}_{TRUE_FACE}": judged,
    }


def outside_loss(
    power: Tensor | Variable | float, target: Tensor, image: Tensor, outside: Tensor
) -> Tensor:
    """Return what keeps a GAN's bright dots away from where no other loss looks, a scalar.

    Where training is masked, nothing but the critic says how the rest should look. How much the
    critic counts does not matter, but at a power of 0 there is nothing to keep away.

    Parameters
    ----------
    power : scalar
        As in `gan_losses`.
    target, image : (N, R, R, 3) float32
        The image that should come out, and the one that does.
    outside : (N, R, R, 1) float32
        1 where no other loss looks.
    """
    down, right = image[:, 1:] - image[:, :-1], image[:, :, 1:] - image[:, :, :-1]
    variation = sum(
        keras.ops.mean(keras.ops.sum(keras.ops.square(difference), axis=(1, 2, 3)))
        for difference in (down, right)
    )
    beyond = keras.ops.mean(keras.ops.square((target - image) * outside))
    judged = keras.ops.cast(power > 0, "float32")
    return judged * (VARIATION_WEIGHT * variation + OUTSIDE_WEIGHT * beyond)


@cache
def strides_for(patch_size: int) -> tuple[int, ...]:
    """Return the strides of the 3 x 3 convolutions whose patches are nearest in size.

    Of several, those of the fewest layers, the largest strides, and the later ones larger.
    """
    candidates = [
        (2, *rest) for more in range(MOST_LAYERS) for rest in product((2, 1), repeat=more)
    ]

    def rank(strides: tuple[int, ...]) -> tuple[int, ...]:
        seen = receptive_field(strides)
        later_first = (-stride for stride in reversed(strides))
        return abs(seen - patch_size), seen, len(strides), -sum(strides), *later_first

    return min(candidates, key=rank)


def receptive_field(strides: Sequence[int]) -> int:
    """Return the side of what one output of 3 x 3 convolutions is computed from, pixels."""
    seen, step = 1, 1
    for stride in strides:
        seen += (SIDE - 1) * step
        step *= stride
    return seen


def _misjudged(logits: Tensor, *, real: bool) -> Tensor:
    """Return the cross entropy of judgments, a scalar: how far they are from real, or from fake."""
    return keras.ops.mean(keras.ops.softplus(-logits if real else logits))


def _upsample(x: Tensor, above: Tensor, stride: int, name: str) -> Tensor:
    """Join (N, h, h, C) to what it was made from, (N, H, H, D), on that size: (N, H, H, 2D).

    A stride of 2 halves an odd size to the larger half; so twice that is a row and a column more.
    """
    _, side, _, channels = above.shape
    layer = keras.layers.Conv2DTranspose(
        channels, SIDE, strides=stride, padding="same", name=f"{name}_conv"
    )
    x = _leaky(layer(x), name)
    if x.shape[1] > side:
        x = keras.layers.Cropping2D(((0, 1), (0, 1)), name=f"{name}_crop")(x)
    return keras.layers.Concatenate(name=f"{name}_join")([above, x])


def _convolve(x: Tensor, channels: int, side: int, stride: int, name: str, leak: float) -> Tensor:
    layer = keras.layers.Conv2D(channels, side, strides=stride, padding="same", name=f"{name}_conv")
    return _leaky(layer(x), name, leak)


def _leaky(x: Tensor, name: str, leak: float = LEAK) -> Tensor:
    return keras.layers.LeakyReLU(leak, name=f"{name}_leaky")(x)


def _logits(x: Tensor, name: str) -> Tensor:
    """Return one number a place, always in float32, as all that losses are made of."""
    return keras.layers.Conv2D(1, 1, name=name, dtype="float32")(x)
