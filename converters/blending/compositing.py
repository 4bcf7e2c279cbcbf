"""Compositing a face over a part of the canvas, rounded once at the end.

The same operations in the same order as `background + (foreground - background) * mask` on whole
images, so the same bits; but a few rows at a time, which stay in the processor's cache.
"""

import cv2
import numpy as np

MIN_ALPHA = np.float32(0.5 / 255)
"""Less than this changes no pixel."""
ROWS = 64
LEVELS = np.float32(255)


def composite(background: np.ndarray, foreground: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Composite an image over another one.

    Parameters
    ----------
    background : (h, w, C) uint8
        A part of the canvas.
    foreground : (h, w, C) float32 in 0..1
        Three channels over four of the background are a layer with `mask` as its alpha.
    mask : (h, w) float32 in 0..1
        The share of the foreground.

    Returns
    -------
    composited : (h, w, C) uint8
        With the channels of the background.
    """
    over = _over if background.shape[2] == foreground.shape[2] else _over_layer
    result = np.empty_like(background)
    for top in range(0, len(background), ROWS):
        rows = slice(top, top + ROWS)
        result[rows] = over(background[rows], foreground[rows] * LEVELS, mask[rows])
    return result


def _over(background: np.ndarray, foreground: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Composite over an opaque image; both images in 0..255."""
    levels = background.astype(np.float32)
    mixed = foreground - levels
    mixed *= spread(mask, foreground.shape[2])
    mixed += levels
    return _rounded(mixed)


def _over_layer(background: np.ndarray, foreground: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Composite over a layer (h, w, 4) in 0..255 with straight alpha.

    Pixels that stay practically transparent keep their color: that of the frame.
    """
    color = cv2.cvtColor(background, cv2.COLOR_BGRA2BGR).astype(np.float32)
    rest = cv2.extractChannel(background, 3) / LEVELS
    rest *= 1 - mask
    alpha = mask + rest
    mixed = foreground * spread(mask)
    mixed += color * spread(rest)
    mixed /= spread(np.maximum(alpha, MIN_ALPHA))
    cv2.copyTo(color, (alpha <= MIN_ALPHA).view(np.uint8), mixed)
    return cv2.merge([*cv2.split(_rounded(mixed)), _rounded(alpha * LEVELS)])


def transparent(frame: np.ndarray) -> np.ndarray:
    """Return a frame (H, W, 3) uint8 as a layer of which nothing shows yet, (H, W, 4)."""
    layer = cv2.cvtColor(frame, cv2.COLOR_BGR2BGRA)
    layer[..., 3] = 0
    return layer


def spread(mask: np.ndarray, channels: int = 3) -> np.ndarray:
    """Return a mask (h, w) for each channel; NumPy broadcasts along a short last axis slowly."""
    return cv2.merge([mask] * channels)


def _rounded(image: np.ndarray) -> np.ndarray:
    """Round an image within 0..255 to uint8, half to even."""
    return np.rint(image).astype(np.uint8)
