"""Mode raw: the model's output, neither eroded nor blurred, for compositing in other programs."""

import cv2
import numpy as np

from converters.blending.compositing import transparent
from converters.blending.crop import Box
from converters.blending.overlay import Blend, FaceBlend
from converters.look import Look


class Raw(Blend):
    """Writes the predicted square or its mask, as `Look.raw_mode` says."""

    def canvas(self, frame: np.ndarray, look: Look) -> np.ndarray:
        """Return the frame for rgb, with a transparent alpha channel for rgb+mask, else black."""
        if look.raw_mode == "rgb":
            return frame.copy()
        if look.raw_mode == "rgb+mask":
            return transparent(frame)
        return np.zeros_like(frame)

    def coverage(self, face: FaceBlend) -> np.ndarray:
        """Return the mask itself for raw mode mask, else the whole square."""
        return face.face_mask if face.look.raw_mode == "mask" else np.ones_like(face.face_mask)

    def foreground(self, face: FaceBlend, box: Box) -> np.ndarray:
        """Return white for raw mode mask, else the square; with the mask as alpha for rgb+mask."""
        if face.look.raw_mode == "mask":
            return np.ones((box.bottom - box.top, box.right - box.left, 3), np.float32)
        square = face.crop.place(face.pixels, box)
        if face.look.raw_mode != "rgb+mask":
            return square
        return cv2.merge([*cv2.split(square), face.place_mask(face.face_mask, box)])
