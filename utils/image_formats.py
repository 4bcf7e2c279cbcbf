"""Images that OpenCV does not read, or not rightly: Pillow reads them, with 8 bits per channel."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING, BinaryIO

import cv2
import numpy as np

from utils import MOST_PIXELS, tiff
from utils.errors import InputError
from utils.image_guard import PNG_START, check_png, too_large, unreadable

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

PLUGINS = {
    "PNG": "PngImagePlugin",
    "JPEG": "JpegImagePlugin",
    "WEBP": "WebPImagePlugin",
    "BMP": "BmpImagePlugin",
    "TIFF": "TiffImagePlugin",
    "GIF": "GifImagePlugin",
    "JPEG2000": "Jpeg2KImagePlugin",
    "AVIF": "AvifImagePlugin",
}
"""The formats that their first bytes tell from others, and what in Pillow reads them."""

HEIF_PACKAGE = "pi_heif"
"""Registers itself as a reader of Pillow's; it has no encoders."""
TARGA = ".tga"
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
JPEG_2000, START_OF_DATA = b"\xff\x4f\xff\x51", b"\xff\x93"
"""How its code begins, and what comes before the pixels of each tile."""
BAND = 256
"""Rows that are converted at once: Pillow needs four bytes for each pixel of a copy."""
ORIENTATION, TURNED = 274, range(5, 9)
"""An EXIF tag, and the values with which width and height change places."""


def _formats(head: bytes, name: str) -> tuple[str, ...]:
    """Return what Pillow may take a file for that begins with `head`, after loading its readers.

    Raises
    ------
    InputError
        If what reads HEIC is not installed.
    """
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS and b"avif" not in head:
        if find_spec(HEIF_PACKAGE) is None:
            raise InputError(
                f'"{name}" is a HEIC image, and what reads those is not installed; '
                f"run: pip install pi-heif"
            )
        _register_heif()
        return ("HEIF",)
    _load_plugins()
    # a Targa file has no signature: any bytes may look like one
    targa = PurePath(name).suffix.lower() == TARGA
    return (*PLUGINS, "TGA") if targa else tuple(PLUGINS)


@lru_cache(maxsize=1)
def _register_heif() -> None:
    import_module(HEIF_PACKAGE).register_heif_opener()


@lru_cache(maxsize=1)
def _load_plugins() -> None:
    """Load only what is needed: otherwise Pillow loads its readers of everything."""
    for plugin in PLUGINS.values():
        import_module(f"PIL.{plugin}")


@contextmanager
def opened(file: BinaryIO, name: str) -> Iterator["PillowImage"]:
    """Open an image, of which nothing is decoded yet; `name` is the file's.

    Raises
    ------
    InputError
        If it is damaged or of an unknown format.
    """
    from PIL import Image  # not at the top: rarely needed

    Image.MAX_IMAGE_PIXELS = None  # we have our own limit
    warnings.filterwarnings("ignore", module="PIL")  # it warns of what is reported below
    formats = _formats(file.read(64), name)
    file.seek(0)
    try:
        with Image.open(file, formats=formats) as image:
            yield image
    except (InputError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - Pillow's plugins raise anything for a damaged file
        raise unreadable(name) from None


def read_with_pillow(data: bytes, name: str) -> np.ndarray:
    """Decode the first image of a file, turned upright, to (H, W, 3) uint8 BGR, without alpha.

    Raises
    ------
    InputError
        If it cannot be decoded whole, or has too many pixels.
    """
    from PIL import ImageOps

    if JPEG_2000 in data[:4096] and START_OF_DATA not in data:
        raise unreadable(name)  # OpenJPEG makes a black image of the header alone
    with opened(io.BytesIO(data), name) as image:
        most = MOST_PIXELS if image.format == "TIFF" else MOST_PIXELS // 2
        if image.width * image.height > most:
            raise too_large(name, f"at most {most} of this kind")
        ImageOps.exif_transpose(image, in_place=True)
        result = np.empty((image.height, image.width, 3), np.uint8)
        for top in range(0, image.height, BAND):
            band = image.crop((0, top, image.width, min(top + BAND, image.height)))
            result[top : top + BAND] = _bgr(band)
        return result


def _bgr(image: "PillowImage") -> np.ndarray:
    """Return an image as (H, W, 3 or 1) uint8."""
    if image.mode.startswith("I;16"):
        return cv2.convertScaleAbs(np.asarray(image).astype(np.uint16), alpha=1 / 257)[..., None]
    if image.mode == "RGBa":  # colors that were multiplied with alpha
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB"))[..., ::-1]


def size_in_header(file: BinaryIO, name: str, *, upright: bool) -> tuple[int, int]:
    """Return width and height of an image from its header.

    Parameters
    ----------
    upright : bool
        Whether they are those of the image turned upright; to find out may take a moment.

    Raises
    ------
    InputError
        If the header is unreadable.
    """
    start = file.read(8)
    file.seek(0)
    if upright and start == PNG_START:  # Pillow decodes a PNG whole to learn its orientation
        check_png(file.read(), name)
        file.seek(0)
    if start.startswith(tiff.STARTS):
        return tiff.read_layout(file, name).size
    with opened(file, name) as image:
        turned = upright and image.getexif().get(ORIENTATION, 1) in TURNED
        return image.size[::-1] if turned else image.size
