"""rct: mean and standard deviation of each channel of CIE Lab (Reinhard and others 2001)."""

import cv2
import numpy as np

from facelib.color_transfer.statistics import Colors, moments

MIN_DEVIATION = 0.5  # Lab units, of 100: a flat image is not stretched into noise


def transfer(face: np.ndarray, source: Colors, reference: Colors) -> np.ndarray:
    """Give the Lab channels of `face` (H, W, 3) float32 0..1 the statistics of `reference`."""
    (mean, deviation), (new_mean, new_deviation) = _statistics(source), _statistics(reference)
    lab = cv2.cvtColor(face, cv2.COLOR_BGR2Lab)
    lab = (lab - mean) * (new_deviation / deviation) + new_mean
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_Lab2BGR), 0, 1)


def _statistics(colors: Colors) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (3,) and standard deviation (3,) of the Lab channels."""
    lab = cv2.cvtColor(colors.values[None], cv2.COLOR_BGR2Lab)[0]
    mean, covariance = moments(Colors(lab, colors.weights))
    return mean, np.maximum(np.sqrt(np.diag(covariance)), MIN_DEVIATION)
