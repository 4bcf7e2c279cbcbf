"""The mask of a face as its metadata holds it: an 8-bit gray PNG, decoded when it is used."""

import base64
import binascii

import cv2
import numpy as np

from facelib.face_values import UnfitError
from utils.errors import InputError
from utils.image_guard import PNG_START, check_png
from utils.images import encode_image

SIDE = 256  # pixels
LARGEST = 512
LONGEST = LARGEST**2 + 16_384  # bytes; deflate adds little to what it cannot compress
HEADER = PNG_START + b"\0\0\0\rIHDR"
GRAY = b"\x08\0\0\0"  # 8 bits, gray, deflated, filtered
EXPECTED = f"a square gray PNG of up to {LARGEST} pixels, in base64"


def read(value: object) -> bytes | None:
    """Return the PNG in a face's metadata, or None; of the PNG, only the header is looked at.

    Raises
    ------
    UnfitError
        If it is not as expected.
    """
    if value is None:
        return None
    # the length first: text of any size may stand here
    if not isinstance(value, str) or len(value) > 4 * (LONGEST // 3 + 1):
        raise UnfitError(EXPECTED)
    try:
        png = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise UnfitError(EXPECTED) from None
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    if not (png.startswith(HEADER) and png[24:28] == GRAY and 1 <= width == height <= LARGEST):
        raise UnfitError(EXPECTED)
    return png


def reduced(mask: np.ndarray) -> np.ndarray:
    """Return a mask (n, n) uint8 with no more pixels than a face keeps; itself, if it has not."""
    if len(mask) <= LARGEST:
        return mask
    return np.asarray(cv2.resize(mask, (LARGEST, LARGEST), interpolation=cv2.INTER_AREA))


def encode(mask: np.ndarray) -> bytes:
    """Return a mask (n, n), uint8 or float in 0..1, as a PNG; it has up to LARGEST pixels a side.

    Raises
    ------
    InputError
        If it is not square, or larger.
    """
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1] or not 1 <= len(mask) <= LARGEST:
        raise InputError(
            f"a mask is square and has up to {LARGEST} pixels a side, not "
            + "x".join(map(str, mask.shape[::-1]))
        )
    return encode_image(mask)


def decode(png: bytes, name: str) -> np.ndarray:
    """Return the mask in a PNG that `read` or `encode` gave: (n, n) uint8; `name` is for messages.

    Raises
    ------
    InputError
        If it is damaged.
    """
    try:
        width, height, _ = check_png(png, name)
        mask = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    except (InputError, cv2.error):
        mask = None
    if mask is None or mask.shape != (height, width):
        raise InputError(
            f'the mask in "{name}" is damaged; remove it with `mask remove`, or make it again'
        )
    return np.asarray(mask)
