"""Convolutions with a quarter of the multiplications: Winograd's F(4x4, 3x3) as matrix products.

After Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks", with their matrices: a
tile of 4 x 4 outputs comes from 6 x 6 inputs d and 3 x 3 weights g as  A' [(G g G') * (B' d B)] A.
One banded matrix transforms all inputs of a row, one the outputs of a few tiles, and each of the 36
positions, summed over the channels, is one matrix product. The weights are unchanged; results
differ from those of a plain convolution by rounding, 1e-5 of the largest.
"""

import numpy as np
import tensorflow as tf

from models.backend import Gradient, Tensor
from models.engine.winograd import POINTS, WEIGHTS, bands


def transform(kernel: Tensor) -> Tensor:
    """Transform (3, 3, C, D) weights: (36, C, D)."""
    return tf.reshape(_weights() @ tf.reshape(kernel, [9, -1]), [POINTS**2, *kernel.shape[2:]])


def convolve_transformed(x: Tensor, u: Tensor) -> Tensor:
    """Convolve like `convolve`, but without gradients, with weights from `transform`."""
    to_points, to_pixels, blocks = bands(x.shape[1])
    return _join(_split(x, to_points) @ u, to_pixels, blocks)


def convolve(x: Tensor, kernel: Tensor, padding: str = "same") -> Tensor:
    """Convolve (N, S, S, C) with (3, 3, C, D), stride 1: (N, S, S, D), or S - 2 if "valid"."""
    to_points, to_pixels, blocks = bands(x.shape[1], padding)

    @tf.custom_gradient
    def apply(x: Tensor, kernel: Tensor) -> tuple[Tensor, Gradient]:
        v, u = _split(x, to_points), transform(kernel)
        y = _join(v @ u, to_pixels, blocks)

        def gradient(dy: Tensor) -> tuple[Tensor, Tensor]:
            dm = _split(dy, to_pixels.T, blocks)
            du = tf.reshape(tf.matmul(v, dm, transpose_a=True), [POINTS**2, -1])
            d_kernel = tf.matmul(_weights(), du, transpose_a=True)
            d_x = _join(tf.matmul(dm, u, transpose_b=True), to_points.T)
            return d_x, tf.reshape(d_kernel, kernel.shape)

        return y, gradient

    return apply(x, kernel)


def convolve_stride_2(x: Tensor, kernel: Tensor, padding: str = "same") -> Tensor:
    """Convolve (N, S, S, C), S even, with (5, 5, C, D), stride 2.

    The four pixels of each 2 x 2 block become channels, which leaves a convolution with a 3 x 3
    kernel. "Valid": tap k meets pixel k % 2 of the block k // 2 blocks away; "same" adds one pixel
    before, so there it is pixel (k + 1) % 2 of the block (k + 1) // 2 - 1 blocks away.
    """
    channels, depth = kernel.shape[2:]
    blocks = tf.nn.space_to_depth(x, 2)
    edge = [1, 0] if padding == "same" else [0, 1]
    kernel = tf.reshape(tf.pad(kernel, [edge, edge, [0, 0], [0, 0]]), [3, 2, 3, 2, -1, depth])
    kernel = tf.transpose(kernel, [0, 2, 1, 3, 4, 5])
    return convolve(blocks, tf.reshape(kernel, [3, 3, 4 * channels, depth]), padding)


def _weights() -> Tensor:
    return tf.constant(np.kron(WEIGHTS, WEIGHTS), tf.float32)  # (36, 9)


def _split(x: Tensor, band: np.ndarray, blocks: int = 1) -> Tensor:
    """Apply the (6 * tiles, S) band to rows and columns: (N, S, S, C) -> (36, N * tiles^2, C).

    With `blocks` it is applied to each of so many along both sides.
    """
    channels, (width, size) = x.shape[3], band.shape
    tiles = width // POINTS
    x = tf.matmul(band, tf.reshape(x, [-1, size, blocks * size * channels]))
    x = tf.matmul(band, tf.reshape(x, [-1, size, channels]))
    x = tf.reshape(x, [-1, POINTS, tiles, blocks, POINTS, tiles * channels])
    return tf.reshape(tf.transpose(x, [1, 4, 0, 2, 3, 5]), [POINTS**2, -1, channels])


def _join(x: Tensor, band: np.ndarray, blocks: int = 1) -> Tensor:
    """Apply the (S, 6 * tiles) band to rows and columns: (36, N * tiles^2, C) -> (N, S, S, C).

    With `blocks` it makes each of so many along both sides.
    """
    channels, (size, width) = x.shape[2], band.shape
    tiles, side = width // POINTS, blocks * size
    x = tf.reshape(x, [POINTS, POINTS, -1, tiles, blocks, tiles * channels])
    x = tf.reshape(tf.transpose(x, [2, 0, 3, 4, 1, 5]), [-1, width, channels])
    x = tf.matmul(band, x)
    x = tf.matmul(band, tf.reshape(x, [-1, width, side * channels]))
    return tf.reshape(x, [-1, side, side, channels])
