"""`--blur-out-mask`: targets without detail outside of the face, so that none of it is learned."""

import cv2
import numpy as np

from utils.images import Image

REACH = 1 / 24  # of the side: as far beyond the mask the image fades to its blurred version
BLUR = 1 / 24  # of the side: standard deviation of the blur


def blur_outside(pixels: Image) -> Image:
    """Return (k, k, 4) uint8 BGR and mask with the image blurred outside of the mask.

    Only colors of the outside are averaged, so that no skin spreads into the background.
    """
    side = len(pixels)
    outside = 1 - pixels[..., 3:] / np.float32(255)
    sums = np.dstack([pixels[..., :3] * outside, outside])
    sums = cv2.GaussianBlur(sums, (0, 0), BLUR * side, borderType=cv2.BORDER_REPLICATE)
    blurred = sums[..., :3] / np.maximum(sums[..., 3:], 1e-3)
    beyond = (pixels[..., 3] == 0).astype(np.uint8)
    distance = cv2.distanceTransform(beyond, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = np.clip(distance / (REACH * side), 0, 1)[..., None]
    share = share * share * (3 - 2 * share)  # without an edge where it begins and ends
    image = pixels[..., :3] * (1 - share) + blurred * share
    return np.dstack([np.rint(image).astype(np.uint8), pixels[..., 3]])
