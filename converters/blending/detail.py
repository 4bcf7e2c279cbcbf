"""What is done to the predicted face, in its crop, to make it look like the footage around it.

Pictures are (n, n, 3) float32 in 0..1; strengths are percent, and 0 gives the picture itself.
"""

import cv2
import numpy as np
from PIL import Image

from utils.images import to_float, to_uint8

STRONG_NOISE = 0.12  # of the range: differences up to this are smoothed away at 100 percent
SHARPEN_SIGMA = 0.006  # of the face's side: about the size of a wrinkle
SOFTEN_SIGMA = 0.012
SHORTEST_SMEAR = 0.5  # pixels
MOST_COLORS = 256


def denoise(face: np.ndarray, strength: int) -> np.ndarray:
    """Smooth small differences between neighbors; edges stay (bilateral filter)."""
    if strength == 0:
        return face
    smooth = cv2.bilateralFilter(face, 7, STRONG_NOISE * strength / 100, 2.0)
    return np.clip(smooth, 0, 1)


def sharpen(face: np.ndarray, strength: int) -> np.ndarray:
    """Strengthen fine detail by an unsharp mask; below 0, blur."""
    if strength == 0:
        return face
    side = face.shape[0]
    if strength < 0:
        return cv2.GaussianBlur(face, (0, 0), max(-strength / 100 * SOFTEN_SIGMA * side, 0.1))
    detail = face - cv2.GaussianBlur(face, (0, 0), max(SHARPEN_SIGMA * side, 0.5))
    return np.clip(face + detail * np.float32(strength / 50), 0, 1)


def smear(face: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Blur along a straight way, (2,) in the picture's pixels, as an open shutter does."""
    length = float(np.hypot(*way))
    if length < SHORTEST_SMEAR:
        return face
    half = int(np.ceil(length / 2))
    # many points along the way, each shared between the pixels around it
    points = np.linspace(-0.5, 0.5, 8 * half + 1)[:, None] * way + half
    kernel = np.zeros((2 * half + 2, 2 * half + 2), np.float32)
    low = np.floor(points).astype(int)
    part = points - low
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
        np.add.at(kernel, (low[:, 1] + dy, low[:, 0] + dx), share)
    kernel /= kernel.sum()
    border = cv2.BORDER_REPLICATE
    return cv2.filter2D(face, -1, kernel, anchor=(half, half), borderType=border)


def degrade(face: np.ndarray, strength: int) -> np.ndarray:
    """Mix with the same picture in the 256 colors that suit it best (median cut, no dithering)."""
    if strength == 0:
        return face
    image = Image.fromarray(to_uint8(face))
    few = image.quantize(MOST_COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return face + (to_float(np.asarray(few.convert("RGB"))) - face) * np.float32(strength / 100)
