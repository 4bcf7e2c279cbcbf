"""Losses: functions of tensors (N, H, W, C) in 0..1."""

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from utils import lazy

if TYPE_CHECKING:
    import keras
else:
    keras = lazy.load("keras")

Tensor = Any
WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03


def dssim(target: Tensor, predicted: Tensor, max_value: float = 1.0) -> Tensor:
    """Return the structural dissimilarity (1 - SSIM) / 2 of each sample, (N,).

    SSIM after Wang et al. 2004 with TensorFlow's constants: Gaussian window 11 x 11, sigma 1.5, no
    padding, K1 0.01, K2 0.03; mean over positions and channels. The window is separable, so it is
    applied as two matrix products to all four statistics at once.
    """
    stacked = [target, predicted, target * target + predicted * predicted, target * predicted]
    blurred = _blur(keras.ops.concatenate(stacked, axis=-1))
    mean_t, mean_p, squares, product = keras.ops.split(blurred, 4, axis=-1)
    c1, c2 = (K1 * max_value) ** 2, (K2 * max_value) ** 2
    both, means = mean_t * mean_p, mean_t * mean_t + mean_p * mean_p
    luminance = (2 * both + c1) / (means + c1)
    contrast = (2 * (product - both) + c2) / (squares - means + c2)
    return (1 - keras.ops.mean(luminance * contrast, axis=(1, 2, 3))) / 2


def mean_absolute(target: Tensor, predicted: Tensor) -> Tensor:
    """Return the mean absolute difference of all elements, a scalar."""
    return keras.ops.mean(keras.ops.abs(target - predicted))


def _blur(x: Tensor) -> Tensor:
    """Blur (N, H, W, C) with the SSIM window, without padding: (N, H - 10, W - 10, C)."""
    _, height, width, channels = x.shape
    rows, columns = _band(height), _band(width)
    x = keras.ops.matmul(rows, keras.ops.reshape(x, (-1, height, width * channels)))
    x = keras.ops.matmul(columns, keras.ops.reshape(x, (-1, width, channels)))
    return keras.ops.reshape(x, (-1, height - WINDOW + 1, width - WINDOW + 1, channels))


@cache
def _band(size: int) -> list[list[float]]:
    """The (size - 10, size) matrix whose rows are the shifted, normalised Gaussian window."""
    middle = WINDOW // 2
    weights = [math.exp(-((i - middle) ** 2) / (2 * SIGMA**2)) for i in range(WINDOW)]
    total = sum(weights)
    rows = range(size - WINDOW + 1)
    return [
        [weights[j - i] / total if 0 <= j - i < WINDOW else 0.0 for j in range(size)] for i in rows
    ]
