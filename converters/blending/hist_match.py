"""Modes hist-match and hist-match-bw: the prediction gets the dst face's distribution of colors."""

import cv2
import numpy as np

from converters.blending.blender import Blend
from converters.color_transfer.statistics import Colors, Match, measure
from converters.look import Look


class HistMatch(Blend):
    """Matches the histogram of each channel of the prediction to that of the dst face."""

    matches = True

    def recolor(self, face: np.ndarray, dst: np.ndarray, match: Match, look: Look) -> np.ndarray:
        """Match what lies inside the mask, or the whole square."""
        if not look.masked_hist_match:
            match = measure(face, dst, np.ones(face.shape[:2], np.float32))
        return match_histograms(face, match, look.hist_match_threshold)


def match_histograms(face: np.ndarray, match: Match, threshold: int = 255) -> np.ndarray:
    """Give each channel of a picture another distribution of values.

    Parameters
    ----------
    face : (H, W, C) float32
    match : the distribution it has and the one it is to get
    threshold : 0..255; below 255 the brightest value seen becomes the wanted value at the quantile
        threshold / 255, so highlights are held back

    Returns
    -------
    matched : (H, W, C) float32, within the range of the wanted values
    """
    matched = np.empty_like(face)
    for channel in range(face.shape[2]):
        values, quantiles = _distribution(match.seen, channel)
        wanted, wanted_quantiles = _distribution(match.wanted, channel)
        new = np.interp(quantiles * (threshold / 255), wanted_quantiles, wanted)
        matched[..., channel] = np.interp(face[..., channel], values, new)
    return matched


def _distribution(colors: Colors, channel: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct values, rising, and the share of the weight up to each."""
    distinct, places = np.unique(colors.values[:, channel], return_inverse=True)
    shares = np.cumsum(np.bincount(places, colors.weights))
    return distinct, shares / shares[-1]


class HistMatchBw(HistMatch):
    """Takes the face's light from the prediction and all of its color from the dst face."""

    def recolor(self, face: np.ndarray, dst: np.ndarray, match: Match, look: Look) -> np.ndarray:
        """Match the face's gray picture to each channel of the dst face."""
        gray = Match(Colors(_gray(match.seen.values[None])[0], match.seen.weights), match.wanted)
        return super().recolor(_gray(face), dst, gray, look)


def _gray(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
