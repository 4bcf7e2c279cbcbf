"""Modes hist-match and hist-match-bw: the prediction gets the color histograms of the dst face."""

import cv2
import numpy as np

from converters.blending.overlay import Blend
from converters.look import Look
from facelib.color_transfer.statistics import Colors, Match, measure


class HistMatch(Blend):
    """Matches the histogram of each channel of the prediction to that of the dst face."""

    matches_colors = True

    def recolor(self, face: np.ndarray, dst: np.ndarray, match: Match, look: Look) -> np.ndarray:
        """Match the colors inside the mask, or those of the whole square."""
        if not look.masked_hist_match:
            match = measure(face, dst, np.ones(face.shape[:2], np.float32))
        return match_histograms(face, match, look.hist_match_threshold)


def match_histograms(face: np.ndarray, match: Match, threshold: int = 255) -> np.ndarray:
    """Match the histogram of each channel of an image.

    Parameters
    ----------
    face : (H, W, C) float32
        The image.
    match : Match
        The colors it has, and those it is to have.
    threshold : int in 0..255
        Below 255 the brightest source value maps to the reference value at the quantile
        threshold / 255, which holds highlights back.

    Returns
    -------
    matched : (H, W, C) float32
        The image, within the range of the reference values.
    """
    matched = np.empty_like(face)
    for channel in range(face.shape[2]):
        values, quantiles = _distribution(match.source, channel)
        reference, reference_quantiles = _distribution(match.reference, channel)
        new = np.interp(quantiles * (threshold / 255), reference_quantiles, reference)
        matched[..., channel] = np.interp(face[..., channel], values, new)
    return matched


def _distribution(colors: Colors, channel: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct values, ascending, and the share of the weight up to each."""
    distinct, indices = np.unique(colors.values[:, channel], return_inverse=True)
    shares = np.cumsum(np.bincount(indices, colors.weights))
    return distinct, shares / shares[-1]


class HistMatchBw(HistMatch):
    """Takes the shading from the prediction and all color from the dst face."""

    def recolor(self, face: np.ndarray, dst: np.ndarray, match: Match, look: Look) -> np.ndarray:
        """Match the grayscale prediction to each channel of the dst face."""
        source = Colors(_gray(match.source.values[None])[0], match.source.weights)
        return super().recolor(_gray(face), dst, Match(source, match.reference), look)


def _gray(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
