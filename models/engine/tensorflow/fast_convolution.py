"""Faster convolutions on a CPU: the same results from matrix products.

oneDNN computes large convolutions at the peak speed of the CPU, but layers with few pixels and many
weights at a third of it or less, because it reorders the weights at each call. Written as im2col
and one matrix product these reach peak speed. Where there are enough pixels to pay for transforming
the weights, Winograd's form saves three of four multiplications (`winograd.py`). The weights and,
up to rounding, the results stay the same. Measurements: docs/performance.md. On a GPU cuDNN is
faster: do not use this there.

In bfloat16 on a CPU with matrix units for it (AMX) plain convolutions are fastest, but for the
gradients of their weights.

The last layers of a decoder, with 1 or 3 outputs, are the slowest: for their gradients oneDNN takes
five to ten times as long as a product.
"""

from collections.abc import Callable, Iterable
from functools import partial

import keras
import tensorflow as tf

from models.backend import Gradient, Tensor, Variable
from models.engine.convolution import (
    FEW_CHANNELS,
    FEW_PIXELS,
    PREDICTED_PIXELS,
    SMALL_INPUT,
    Geometry,
    slow_layers,
)
from models.engine.tensorflow import winograd


def accelerate(networks: Iterable[keras.Model]) -> None:
    """Replace the convolutions of `networks` whose shape makes that faster; weights stay."""
    for layer in slow_layers(networks):
        layer.convolution_op = partial(_convolve, Geometry.of(layer))


def accelerate_prediction(networks: Iterable[keras.Model]) -> None:
    """Do the same for networks whose weights no longer change.

    For Winograd's form they are transformed once, when a graph is traced. The result is four times
    as large, and for a few pixels reading it costs more than it saves.
    """
    for layer in slow_layers(networks):
        layer.convolution_op = partial(_predict, layer)


def _predict(layer: keras.layers.Conv2D, x: Tensor, kernel: Tensor | Variable) -> Tensor:
    x, form = tf.convert_to_tensor(x), Geometry.of(layer)
    if layer.filters < FEW_CHANNELS:
        return _few_outputs(x, tf.convert_to_tensor(kernel))
    if form.stride > 1 or x.shape[1] <= SMALL_INPUT:
        return _plain(x, kernel, form)
    with tf.init_scope():
        weights = winograd.transform(tf.convert_to_tensor(layer.kernel))
    return tf.cond(
        tf.shape(x)[0] * x.shape[1] ** 2 >= PREDICTED_PIXELS,
        lambda: winograd.convolve_transformed(x, weights),
        lambda: _plain(x, kernel, form),
    )


def _convolve(form: Geometry, x: Tensor, kernel: Tensor | Variable) -> Tensor:
    x, kernel = tf.convert_to_tensor(x), tf.convert_to_tensor(kernel)
    return _choose(x, kernel, form)(x, kernel)


def _choose(x: Tensor, kernel: Tensor, form: Geometry) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the fastest form for the shapes, which are known when a graph is traced."""
    count, side = x.shape[0] or 1, kernel.shape[0]
    if kernel.shape[3] < FEW_CHANNELS:
        return _few_outputs
    if count * form.outputs(x.shape[1], side) ** 2 <= FEW_PIXELS[side]:
        return partial(_product, form=form)
    if x.dtype == tf.bfloat16:
        return _by_taps if form.stride == 1 else partial(_plain, form=form)
    if form.stride == 1:
        return winograd.convolve
    return partial(winograd.convolve_stride_2, padding=form.padding)


def _plain(x: Tensor, kernel: Tensor, form: Geometry) -> Tensor:
    return tf.nn.conv2d(x, kernel, form.stride, form.padding.upper())


def _product(x: Tensor, kernel: Tensor, form: Geometry) -> Tensor:
    """Convolve (N, S, S, C) with (k, k, C, D), all as matrix products."""
    side, _, channels, depth = kernel.shape

    @tf.custom_gradient
    def convolve(x: Tensor, kernel: Tensor) -> tuple[Tensor, Gradient]:
        size = x.shape[1]
        out = form.outputs(size, side)
        columns, rows = _im2col(x, side, form), tf.reshape(kernel, [-1, depth])
        y = tf.reshape(columns @ rows, [-1, out, out, depth])

        def gradient(dy: Tensor) -> tuple[Tensor, Tensor]:
            flat = tf.reshape(dy, [-1, depth])
            d_kernel = tf.matmul(columns, flat, transpose_a=True)
            d_columns = tf.matmul(flat, rows, transpose_b=True)
            d_columns = tf.reshape(d_columns, [-1, out, out, side, side, channels])
            return _col2im(d_columns, size, form), tf.reshape(d_kernel, kernel.shape)

        return y, gradient

    return convolve(x, kernel)


def _by_taps(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolve (N, S, S, C) with (k, k, C, D), "same" padding; each tap's gradient is a product."""
    side, _, channels, depth = kernel.shape
    form = Geometry()

    @tf.custom_gradient
    def convolve(x: Tensor, kernel: Tensor) -> tuple[Tensor, Gradient]:
        def gradient(dy: Tensor) -> tuple[Tensor, Tensor]:
            flat = tf.reshape(dy, [-1, depth])
            taps = [
                tf.matmul(tf.reshape(tap, [-1, channels]), flat, transpose_a=True)
                for tap in _taps(x, side, form)
            ]
            d_x = tf.nn.conv2d_transpose(dy, kernel, tf.shape(x), form.stride)
            return d_x, tf.reshape(tf.stack(taps), kernel.shape)

        return _plain(x, kernel, form), gradient

    return convolve(x, kernel)


def _few_outputs(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolve (N, S, S, C) with (k, k, C, D), k odd, "same" padding, D small.

    Each input pixel is multiplied with all k * k * D weights at once, and its contributions to its
    neighbors are added up; in the backward pass only the few channels are copied k * k times.
    """
    side, _, channels, depth = kernel.shape

    @tf.custom_gradient
    def convolve(x: Tensor, kernel: Tensor) -> tuple[Tensor, Gradient]:
        size = x.shape[1]
        flat = tf.reshape(x, [-1, channels])
        columns = tf.reshape(tf.transpose(kernel, [2, 0, 1, 3]), [channels, -1])
        shares = tf.reshape(flat @ columns, [-1, size, size, side * side * depth])
        y = _gather(_gather(shares, side, axis=1), side, axis=2)

        def gradient(dy: Tensor) -> tuple[Tensor, Tensor]:
            shares = _spread(_spread(dy, side, axis=2), side, axis=1)
            shares = tf.reshape(shares, [-1, side * side * depth])
            d_columns = tf.matmul(flat, shares, transpose_a=True)
            d_columns = tf.reshape(d_columns, [channels, side, side, depth])
            d_x = tf.matmul(shares, columns, transpose_b=True)
            return tf.reshape(d_x, tf.shape(x)), tf.transpose(d_columns, [1, 2, 0, 3])

        return y, gradient

    return convolve(x, kernel)


def _gather(x: Tensor, side: int, axis: int) -> Tensor:
    """Add up the contributions to each pixel along an axis; the channels of x hold one per tap.

    Shape (N, H, W, side * D) -> (N, H, W, D).
    """
    depth = x.shape[3] // side
    shares = [x[..., tap * depth : (tap + 1) * depth] for tap in range(side)]
    return tf.add_n([_shift(share, tap, side, axis) for tap, share in enumerate(shares)])


def _spread(x: Tensor, side: int, axis: int) -> Tensor:
    """Return the gradient of `_gather`: for each tap the pixels that it contributed to.

    Shape (N, H, W, D) -> (N, H, W, side * D).
    """
    return tf.concat([_shift(x, side - 1 - tap, side, axis) for tap in range(side)], axis=-1)


def _shift(x: Tensor, tap: int, side: int, axis: int) -> Tensor:
    """Shift (N, H, W, C) along axis 1 or 2 to where tap `tap` of `side` reads."""
    size, half = x.shape[axis], side // 2
    edges = [[half, half] if i == axis else [0, 0] for i in range(4)]
    x = tf.pad(x, edges)
    return x[:, tap : tap + size] if axis == 1 else x[:, :, tap : tap + size]


def _im2col(x: Tensor, side: int, form: Geometry) -> Tensor:
    """(N, H, W, C) -> (N * H' * W', side * side * C), the patches under the kernel."""
    channels = x.shape[3]
    if form.stride == 1:  # joining slices is faster than extract_patches, except with a stride
        patches = tf.concat(_taps(x, side, form), axis=-1)
    else:
        window, steps = [1, side, side, 1], [1, form.stride, form.stride, 1]
        patches = tf.image.extract_patches(x, window, steps, [1, 1, 1, 1], form.padding.upper())
    return tf.reshape(patches, [-1, side * side * channels])


def _taps(x: Tensor, side: int, form: Geometry) -> list[Tensor]:
    """Return what each tap of a kernel with stride 1 meets, as images like the output."""
    edges, out = form.edges(side), form.outputs(x.shape[1], side)
    x = tf.pad(x, [[0, 0], edges, edges, [0, 0]])
    return [x[:, i : i + out, j : j + out] for i in range(side) for j in range(side)]


def _col2im(columns: Tensor, size: int, form: Geometry) -> Tensor:
    """Add (N, H', W', side, side, C) patches where they were taken from: (N, H, W, C).

    Kernel positions of equal remainder modulo the stride land on the same pixels of each
    stride x stride block, so every block position is one sum of shifted images.
    """
    stride, (_, out, _, side, _, channels) = form.stride, columns.shape
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
    before, _ = form.edges(side)
    return x[:, before : before + size, before : before + size]
