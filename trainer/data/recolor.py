"""`--train-color-transfer`: src faces in the colors of dst's, by a random part of the way.

The network is to draw src in the light of the footage, so src is moved toward dst: as each sample
has another partner and another strength, src is learned in all colors from its own to dst's. Dst
stays as it is, since conversion shows the network nothing but dst in its own colors.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from facelib.color_transfer import COLORS
from facelib.color_transfer.lct import matrix as lct_matrix
from facelib.color_transfer.mkl import matrix as mkl_matrix
from facelib.color_transfer.statistics import Colors, matrix_power, moments
from utils.images import Image, to_float

SIDE = 32  # pixels to which a face is reduced for its colors
MAX_STRETCH = 3.0  # of colors, in any direction: the noise of a gray face must not become colorful
NODES = 9  # per channel, at which a transfer that is not linear is computed
SHYNESS = 3  # power: most samples go nearly all the way, since in these colors src is needed
STEPS = 33  # ... and per channel of the table in which pixels look up how they change
LINEAR = {"lct": lct_matrix, "mkl": mkl_matrix}
"""Transfers that are a matrix, computed from the covariances of both faces."""

ColorChange = Callable[[Image], Image]
"""Changes the colors of a (H, W, 3) uint8 image."""


class FaceColors(NamedTuple):
    """The colors of a face inside its mask.

    Attributes
    ----------
    samples : Colors
        The colors themselves.
    mean : (3,) float64
        BGR in 0..1.
    covariance : (3, 3) float64
        Of the same.
    """

    samples: Colors
    mean: np.ndarray
    covariance: np.ndarray

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        return sum(array.nbytes for array in self.samples)


def face_colors(pixels: Image) -> FaceColors | None:
    """Measure the colors of (k, k, 4) uint8 BGR and mask; None when the mask is too small."""
    small = to_float(cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)).reshape(-1, 4)
    inside = small[small[:, 3] > 0]
    samples = Colors(np.ascontiguousarray(inside[:, :3]), inside[:, 3])
    return FaceColors(samples, *moments(samples)) if samples.usable else None


def draw(
    rng: Generator, method: str, source: FaceColors | None, reference: FaceColors | None
) -> ColorChange | None:
    """Return a change of the source's colors by a random part of the way to the reference's.

    None when one of the two has no colors.
    """
    strength = 1 - rng.random() ** SHYNESS
    if source is None or reference is None:
        return None
    return change(method, strength, source, reference)


def change(method: str, strength: float, source: FaceColors, reference: FaceColors) -> ColorChange:
    """Return a change of the source's colors by a part of the way to the reference's.

    Parameters
    ----------
    strength : float
        From 0, no change, to 1, the whole transfer; reduced where that would stretch the colors
        of the source more than `MAX_STRETCH` times.
    """
    stretch = _stretch(source.covariance, reference.covariance)
    strength *= min(1.0, (MAX_STRETCH - 1) / max(stretch - 1, 1e-6))
    if method in LINEAR:
        matrix = LINEAR[method](source.covariance, reference.covariance)
        return _linear(matrix, strength, source.mean, reference.mean)
    transfer = COLORS.load(method)

    def shift(colors: np.ndarray) -> np.ndarray:
        return strength * (transfer(colors, source.samples, reference.samples) - colors)

    return lambda image: _look_up(image, shift)


def _stretch(covariance: np.ndarray, new_covariance: np.ndarray) -> float:
    """Return the largest ratio of the new deviation to the old one, in any direction."""
    whitening = matrix_power(covariance, -0.5)
    return float(np.sqrt(np.linalg.eigvalsh(whitening @ new_covariance @ whitening)[-1]))


def _linear(
    matrix: np.ndarray, strength: float, mean: np.ndarray, new_mean: np.ndarray
) -> ColorChange:
    """Return the change to `matrix` (color - mean) + new mean, by a part of the way."""
    partial = (1 - strength) * np.eye(3) + strength * matrix
    offset = 255 * (mean + strength * (new_mean - mean) - partial @ mean)
    whole = np.column_stack([partial, offset])
    return lambda image: cv2.transform(image, whole)


def _look_up(image: Image, shift: Callable[[np.ndarray], np.ndarray]) -> Image:
    """Shift the colors of an image by a smooth function of the color.

    Parameters
    ----------
    shift : callable
        (n, 1, 3) float32 colors in 0..1 -> how far each is to be moved. It is called for a coarse
        grid over the image's range; between its nodes the shift is interpolated to a fine table,
        in which each pixel reads the nearest entry.
    """
    channels = cv2.split(image)
    low, high = np.array([(values.min(), values.max()) for values in channels], np.float32).T
    steps = np.indices((NODES,) * 3, np.float32).reshape(3, -1).T / (NODES - 1)
    nodes = (low + steps * (high - low)) / 255
    shifts = shift(nodes[:, None]).reshape(-1, 3).T.astype(np.float32)
    table = 128 + 255 * _interpolate(shifts.reshape((3,) + (NODES,) * 3)).reshape(3, -1, 1)
    planes = [cv2.convertScaleAbs(np.maximum(plane, 0)) for plane in (*table, table[0])]
    table = cv2.merge(planes).view(np.uint32).ravel()
    scale = (STEPS - 1) / np.maximum(high - low, 1)
    places = np.rint((np.arange(256)[:, None] - low) * scale).clip(0, STEPS - 1).astype(np.int32)
    strides = (STEPS * STEPS, STEPS, 1)
    entries = sum(np.take(places[:, i] * stride, channels[i]) for i, stride in enumerate(strides))
    found = np.take(table, entries)[..., None].view(np.uint8)
    return cv2.addWeighted(image, 1, cv2.cvtColor(found, cv2.COLOR_BGRA2BGR), 1, -128)


def _interpolate(nodes: np.ndarray) -> np.ndarray:
    """Return (3, NODES, NODES, NODES) float32 at STEPS positions along each of the last axes."""
    fine = _WEIGHTS @ (nodes @ _WEIGHTS.T)
    return (_WEIGHTS @ fine.reshape(3, NODES, STEPS * STEPS)).reshape((3,) + (STEPS,) * 3)


def _weights() -> np.ndarray:
    """(STEPS, NODES) float32: the weight of each node at each step."""
    places = np.linspace(0, NODES - 1, STEPS, dtype=np.float32)[:, None]
    return np.maximum(0, 1 - np.abs(places - np.arange(NODES, dtype=np.float32)))


_WEIGHTS = _weights()
