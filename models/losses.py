"""Losses: functions of tensors (N, H, W, C) in 0..1."""

import math
from collections.abc import Iterable
from functools import cache

from models.backend import Tensor, keras, np

WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03
VARIANCE_FLOOR = 2.5e-6  # keeps the root's gradient finite where a channel is flat


def dssim(target: Tensor, predicted: Tensor, window: int = WINDOW) -> Tensor:
    """Return the structural dissimilarity (1 - SSIM) / 2 of each sample, (N,).

    SSIM after Wang et al. 2004 with TensorFlow's constants: Gaussian window 11 x 11, sigma 1.5, no
    padding, K1 0.01, K2 0.03; mean over positions and channels. The window is separable and applied
    to all four statistics at once.

    Parameters
    ----------
    window : int
        Another side of the window, pixels.
    """
    stacked = [target, predicted, target * target + predicted * predicted, target * predicted]
    windowed = _ssim_window(keras.ops.concatenate(stacked, axis=-1), window)
    mean_t, mean_p, squares, product = keras.ops.split(windowed, 4, axis=-1)
    c1, c2 = K1**2, K2**2
    both, means = mean_t * mean_p, mean_t * mean_t + mean_p * mean_p
    luminance = (2 * both + c1) / (means + c1)
    contrast = (2 * (product - both) + c2) / (squares - means + c2)
    return (1 - keras.ops.mean(luminance * contrast, axis=(1, 2, 3))) / 2


def mean_absolute(target: Tensor, predicted: Tensor) -> Tensor:
    """Return the mean absolute difference of all elements, a scalar."""
    return keras.ops.mean(keras.ops.abs(target - predicted))


def mean_square(target: Tensor, predicted: Tensor) -> Tensor:
    """Return the mean squared difference of all elements, a scalar."""
    return keras.ops.mean(keras.ops.square(target - predicted))


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    """Blur (N, H, W, C) with a Gaussian of `sigma` pixels, truncated at twice that.

    At the border the weights of the pixels inside are normalized to a sum of one.
    """
    _, height, width, _ = x.shape
    radius = math.ceil(2 * sigma)
    return _filter(x, _blur_matrix(height, sigma, radius), _blur_matrix(width, sigma, radius))


def style(first: Tensor, second: Tensor) -> Tensor:
    """Return the distance in color and contrast of each sample, (N,).

    It is the sum of the squared differences of the channels' means and standard deviations.
    """
    mean1, variance1 = keras.ops.moments(first, axes=(1, 2))
    mean2, variance2 = keras.ops.moments(second, axes=(1, 2))
    spread1, spread2 = (keras.ops.sqrt(v + VARIANCE_FLOOR) for v in (variance1, variance2))
    difference = keras.ops.square(mean1 - mean2) + keras.ops.square(spread1 - spread2)
    return keras.ops.sum(difference, axis=-1)


def pyramid(x: Tensor, count: int) -> list[Tensor]:
    """Return (N, H, W, C) and its means over 2 x 2, 4 x 4, ... pixels, the smallest first."""
    levels = [x]
    for _ in range(count - 1):
        levels.append(keras.ops.average_pool(levels[-1], 2, 2))
    return levels[::-1]


def _filter(x: Tensor, rows: "np.ndarray", columns: "np.ndarray") -> Tensor:
    """Apply a (H', H) matrix to the rows and a (W', W) one to the columns of (N, H, W, C)."""
    _, height, width, channels = x.shape
    rows, columns = (keras.ops.convert_to_tensor(matrix, x.dtype) for matrix in (rows, columns))
    x = keras.ops.matmul(rows, keras.ops.reshape(x, (-1, height, width * channels)))
    x = keras.ops.matmul(columns, keras.ops.reshape(x, (-1, width, channels)))
    return keras.ops.reshape(x, (-1, rows.shape[0], columns.shape[0], channels))


def _ssim_window(x: Tensor, side: int) -> Tensor:
    """Apply the SSIM window to (N, H, W, C), C > 1: (N, H + 1 - side, W + 1 - side, C).

    A variance is the difference of two nearly equal means, which must not be rounded. GPUs round
    what goes into a matrix product or a convolution to 10 bits (TF32); a depthwise convolution of
    several channels is none: TensorFlow computes it as weighted sums in full precision.
    """
    (window,) = _band(side, [(side - 1) / 2], SIGMA, side // 2)
    taps = keras.ops.reshape(keras.ops.convert_to_tensor(window, x.dtype), (side, 1, 1, 1))
    taps = keras.ops.repeat(taps, x.shape[-1], axis=2)
    x = keras.ops.depthwise_conv(x, taps)
    return keras.ops.depthwise_conv(x, keras.ops.transpose(taps, (1, 0, 2, 3)))


@cache
def _blur_matrix(size: int, sigma: float, radius: int) -> "np.ndarray":
    """The (size, size) matrix that blurs; its rows are normalized, also at the border."""
    return _band(size, range(size), sigma, radius)


def _band(size: int, centers: Iterable[float], sigma: float, radius: int) -> "np.ndarray":
    """One row per center: a Gaussian around it, truncated at `radius`, with the sum 1.

    An array, because Keras looks at each number of a list, which takes seconds with PyTorch.
    """
    distances = np.abs(np.arange(size) - np.array([*centers])[:, None])
    rows = np.where(distances <= radius, np.exp(-np.square(distances / sigma) / 2), 0)
    return (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)
