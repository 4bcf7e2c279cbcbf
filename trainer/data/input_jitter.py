"""`--input-jitter`: other colors and sharpness for what goes in, while what should come out stays.

An encoder that has seen a face in many lights and through many lenses says the same of it in all of
them, so two people's footage need not look alike to be understood alike.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from utils.images import Image

# Standard deviations at strength 1.
COMMON_GAIN = 1.0  # logarithm, of all channels together
CHANNEL_GAIN = 0.5  # ... and of each by itself
OFFSET = 0.3  # of the range of colors, of each channel
SHARPNESS = 3.0
TRUNCATION = 2.5  # standard deviations; no sample is farther off


class InputJitter(NamedTuple):
    """What is done to the colors of one input.

    Attributes
    ----------
    gain : (3,) float64
        Factor of each channel.
    offset : (3,) float64
        Added to each channel afterwards, of the range 0..1.
    sharpness : float
        -1 blurs by one pixel, 0 changes nothing, 1 sharpens by what a blur would take away.
    """

    gain: np.ndarray
    offset: np.ndarray
    sharpness: float


def draw(rng: Generator, strength: float) -> InputJitter:
    """Draw the jitter of one sample; strength 0 changes nothing."""
    deviates = np.clip(rng.standard_normal(8), -TRUNCATION, TRUNCATION) * strength
    gain = np.exp(COMMON_GAIN * deviates[0] + CHANNEL_GAIN * deviates[1:4])
    sharpness = float(np.clip(SHARPNESS * deviates[7], -1, 1))
    return InputJitter(gain, OFFSET * deviates[4:7], sharpness)


def apply(image: Image, jitter: InputJitter) -> Image:
    """Return a (H, W, 3) uint8 image with the jitter applied."""
    blurred = cv2.GaussianBlur(image, (3, 3), 0, borderType=cv2.BORDER_REPLICATE)  # 1 2 1
    sharpness = jitter.sharpness
    filtered = cv2.addWeighted(image, 1 + sharpness, blurred, -sharpness, 0)
    table = np.arange(256)[:, None] * jitter.gain + 255 * jitter.offset
    return cv2.LUT(filtered, np.rint(np.clip(table, 0, 255)).astype(np.uint8)[None])
