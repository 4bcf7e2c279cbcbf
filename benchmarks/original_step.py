"""DeepFaceLab's training step of 2019: separate functions and optimizers, one after the other.

H64 and H128 have one train function, DF and LIAEF128 two (src, dst), SAE four (src, dst and their
masks); each calls the networks again and has its own Keras Adam. `tf.image.ssim`, blurs as full
two-dimensional convolutions, TensorFlow's own convolutions. The networks are those of `models/`.
"""

from collections.abc import Callable
from functools import cache, partial

import keras
import numpy as np
import tensorflow as tf

from models.backend import Tensor
from models.base import Batch, ModelBase
from models.engine.step import as_float
from models.engine.tensorflow.step import to_tensors

Loss = Callable[[Batch, Batch], Tensor]
SIDES = ("src", "dst")


class OriginalStep:
    """All train functions of a model, one after the other."""

    def __init__(self, model: ModelBase, learning_rate: float) -> None:
        self.parts = [
            self._function(loss, names, model, learning_rate) for loss, names in parts(model)
        ]

    def __call__(self, src: Batch, dst: Batch) -> None:
        """Train on two uint8 batches."""
        for part in self.parts:
            part(to_tensors(src), to_tensors(dst))

    @staticmethod
    def _function(
        loss: Loss, names: list[str], model: ModelBase, learning_rate: float
    ) -> Callable[[Batch, Batch], Tensor]:
        variables = [v for name in names for v in model.networks[name].trainable_variables]
        optimizer = keras.optimizers.Adam(learning_rate, beta_1=0.5, beta_2=0.999)
        optimizer.build(variables)

        @tf.function
        def train(src: Batch, dst: Batch) -> Tensor:
            with tf.GradientTape() as tape:
                total = loss(as_float(src), as_float(dst))
            gradients = tape.gradient(total, [v.value for v in variables])
            optimizer.apply(gradients)
            return total

        return train


def parts(model: ModelBase) -> list[tuple[Loss, list[str]]]:
    """Return the losses of a model's train functions, and the names of the networks they train."""
    networks = model.networks
    if "decoder_srcm" in networks or "decoderm" in networks:  # SAE with masks
        sae = ((loss, side) for loss in (_sae_loss, _sae_mask_loss) for side in SIDES)
        return [
            (partial(loss, model, side), _used(model, side, "m" if loss is _sae_mask_loss else ""))
            for loss, side in sae
        ]
    losses = [partial(_classic_loss, model, side) for side in SIDES]
    if type(model).__name__ in ("H64", "H128"):
        return [(lambda src, dst: losses[0](src, dst) + losses[1](src, dst), list(networks))]
    return [(loss, _used(model, side)) for loss, side in zip(losses, SIDES, strict=True)]


def _used(model: ModelBase, side: str, kind: str = "") -> list[str]:
    """Return the names of the networks on a side's path."""
    path = ["encoder", "inter_AB", f"decoder{kind}", f"decoder_{side}{kind}"]
    return [n for n in model.networks if n in path or (n == "inter_B" and side == "dst")]


def _decode(model: ModelBase, faces: Tensor, side: str, kind: str = "") -> list[Tensor]:
    networks = model.networks
    code = networks["encoder"](faces)
    if "inter_AB" in networks:
        both = networks["inter_AB"](code)
        own = networks["inter_B"](code) if side == "dst" else both
        code = tf.concat([own, both], axis=-1)
    decoder = networks.get(f"decoder{kind}") or networks[f"decoder_{side}{kind}"]
    outputs = decoder(code)
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def _dssim(target: Tensor, predicted: Tensor, most: float) -> Tensor:
    return (1 - tf.image.ssim(target, predicted, most)) / 2


def _classic_loss(model: ModelBase, side: str, src: Batch, dst: Batch) -> Tensor:
    batch = src if side == "src" else dst
    image, mask = _decode(model, batch.warped, side)
    image_loss = tf.reduce_mean(_dssim(batch.target * batch.mask, image * batch.mask, 1.0))
    return image_loss + tf.reduce_mean(tf.square(batch.mask - mask))


def _sae_loss(model: ModelBase, side: str, src: Batch, dst: Batch) -> Tensor:
    batch = src if side == "src" else dst
    total = 0.0
    for head in _decode(model, batch.warped * 2 - 1, side):
        target, mask = (_sized(x, head.shape[1]) for x in (batch.target, batch.mask))
        mask = _blur(mask, max(1, head.shape[1] // 32))
        difference = _dssim(2 * target * mask, (head + 1) * mask, 2.0)
        total += 100 * tf.reduce_mean(tf.square(difference))
    options = model.options
    if side == "src" and options.face_style_power + options.bg_style_power > 0:
        total += _sae_style(model, dst)
    return total


def _sae_style(model: ModelBase, dst: Batch) -> Tensor:
    predicted = _decode(model, dst.warped * 2 - 1, "src")[-1] + 1
    mask, target, size = (
        _blur(dst.mask, max(1, model.resolution // 32)),
        2 * dst.target,
        predicted.shape,
    )
    moments = [tf.nn.moments(_blur(x * mask, size[1] // 8), [1, 2]) for x in (predicted, target)]
    (mean1, variance1), (mean2, variance2) = moments
    spread = tf.sqrt(variance1 + 1e-5) - tf.sqrt(variance2 + 1e-5)
    style = tf.reduce_sum(tf.square(mean1 - mean2) + tf.square(spread))
    around = tf.reduce_mean(tf.square(_dssim(predicted * (1 - mask), target * (1 - mask), 2.0)))
    options = model.options
    return 0.002 * options.face_style_power * style + options.bg_style_power * around


def _sae_mask_loss(model: ModelBase, side: str, src: Batch, dst: Batch) -> Tensor:
    batch = src if side == "src" else dst
    heads = _decode(model, batch.warped * 2 - 1, side, "m")
    masks = [_sized(batch.mask, head.shape[1]) * 2 - 1 for head in heads]
    pairs = zip(heads, masks, strict=True)
    return tf.add_n([tf.reduce_mean(tf.square(mask - head)) for head, mask in pairs])


def _sized(x: Tensor, size: int) -> Tensor:
    """Take every second or fourth pixel, as DeepFaceLab does."""
    step = x.shape[1] // size
    return x[:, ::step, ::step]


def _blur(x: Tensor, radius: int) -> Tensor:
    kernel = tf.constant(_gaussian(radius))
    channels = [tf.nn.conv2d(x[..., c : c + 1], kernel, 1, "SAME") for c in range(x.shape[3])]
    return tf.concat(channels, axis=-1)


@cache
def _gaussian(radius: int) -> np.ndarray:
    positions = np.arange(-radius, radius + 1)
    weights = np.exp(-((positions / radius) ** 2) / 2)
    kernel = np.outer(weights, weights) / weights.sum() ** 2
    return kernel[..., None, None].astype(np.float32)
