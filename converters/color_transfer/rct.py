"""rct: mean and deviation of each channel of CIE Lab (Reinhard and others 2001)."""

import cv2
import numpy as np

from converters.color_transfer.statistics import Colors, moments

LEAST_DEVIATION = 0.5  # Lab units, of 100: a flat picture is not stretched into noise


def transfer(face: np.ndarray, seen: Colors, wanted: Colors) -> np.ndarray:
    """Give each Lab channel of `face` (H, W, 3) float32 0..1 the mean and deviation of `wanted`."""
    (mean, spread), (new_mean, new_spread) = (_describe(colors) for colors in (seen, wanted))
    lab = cv2.cvtColor(face, cv2.COLOR_BGR2Lab)
    lab = (lab - mean) * (new_spread / spread) + new_mean
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_Lab2BGR), 0, 1)


def _describe(colors: Colors) -> tuple[np.ndarray, np.ndarray]:
    lab = cv2.cvtColor(colors.values[None], cv2.COLOR_BGR2Lab)[0]
    mean, covariance = moments(Colors(lab, colors.weights))
    return mean, np.maximum(np.sqrt(np.diag(covariance)), LEAST_DEVIATION)
