"""Mode overlay: the predicted face is pasted over the frame. It is the base of all other modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from converters.blending.compositing import transparent
from converters.blending.crop import Box, Crop
from converters.blending.mask import MASK_SIDE, Swap
from converters.blending.mask_history import average
from converters.look import Look
from facelib.color_transfer.statistics import Match


@dataclass(frozen=True, eq=False)
class FaceBlend:
    """A face that is about to be blended. Its masks are (MASK_SIDE, MASK_SIDE) float32 crops.

    Attributes
    ----------
    frame : (H, W, 3) uint8
        The original frame; never written to.
    swap : Swap
        Model input and output.
    pixels : (n, n, 3) float32 in 0..1
        The prediction, enlarged, in its final colors and detail.
    crop : Crop
        Where the face goes in the frame, face scale included.
    length : float
        Size of the face in frame pixels.
    face_mask : array
        The mask from the mask source, faded out at the crop's border.
    visible_masks : sequence of array
        Masks of the face in recent frames, its own last, without what occludes it.
    blend_mask : array
        The eroded and blurred mask.
    visibility : (H, W) uint8 or None
        0 where an object occludes the face, 255 elsewhere; None when nothing does.
    look : Look
        The settings.
    """

    frame: np.ndarray
    swap: Swap
    pixels: np.ndarray
    crop: Crop
    length: float
    face_mask: np.ndarray
    visible_masks: Sequence[np.ndarray]
    blend_mask: np.ndarray
    visibility: np.ndarray | None
    look: Look

    @property
    def color_mask(self) -> np.ndarray:
        """Where colors are measured: (MASK_SIDE, MASK_SIDE) float32."""
        return average(self.visible_masks)

    def to_mask_pixels(self, length: float) -> float:
        """Convert a length from frame pixels to mask pixels."""
        return length * MASK_SIDE / self.crop.side

    def place_mask(self, mask: np.ndarray, box: Box) -> np.ndarray:
        """Return a mask of the crop as it appears in a box of the frame, without occlusions."""
        placed = self.crop.place_mask(mask, box)
        if self.visibility is None:
            return placed
        return placed * (self.visibility[box.area] / np.float32(255))


class Blend:
    """Mode overlay, and the base of all modes.

    Attributes
    ----------
    matches_colors : bool
        `recolor` uses the colors inside the mask.
    """

    matches_colors = False

    def recolor(self, face: np.ndarray, dst: np.ndarray, match: Match, look: Look) -> np.ndarray:
        """Return the predicted face in its final colors.

        Parameters
        ----------
        face : (R, R, 3) float32 in 0..1
            The predicted face.
        dst : (R, R, 3) float32 in 0..1
            The original face.
        match : Match
            The colors of both inside the mask.
        look : Look
            The settings.

        Returns
        -------
        recolored : (R, R, 3) float32 in 0..1
            The predicted face with other colors, or as it was.
        """
        return face

    def canvas(self, frame: np.ndarray, look: Look) -> np.ndarray:
        """Return the image the faces are blended into: a new array (H, W, C) uint8."""
        if look.alpha:
            return transparent(frame)
        return frame.copy()

    def coverage(self, face: FaceBlend) -> np.ndarray:
        """Return the mask the foreground is blended with."""
        return face.blend_mask

    def foreground(self, face: FaceBlend, box: Box) -> np.ndarray:
        """Return what a box of the frame shows where the coverage is 1.

        Returns
        -------
        foreground : (box height, box width, C) float32 in 0..1
            Has as many channels as the canvas. Three channels on a canvas of four are a layer with
            the coverage as its alpha.
        """
        return face.crop.place(face.pixels, box)

    def debug_images(self, face: FaceBlend, box: Box) -> dict[str, np.ndarray]:
        """Return the mode's own intermediate images in a box by name, in order; 0..1."""
        return {}
