"""A contact sheet: the sorted faces in one image, each with its number and its key."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from sorter.job import Placed
from utils.errors import InputError
from utils.images import read_image, write_image
from utils.parallel import Failure, cores, ordered_map
from utils.text import width as text_width
from utils.text import write
from utils.wording import counted

THUMB, STRIP, HEAD = 96, 28, 36  # pixels: a face, the text under it, the line on top
MOST = 900
"""Faces on one sheet; of more, an even selection is shown."""
PAPER, INK, DULL = (32, 32, 32), (235, 235, 235), (160, 160, 160)
GROUPS = ((60, 48, 40), (40, 60, 48))  # alternate, so that group boundaries are visible
DROPPED = (40, 40, 120)


def write_sheet(path: Path, faces: Sequence[tuple[Placed, str]], title: str) -> None:
    """Write the contact sheet.

    Parameters
    ----------
    path : Path
        The image to write.
    faces : sequence of (Placed, str)
        Each face, its path being where it is now, and its new name.
    title : str
        Shown on top.
    """
    write_image(path, draw_sheet(faces, title))


def draw_sheet(faces: Sequence[tuple[Placed, str]], title: str) -> np.ndarray:
    """Draw the contact sheet, (H, W, 3) uint8 BGR; arguments as `write_sheet`."""
    shown = np.unique(np.linspace(0, len(faces) - 1, min(len(faces), MOST)).astype(int))
    columns = int(np.clip(np.ceil((1.8 * len(shown)) ** 0.5), 6, 36))
    rows = -(-len(shown) // columns)
    sheet = np.full((HEAD + rows * (THUMB + STRIP), columns * THUMB, 3), PAPER, np.uint8)
    share = "" if len(shown) == len(faces) else f", {len(shown)} of them shown"
    write(sheet, f"{title}: {counted(len(faces), 'faces')}{share}", (8, 24), size=18, color=INK)
    shades = _shades(faces)
    chosen = [faces[i] for i in shown]
    for number, (index, thumb) in enumerate(zip(shown, _thumbs(chosen), strict=True)):
        x, y = number % columns * THUMB, HEAD + number // columns * (THUMB + STRIP)
        item, name = faces[index]
        sheet[y : y + THUMB, x : x + THUMB] = thumb
        strip = sheet[y + THUMB : y + THUMB + STRIP, x : x + THUMB]
        strip[:] = shades[index]
        write(strip, _tail(Path(name).stem, 11), (3, 12), size=11, color=INK)
        write(strip, _tail(show_key(item.key), 10), (3, 24), size=10, color=DULL)
    return sheet


def show_key(key: float | str) -> str:
    """Return a key in four significant digits."""
    return f"{key:.4g}" if isinstance(key, float) else str(key)


def _thumbs(faces: Sequence[tuple[Placed, str]]) -> Iterator[np.ndarray]:
    """Yield thumbnails (THUMB, THUMB, 3); an image that cannot be read is crossed out."""
    paths = [item.path for item, _ in faces]
    for found in ordered_map(_thumb, paths, workers=cores(), catch=InputError):
        if isinstance(found, Failure):
            crossed = np.full((THUMB, THUMB, 3), PAPER, np.uint8)
            yield cv2.line(crossed, (0, 0), (THUMB, THUMB), DULL, 1, cv2.LINE_AA)
        else:
            yield found


def _thumb(path: Path) -> np.ndarray:
    image = read_image(path)
    height, width = image.shape[:2]
    scale = THUMB / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    thumb = np.full((THUMB, THUMB, 3), PAPER, np.uint8)
    thumb[: size[1], : size[0]] = cv2.resize(image, size, interpolation=how)
    return thumb


def _shades(faces: Sequence[tuple[Placed, str]]) -> list[tuple[int, int, int]]:
    """Return the color under each face: its group's, or that of the dropped."""
    shades = []
    turn, last = 0, faces[0][0].group if faces else ""
    for item, _ in faces:
        turn, last = turn + (item.group != last), item.group
        shades.append(GROUPS[turn % 2] if item.keep else DROPPED)
    return shades


def _tail(text: str, size: int) -> str:
    """Return the end of a text, as much as fits under a face."""
    text = text[-15:]
    while text_width(text, size) > THUMB - 4:
        text = text[1:]
    return text
