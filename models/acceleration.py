"""Faster convolutions for training on a CPU: the same numbers from matrix products.

oneDNN computes the forward pass and the input gradient of a large convolution at the speed of the
machine, but its weight gradient at about half of that (AVX2), and layers with few pixels and many
weights at a third, because the weights are laid out anew at each call. Written as im2col and one
matrix product these reach the machine's speed, with the same weights and, up to rounding, the same
results.
Measurements: docs/performance.md. On a GPU cuDNN knows better: do not call this there.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

import keras
import tensorflow as tf

Tensor = Any
FEW_CHANNELS = 16  # with fewer, the copies cost more than the product saves
SMALL_INPUT = {
    5: 8,
    3: 4,
}  # kernel size -> largest side at which the whole convolution is a product


def accelerate(networks: Iterable[keras.Model]) -> None:
    """Replace the convolutions of `networks` where that is faster, by layer shape; weights stay."""
    for network in networks:
        for layer in network.layers:
            if isinstance(layer, keras.layers.Conv2D) and (chosen := _choose(layer)):
                layer.convolution_op = partial(_apply, chosen, layer.strides[0])


def _choose(layer: keras.layers.Conv2D) -> str | None:
    height, _, channels = layer.input.shape[1:]
    kernel, stride = layer.kernel_size[0], layer.strides[0]
    if min(channels, layer.filters) < FEW_CHANNELS or height % stride or layer.padding != "same":
        return None
    if height <= SMALL_INPUT.get(kernel, 0):
        return "product"
    return "weight_gradient" if stride == 1 and kernel == 3 else None


def _apply(kind: str, stride: int, x: Tensor, kernel: Any) -> Tensor:  # noqa: ANN401
    convolution = _product if kind == "product" else _weight_gradient
    return convolution(x, tf.convert_to_tensor(kernel), stride)


def _product(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Convolve (N, H, W, C) with (k, k, C, D), "same" padding, all as matrix products."""
    side, _, channels, depth = kernel.shape

    @tf.custom_gradient
    def convolve(x: Tensor, kernel: Tensor) -> tuple[Tensor, Any]:
        size = x.shape[1]
        columns, rows = _im2col(x, side, stride), tf.reshape(kernel, [-1, depth])
        y = tf.reshape(columns @ rows, [-1, size // stride, size // stride, depth])

        def gradient(dy: Tensor) -> tuple[Tensor, Tensor]:
            flat = tf.reshape(dy, [-1, depth])
            d_kernel = tf.matmul(columns, flat, transpose_a=True)
            d_columns = tf.matmul(flat, rows, transpose_b=True)
            shape = [-1, size // stride, size // stride, side, side, channels]
            d_x = _col2im(tf.reshape(d_columns, shape), size, side, stride)
            return d_x, tf.reshape(d_kernel, kernel.shape)

        return y, gradient

    return convolve(x, kernel)


def _weight_gradient(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Convolve as TensorFlow does, with only the weight gradient as a matrix product."""
    side, _, _, depth = kernel.shape

    @tf.custom_gradient
    def convolve(x: Tensor, kernel: Tensor) -> tuple[Tensor, Any]:
        y = tf.nn.conv2d(x, kernel, stride, "SAME")

        def gradient(dy: Tensor) -> tuple[Tensor, Tensor]:
            flat = tf.reshape(dy, [-1, depth])
            d_kernel = tf.matmul(_im2col(x, side, stride), flat, transpose_a=True)
            d_x = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x),
                filter=kernel,
                out_backprop=dy,
                strides=[1, stride, stride, 1],
                padding="SAME",
            )
            return d_x, tf.reshape(d_kernel, kernel.shape)

        return y, gradient

    return convolve(x, kernel)


def _padding(size: int, side: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "same" padding before and after, for a size that the stride divides."""
    total = max(side - stride, 0)
    return total // 2, total - total // 2


def _im2col(x: Tensor, side: int, stride: int) -> Tensor:
    """(N, H, W, C) -> (N * H' * W', side * side * C), the patches that the kernel sees."""
    size, channels = x.shape[1], x.shape[3]
    if stride == 1:  # slices that are joined copy faster than extract_patches, unless they stride
        before, after = _padding(size, side, stride)
        x = tf.pad(x, [[0, 0], [before, after], [before, after], [0, 0]])
        shifts = [x[:, i : i + size, j : j + size] for i in range(side) for j in range(side)]
        patches = tf.concat(shifts, axis=-1)
    else:
        window, steps = [1, side, side, 1], [1, stride, stride, 1]
        patches = tf.image.extract_patches(x, window, steps, [1, 1, 1, 1], "SAME")
    return tf.reshape(patches, [-1, side * side * channels])


def _col2im(columns: Tensor, size: int, side: int, stride: int) -> Tensor:
    """Add (N, H', W', side, side, C) patches up where they came from: (N, H, W, C).

    Kernel positions of equal remainder modulo the stride land on the same pixels of each
    stride x stride block, so every block position is one sum of shifted pictures.
    """
    out, channels = size // stride, columns.shape[5]
    blocks = out + (side - 1) // stride
    pixels = []
    for row in range(stride):
        for column in range(stride):
            terms = []
            for i, kernel_row in enumerate(range(row, side, stride)):
                for j, kernel_column in enumerate(range(column, side, stride)):
                    edge = [[0, 0], [i, blocks - out - i], [j, blocks - out - j], [0, 0]]
                    terms.append(tf.pad(columns[:, :, :, kernel_row, kernel_column], edge))
            pixels.append(tf.add_n(terms))
    x = tf.reshape(tf.stack(pixels, axis=3), [-1, blocks, blocks, stride, stride, channels])
    x = tf.reshape(
        tf.transpose(x, [0, 1, 3, 2, 4, 5]), [-1, blocks * stride, blocks * stride, channels]
    )
    before, _ = _padding(size, side, stride)
    return x[:, before : before + size, before : before + size]
