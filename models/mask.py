"""MASK: full or whole face, 256 x 256 pixels; where the face is visible, learned from drawn labels.

A U-Net of depthwise separable convolutions. It works on 128 pixels and fewer: its first convolution
makes 16 features of 2 x 2 pixels, which its end sees again, and depth-to-space turns that into
edges as sharp as a pixel.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from facelib.types import FaceType
from models import sharing
from models.backend import Tensor, keras
from models.base import MASK, Batch, ModelBase, ModelOptions, Prediction
from models.blocks import LEAK, depth_to_space
from utils.options import opt, without

SIDE = 256
FINE = 16  # channels at 128 pixels
FACE_TYPES = {"full": FaceType.FULL, "whole": FaceType.WHOLE, "head": FaceType.HEAD}
WIDTHS = (32, 64, 128, 192)  # channels at 64, 32, 16 and 8 pixels
TINY = 1e-6  # keeps logarithms finite, and the overlap of two empty masks


@dataclass(frozen=True, kw_only=True)
class MaskOptions(ModelOptions):
    """Options of MASK."""

    face_type: str = opt(
        "full",
        help="how much of the head it sees; must be what the swapped model uses, or more",
        choices=tuple(FACE_TYPES),
        group="Model",
        ask=True,
        fixed=True,
    )


class Mask(ModelBase):
    """A network that tells which pixels show the face: 371,636 parameters.

    What it makes of an image is that image and its mask; so there is nothing to swap.
    """

    Options = without(MaskOptions, ("expression_head", "eyes_mouth_priority"))
    task, place = MASK, "mask_model"
    unused = (
        "new_faces",
        "pretrain",
        "phase",
        "warp_off",
        "swap_sides",
        "stop_when",
        "sort_by_yaw",
        "src_scale",
        "input_jitter",
        "train_color_transfer",
        "blur_out_mask",
        "uniform_pose",
        "uniform_expression",
    )
    defaults: ClassVar[dict[str, Any]] = {
        "batch_size": 4,
        "preset": "fast",
        "learning_rate": 1e-3,
        "average_weights": 0.99,
        "measure_minutes": 1.0,
    }
    base_erode, base_blur = 0, 0
    resolution = SIDE

    def __init__(self, options: MaskOptions) -> None:
        self.face_type = FACE_TYPES[options.face_type]
        super().__init__(options)

    def build(self) -> dict[str, "keras.Model"]:
        """Build the network from an image to the mask of its face."""
        face = keras.Input((SIDE, SIDE, 3), name="face")
        x = keras.layers.Rescaling(2.0, -1.0, name="range")(face)
        x = fine = _down(x, FINE, "fine")
        passed = []
        for number, width in enumerate(WIDTHS, 1):
            x = _down(x, width, f"down{number}")
            x = _separable(x, f"left{number}a")
            x = _separable(x, f"left{number}b") if number > 1 else x
            passed.append(x)
        x = _with_overview(x, "overview")
        for number in range(len(WIDTHS) - 1, 0, -1):
            x = _up(x, passed[number - 1], f"up{number}")
            x = _separable(x, f"right{number}")
        x = _up(x, fine, "up0")
        x = _convolution(x, FINE, 3, "edge")
        end = keras.layers.Conv2D(
            4, 3, padding="same", activation="sigmoid", name="mask_conv", dtype="float32"
        )
        mask = depth_to_space(end(x), "mask", dtype="float32")
        return {"unet": keras.Model(face, mask, name="unet")}

    def losses(self, src: Batch, dst: Batch) -> dict[str, Tensor]:
        """Return for each side the cross-entropy and the lack of overlap (Jaccard distance).

        `Batch.in_frame` says how much each pixel counts.
        """
        outputs = self.reconstruct(src.warped, dst.warped)
        return {
            name: _difference(side.mask, out.mask, side.in_frame)
            for name, side, out in zip(("src", "dst"), (src, dst), outputs, strict=True)
        }

    def reconstruct(self, src: Tensor, dst: Tensor) -> tuple[Prediction, Prediction]:
        """Return the images as they are, and their masks."""
        (of_src,), (of_dst,) = sharing.through(self.networks["unet"], src, dst)
        return Prediction(src, of_src), Prediction(dst, of_dst)

    def swap(self, dst: Tensor) -> Prediction:
        """Return the images as they are, and their masks."""
        return Prediction(dst, self.networks["unet"](dst))


def _convolution(x: Tensor, channels: int, kernel: int, name: str, strides: int = 1) -> Tensor:
    x = keras.layers.Conv2D(channels, kernel, strides=strides, padding="same", name=f"{name}_conv")(
        x
    )
    return keras.layers.LeakyReLU(LEAK, name=f"{name}_leaky")(x)


def _down(x: Tensor, channels: int, name: str) -> Tensor:
    """(N, H, W, C) -> (N, H/2, W/2, channels), from 4 x 4 pixels where there are few channels."""
    return _convolution(x, channels, 4 if x.shape[-1] <= FINE else 2, name, strides=2)


def _separable(x: Tensor, name: str) -> Tensor:
    """(N, H, W, C) -> the same: a 3 x 3 convolution of each channel, then a 1 x 1 of all."""
    # keeps the variance of its input: Keras's own counts the channels, which do not mix here
    draw = keras.initializers.RandomNormal(stddev=1 / 3)
    x = keras.layers.DepthwiseConv2D(
        3, padding="same", use_bias=False, depthwise_initializer=draw, name=f"{name}_each"
    )(x)
    return _convolution(x, x.shape[-1], 1, name)


def _with_overview(x: Tensor, name: str) -> Tensor:
    """(N, H, W, C) -> the same: adds what a dense layer makes of the means over the image."""
    channels = x.shape[-1]
    means = keras.layers.GlobalAveragePooling2D(name=f"{name}_means")(x)
    means = keras.layers.Dense(channels, name=f"{name}_dense")(means)
    means = keras.layers.Reshape((1, 1, channels), name=f"{name}_reshape")(means)
    return keras.layers.Add(name=f"{name}_add")([x, means])


def _up(x: Tensor, passed: Tensor, name: str) -> Tensor:
    """(N, H, W, C) -> (N, 2H, 2W, D), as large as what the left side passes on, and their mean."""
    x = keras.layers.Conv2D(passed.shape[-1], 1, name=f"{name}_conv")(x)
    x = keras.layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_double")(x)
    return keras.layers.Average(name=f"{name}_mean")([x, passed])


def _difference(wanted: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Return the cross-entropy of masks plus 1 - their overlap, both weighted by pixel."""
    ops = keras.ops
    entropy = -(wanted * ops.log(mask + TINY) + (1 - wanted) * ops.log(1 - mask + TINY))
    both = ops.sum(weight * wanted * mask, axis=(1, 2, 3))
    either = ops.sum(weight * (wanted + mask - wanted * mask), axis=(1, 2, 3))
    counts = ops.mean(weight, axis=(1, 2, 3))
    apart = counts * (1 - (both + TINY) / (either + TINY))
    return ops.mean(weight * entropy) + ops.mean(apart)
