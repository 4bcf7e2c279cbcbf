"""Draw a contact sheet: faces of src, then moments of dst above the same moments of the result."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np

from facelib.detectors import DETECTORS
from facelib.faceset import Faceset
from utils.console import error, say
from utils.errors import ExitStatus, InputError, UserError
from utils.images import Image, read_image, write_image
from utils.text import write
from utils.video.io import open_source

MOMENTS = 6
TILE = 240
GAP = 8
LABEL = 28  # height of the line of text above each row
INK, PAPER = (40, 40, 40), (245, 245, 245)
AROUND = 1.6  # side of the visible part of the frame, in heights of the face


def draw_sheet(dst: Path, result: Path, src_aligned: Path, output: Path) -> None:
    """Write the sheet; both clips are videos or folders of frames of the same length.

    Raises
    ------
    InputError
        If a clip or the faceset cannot be read.
    """
    before, after = _moments(dst, MOMENTS), _moments(result, MOMENTS)
    squares = [_square_around_face(image) for image in before]
    faces = Faceset.open(src_aligned)
    chosen = np.linspace(0, len(faces) - 1, MOMENTS).round().astype(int)
    rows = {
        "src: the face swapped in": [read_image(faces[index][0]) for index in chosen],
        "dst: the original footage": _crop(before, squares),
        "result: the converted footage (synthetic)": _crop(after, squares),
    }
    sheet = np.vstack([part for label, images in rows.items() for part in _row(label, images)])
    write_image(output, np.pad(sheet, ((0, GAP), (0, 0), (0, 0)), constant_values=PAPER[0]))


def _moments(path: Path, count: int) -> list[Image]:
    """Return `count` frames, evenly spaced over a clip."""
    total = sum(1 for _ in open_source(path))
    if not total:
        raise InputError(f'"{path}" has no readable frame')
    wanted = set(np.linspace(0, total - 1, count).round().astype(int).tolist())
    return [frame.image for number, frame in enumerate(open_source(path)) if number in wanted]


def _square_around_face(image: Image) -> tuple[int, int, int]:
    """Return left, top and side of a square in the frame around its largest face."""
    height, width = image.shape[:2]
    faces = DETECTORS.load("yunet")().detect([image])[0]
    if not faces:
        side = min(height, width)
        return (width - side) // 2, (height - side) // 2, side
    rect = faces[0].rect
    side = int(min(AROUND * rect.height, height, width))
    left, top = (round(middle - side / 2) for middle in rect.center)
    return int(np.clip(left, 0, width - side)), int(np.clip(top, 0, height - side)), side


def _crop(images: list[Image], squares: list[tuple[int, int, int]]) -> list[Image]:
    pairs = zip(images, squares, strict=False)
    return [image[top : top + side, left : left + side] for image, (left, top, side) in pairs]


def _row(label: str, images: list[Image]) -> tuple[Image, Image]:
    """Return a line of text and a row of square images, both as wide as MOMENTS tiles."""
    width = GAP + MOMENTS * (TILE + GAP)
    text = np.full((LABEL + GAP, width, 3), PAPER, np.uint8)
    write(text, label, (GAP, LABEL - 2), size=20, color=INK)
    row = np.full((TILE + GAP, width, 3), PAPER, np.uint8)
    for number, image in enumerate(images):
        left = GAP + number * (TILE + GAP)
        row[GAP:, left : left + TILE] = _tile(image)
    return text, row


def _tile(image: Image) -> Image:
    shrinks = image.shape[0] > TILE
    kind = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, (TILE, TILE), interpolation=kind)


def main() -> int:
    """Read the command line and draw the sheet."""
    parser = argparse.ArgumentParser(description="Draw before and after in one image")
    for name in ("--dst", "--result", "--src-aligned", "--output"):
        parser.add_argument(name, type=Path, required=True)
    arguments = parser.parse_args()
    try:
        draw_sheet(arguments.dst, arguments.result, arguments.src_aligned, arguments.output)
    except UserError as problem:
        error(str(problem))
        return problem.status
    say(f'"{arguments.output}" written')
    return ExitStatus.DONE


if __name__ == "__main__":
    sys.exit(main())
