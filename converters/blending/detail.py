"""Filters that make the predicted face look like the footage: noise, sharpness, motion blur.

Faces are (n, n, 3) float32 in 0..1; strengths are percent, and 0 returns the face itself.
"""

import cv2
import numpy as np
from PIL import Image

from utils.images import to_float, to_uint8

NOISE_SIGMA = 0.12  # of the range 0..1: the differences that full strength smooths
SHARPEN_SIGMA = 0.006  # of the face's side: about the size of a wrinkle
SOFTEN_SIGMA = 0.012
MIN_MOTION = 0.5  # pixels
MAX_COLORS = 256


def denoise(face: np.ndarray, strength: int) -> np.ndarray:
    """Smooth noise but not edges, by a bilateral filter."""
    if strength == 0:
        return face
    smooth = cv2.bilateralFilter(face, 7, NOISE_SIGMA * strength / 100, 2.0)
    return np.clip(smooth, 0, 1)


def sharpen(face: np.ndarray, strength: int) -> np.ndarray:
    """Sharpen by an unsharp mask; a negative strength blurs."""
    if strength == 0:
        return face
    side = face.shape[0]
    if strength < 0:
        return cv2.GaussianBlur(face, (0, 0), max(-strength / 100 * SOFTEN_SIGMA * side, 0.1))
    detail = face - cv2.GaussianBlur(face, (0, 0), max(SHARPEN_SIGMA * side, 0.5))
    return np.clip(face + detail * np.float32(strength / 50), 0, 1)


def motion_blur(face: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Blur along a straight line, (2,) in pixels of the face, as an open shutter does."""
    length = float(np.hypot(*motion))
    if length < MIN_MOTION:
        return face
    half = int(np.ceil(length / 2))
    # many points along the line, each distributed over the pixels around it
    points = np.linspace(-0.5, 0.5, 8 * half + 1)[:, None] * motion + half
    kernel = np.zeros((2 * half + 2, 2 * half + 2), np.float32)
    low = np.floor(points).astype(int)
    fraction = points - low
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = np.abs(1 - dx - fraction[:, 0]) * np.abs(1 - dy - fraction[:, 1])
        np.add.at(kernel, (low[:, 1] + dy, low[:, 0] + dx), weight)
    kernel /= kernel.sum()
    border = cv2.BORDER_REPLICATE
    return cv2.filter2D(face, -1, kernel, anchor=(half, half), borderType=border)


def degrade(face: np.ndarray, strength: int) -> np.ndarray:
    """Mix with the face reduced to 256 colors (median cut, no dithering)."""
    if strength == 0:
        return face
    image = Image.fromarray(to_uint8(face))
    reduced = image.quantize(MAX_COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    reduced_face = to_float(np.asarray(reduced.convert("RGB")))
    return face + (reduced_face - face) * np.float32(strength / 100)
