"""Mode seamless-hist-match: seamless, then the distribution of colours the frame has there."""

import numpy as np

from converters.blend import Work
from converters.color.statistics import measure
from converters.hist_match import match_histograms
from converters.region import Box
from converters.seamless import Seamless


class SeamlessHistMatch(Seamless):
    """Matches the histograms of the seamless picture and of the frame in the same place."""

    def picture(self, work: Work, box: Box) -> np.ndarray:
        """Return the seamless picture in the frame's colours, by what lies inside the mask."""
        picture = super().picture(work, box)
        frame = work.frame[box.area].astype(np.float32) / np.float32(255)
        mask = np.ones(picture.shape[:2], np.float32)
        if work.look.masked_hist_match:
            mask = work.show_mask(work.counted, box)
        match = measure(picture, frame, mask)
        if not match.seen.usable:
            return picture
        return match_histograms(picture, match, work.look.hist_match_threshold)

    def steps(self, work: Work, box: Box) -> dict[str, np.ndarray]:
        """Return those of `seamless`, and its picture before the histograms are matched."""
        return {**super().steps(work, box), "seamless": super().picture(work, box)}
