"""Mode hist-match-bw: as hist-match, but from the grey picture of the predicted face."""

import cv2
import numpy as np

from converters.color.statistics import Colors, Match
from converters.hist_match import HistMatch
from converters.options import Look


class HistMatchBw(HistMatch):
    """Takes the face's light from the prediction and all of its colour from the dst face."""

    def recolor(self, face: np.ndarray, dst: np.ndarray, match: Match, look: Look) -> np.ndarray:
        """Match the face's grey picture to each channel of the dst face."""
        grey = Match(Colors(_grey(match.seen.values[None])[0], match.seen.weights), match.wanted)
        return super().recolor(_grey(face), dst, grey, look)


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
