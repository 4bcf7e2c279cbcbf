"""Mode hist-match: the predicted face gets the dst face's distribution of colours."""

import cv2
import numpy as np

from converters.blend import Blend
from converters.mask import Swap
from converters.options import Look

FEWEST = 16  # pixels; fewer say nothing about a distribution


class HistMatch(Blend):
    """Matches the histogram of each channel of the prediction to that of the dst face."""

    def recolor(self, swap: Swap, soft: np.ndarray, look: Look) -> np.ndarray:
        """Match inside the mask, or over the whole square."""
        size = swap.face.shape[0]
        counted = np.ones((size, size), bool)
        if look.masked_hist_match:
            small = cv2.resize(soft, (size, size), interpolation=cv2.INTER_AREA)
            if np.count_nonzero(small > 0.5) >= FEWEST:
                counted = small > 0.5
        return match_histograms(swap.face, swap.crop, counted, look.hist_match_threshold)


def match_histograms(
    source: np.ndarray, target: np.ndarray, counted: np.ndarray, threshold: int = 255
) -> np.ndarray:
    """Give each channel of `source` the distribution of values that `target` has.

    Parameters
    ----------
    source, target : (H, W, C) float32
    counted : (H, W) bool, the pixels of both whose values count; the others are mapped along
    threshold : 0..255; below 255 the source's brightest value becomes the target's value at the
        quantile threshold / 255, so highlights are held back

    Returns
    -------
    matched : (H, W, C) float32, within the range of the counted target
    """
    matched = np.empty_like(source)
    for channel in range(source.shape[2]):
        values, quantiles = _distribution(source[..., channel][counted])
        wanted, wanted_quantiles = _distribution(target[..., channel][counted])
        new = np.interp(quantiles * (threshold / 255), wanted_quantiles, wanted)
        matched[..., channel] = np.interp(source[..., channel], values, new)
    return matched


def _distribution(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct values, rising, and the share of values up to each."""
    distinct, counts = np.unique(values, return_counts=True)
    return distinct, np.cumsum(counts) / values.size
