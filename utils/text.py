"""Text on images, in any script for which the system has a font."""

import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from functools import lru_cache
from itertools import groupby, zip_longest
from math import ceil, floor
from operator import itemgetter
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

BgrColor = tuple[int, int, int]
Font = ImageFont.FreeTypeFont

WHITE = (255, 255, 255)
MARGIN = 8
DARKEN = 0.3
CAPITAL = 0.73
"""Height of a capital letter of DejaVu Sans, as part of the font size; others differ little."""

# The first that has a glyph draws it: a legible Latin font, then the wide scripts, then symbols.
FONT_FILES = (
    *("DejaVuSans.ttf", "segoeui.ttf", "Helvetica.ttc", "NotoSans-Regular.*", "arial.ttf"),
    *("LiberationSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "PingFang.ttc", "msyh.ttc"),
    *("Hiragino Sans GB.ttc", "STHeiti Light.ttc", "msgothic.ttc", "malgun.ttf"),
    *("AppleSDGothicNeo.ttc", "wqy-*hei.ttc", "DroidSansFallback*.ttf", "Arial Unicode.ttf"),
    *("Nirmala.ttc", "Nirmala.ttf", "LeelawUI.ttf", "NotoSans*-Regular.*", "NotoEmoji*.ttf"),
    *("seguiemj.ttf", "seguisym.ttf", "Symbola*.?tf", "Apple Symbols.ttf"),
)
NOT_ASSIGNED = "\U0010ffff"
"""A code point without a character: what a font draws for it stands for every missing glyph."""


def write(
    image: np.ndarray,
    text: str,
    at: tuple[int, int],
    *,
    size: float,
    color: BgrColor = WHITE,
) -> None:
    """Draw a line of text into an image; what lies outside is cut off.

    Parameters
    ----------
    image : (H, W, 3) uint8 BGR
        Changed in place.
    at : tuple of int
        The left end of the baseline (x, y), pixels.
    size : float
        Font size, pixels.
    """
    ink, rest, ascent = _line(text, size, color)
    left, top = at[0], at[1] - ascent
    height, width = ink.shape[:2]
    rows = slice(max(0, -top), min(height, image.shape[0] - top))
    columns = slice(max(0, -left), min(width, image.shape[1] - left))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    area = image[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop]
    faded = cv2.multiply(area, rest[rows, columns], scale=1 / 255)
    area[:] = cv2.add(faded, ink[rows, columns])


def width(text: str, size: float) -> int:
    """Return how many pixels wide `write` draws a line."""
    mask, _ = _mask(text, size)
    return int(mask.shape[1])


def panel(
    image: np.ndarray,
    lines: Sequence[str],
    *,
    at: tuple[int, int] = (0, 0),
    height: int = 16,
    color: BgrColor = WHITE,
) -> np.ndarray:
    """Return a copy of an (H, W, 3) uint8 BGR image with lines of text on a dark panel.

    Parameters
    ----------
    lines : sequence of str
        Tabs divide a line into columns.
    at : tuple of int
        The panel's corner (x, y), pixels. A negative number counts from the right or lower edge to
        the panel's far corner: (-1, -1) is the lower right.
    height : int
        Distance of the lines, pixels.
    """
    drawn = image.copy()
    if not lines:
        return drawn
    size = font_size(height)
    columns = list(zip_longest(*(line.split("\t") for line in lines), fillvalue=""))
    widths = [max(width(cell, size) for cell in cells) for cells in columns]
    wide = sum(widths) + (len(widths) + 1) * MARGIN
    tall = height * len(lines) + 2 * MARGIN
    left = at[0] if at[0] >= 0 else image.shape[1] + 1 + at[0] - wide
    top = at[1] if at[1] >= 0 else image.shape[0] + 1 + at[1] - tall
    left, top = max(0, left), max(0, top)
    area = drawn[top : top + tall, left : left + wide]
    area[:] = np.rint(area * DARKEN).astype(np.uint8)
    x = MARGIN
    for cells, column_width in zip(columns, widths, strict=True):
        for number, cell in enumerate(cells, 1):
            write(area, cell, (x, MARGIN + round(height * (number - 0.2))), size=size, color=color)
        x += column_width + MARGIN
    return drawn


def font_size(line_height: int) -> int:
    """Return the font size that suits lines so many pixels apart."""
    return max(7, round(0.55 * line_height / CAPITAL))


@lru_cache(maxsize=512)
def _line(text: str, size: float, color: BgrColor) -> tuple[np.ndarray, np.ndarray, int]:
    """Return a rendered line, ready for blending.

    Returns
    -------
    ink : (h, w, 3) uint8
        Color times opacity, to add.
    rest : (h, w, 3) uint8
        255 minus opacity, the weight of the image below.
    ascent : int
        Rows of the line above the baseline.
    """
    mask, ascent = _mask(text, size)
    opacity = cv2.merge([mask] * 3)
    ink = np.rint(opacity * (np.array(color) / 255)).astype(np.uint8)
    return ink, 255 - opacity, ascent


@lru_cache(maxsize=512)
def _mask(text: str, size: float) -> tuple[np.ndarray, int]:
    """Return a line's opacity (h, w) uint8, and how many rows of it are above the baseline."""
    x = 0.0
    placed = []
    for file, part in _runs(text):
        font = _font(file, size)
        placed.append((x, part, font, font.getbbox(part, anchor="ls")))
        x += font.getlength(part)
    left = floor(min([0, *(start + box[0] for start, _, _, box in placed)]))
    right = ceil(max([x, *(start + box[2] for start, _, _, box in placed)]))
    top = floor(min([0, *(box[1] for *_, box in placed)]))
    bottom = ceil(max([0, *(box[3] for *_, box in placed)]))
    mask = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    draw = ImageDraw.Draw(mask)
    for start, part, font, _ in placed:
        draw.text((start - left, -top), part, 255, font, anchor="ls")
    return np.array(mask), -top


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """Divide a line into parts that one font each can draw; yield the font's file and the part."""
    clean = "".join(map(_drawable, text))
    files = fonts()
    chosen: list[str] = []
    for char in clean:
        # an accent or a space stays with what is before it
        joined = chosen[-1:] if unicodedata.category(char) in ("Mn", "Me", "Cf", "Zs") else []
        chosen.append(next((file for file in [*joined, *files] if _has(file, char)), files[0]))
    for file, pairs in groupby(zip(chosen, clean, strict=True), key=itemgetter(0)):
        yield file, "".join(char for _, char in pairs)


def _drawable(char: str) -> str:
    """Replace control characters, and the surrogates of file names that are not valid UTF-8."""
    return {"Cc": " ", "Cs": "\N{REPLACEMENT CHARACTER}"}.get(unicodedata.category(char), char)


@lru_cache(maxsize=1)
def fonts() -> tuple[str, ...]:
    """Return the files of the fonts to draw with, the preferred first; "" is Pillow's own."""
    found = sorted(path for folder in _font_folders() for path in folder.rglob("*.?t?"))
    chosen = dict.fromkeys(
        str(path)
        for pattern in FONT_FILES
        for path in found
        if fnmatch(path.name.casefold(), pattern.casefold())
    )
    return (*filter(_usable, chosen), "")


def _font_folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA", home)) / "Microsoft/Windows/Fonts"
        return [Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts", local]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    shares = [Path("/usr/share"), Path("/usr/local/share"), home / ".local/share"]
    return [*(share / "fonts" for share in shares), home / ".fonts"]


def _usable(file: str) -> bool:
    try:
        _font(file, 16)
    except OSError:  # damaged, or bitmaps of one size such as color emoji
        return False
    return True


@lru_cache(maxsize=128)
def _font(file: str, size: float) -> Font:
    if file:
        return Font(file, size)  # `truetype` would look elsewhere for a damaged file
    font = ImageFont.load_default(size)
    assert isinstance(font, Font)  # Pillow's builds have FreeType
    return font


@lru_cache(maxsize=8192)
def _has(file: str, char: str) -> bool:
    """Whether a font has a character, and not only a box in its place."""
    if char.isspace():
        return True
    font = _font(file, 32)
    glyph, missing = font.getmask(char), font.getmask(NOT_ASSIGNED)
    return (glyph.size, bytes(glyph)) != (missing.size, bytes(missing))
