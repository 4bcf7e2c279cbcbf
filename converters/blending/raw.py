"""Mode raw: what the model made, neither eroded nor blurred, for compositing elsewhere."""

import numpy as np

from converters.blending.blender import Blend, FaceBlend
from converters.blending.crop import Box
from converters.look import Look


class Raw(Blend):
    """Writes the predicted square or its mask; `Look.raw_mode` says which and on what."""

    def canvas(self, frame: np.ndarray, look: Look) -> np.ndarray:
        """Return the frame for rgb, with an empty alpha channel for rgb+mask, else black."""
        if look.raw_mode == "rgb":
            return frame.copy()
        if look.raw_mode == "rgb+mask":
            return np.dstack([frame, np.zeros(frame.shape[:2], np.uint8)])
        return np.zeros_like(frame)

    def coverage(self, work: FaceBlend) -> np.ndarray:
        """Return the mask itself for mode mask, else the whole square."""
        return work.soft if work.look.raw_mode == "mask" else np.ones_like(work.soft)

    def picture(self, work: FaceBlend, box: Box) -> np.ndarray:
        """Return white for mode mask, else the square; with the mask as alpha for rgb+mask."""
        if work.look.raw_mode == "mask":
            return np.ones((box.bottom - box.top, box.right - box.left, 3), np.float32)
        square = work.crop.place(work.face, box)
        if work.look.raw_mode != "rgb+mask":
            return square
        return np.dstack([square, work.show_mask(work.soft, box)])
