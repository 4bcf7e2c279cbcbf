"""Faces to keep and faces to delete, for docs/sorting.md.

    python -m scripts.face_examples        writes docs/images/faces.jpg

Every face is drawn from one public-domain photograph, as the README's footage is, cut out as
`extract` cuts, and spoiled as the label says. The two charts show made-up head directions.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facelib import landmarks as points_of
from facelib.detectors import DETECTORS
from facelib.geometry import apply, crop_matrix, warp_face
from facelib.landmarkers import LANDMARKERS
from facelib.types import FaceType
from scripts import spoiled_faces as spoiled
from scripts.readme_footage import Moment, Person, filmed, src_person, wall
from scripts.spoiled_faces import Frame
from utils.console import error, say
from utils.errors import ExitStatus, UserError

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "faces.jpg"

TILE, GAP, EDGE, LABEL, HEADING, COLUMNS = 200, 14, 5, 50, 44, 5
PAPER, INK, FAINT = "#ffffff", "#282828", "#6b6b6b"
GREEN, RED, BLUE, ORANGE = "#2e9e5b", "#d0453a", "#2471a3", "#e08a1e"
FINER = 4  # drawn so many times larger, for smooth edges
SPAN = 60  # degrees from the middle of a chart to its edge


@dataclass(frozen=True)
class Example:
    """A labeled tile; green ones are to be kept.

    Attributes
    ----------
    draw : callable
        Returns the tile, TILE pixels wide and high.
    """

    title: str
    advice: str
    good: bool
    draw: Callable[[], Image.Image]


# ---- faces


def face(
    moment: Moment,
    spoil: Callable[[Frame, np.ndarray], Frame] = lambda frame, _: frame,
    displace: Callable[[np.ndarray], np.ndarray] = lambda landmarks: landmarks,
    shown: bool = False,
) -> Image.Image:
    """Return an aligned face.

    Parameters
    ----------
    spoil : callable
        Changes the frame, given the true landmarks.
    displace : callable
        Changes the landmarks that the face is aligned by.
    shown : bool
        Whether these landmarks are drawn.
    """
    frame, landmarks = shot(moment)
    frame = spoil(frame.copy(), landmarks)
    landmarks = displace(landmarks)
    matrix = crop_matrix(landmarks, TILE, FaceType.FULL)
    tile = warp_face(frame, matrix, TILE)
    if shown:
        tile = points_of.draw(tile, apply(matrix, landmarks), (90, 255, 90))
    return Image.fromarray(tile)


@cache
def shot(moment: Moment) -> tuple[Frame, np.ndarray]:
    """Return a frame of the person and the landmarks of its face."""
    filmed_frame = filmed(person(), moment, wall((0.30, 0.36, 0.40), 0.2))
    frame = np.round(filmed_frame * 255).astype(np.uint8)
    return frame, locate(frame)


@cache
def person() -> Person:
    """Return the person of the examples."""
    return src_person()


@cache
def networks() -> tuple[Any, Any]:
    """Return the detector and the landmarker."""
    return DETECTORS.load("yunet")(), LANDMARKERS.load("mesh")()


def locate(frame: Frame) -> np.ndarray:
    """Return the landmarks of the only face, (68, 2)."""
    image = np.ascontiguousarray(frame[..., ::-1])
    detector, landmarker = networks()
    [found] = detector.detect([image])
    return np.asarray(landmarker.locate(image, found[:1])[0].landmarks)


# ---- head directions of a whole set


def chart(src: np.ndarray) -> Image.Image:
    """Draw the yaws and pitches of src's faces on those of dst's."""
    side = TILE * FINER
    tile = Image.new("RGB", (side, side), "#f4f5f6")
    drawer = ImageDraw.Draw(tile)
    drawer.line([(side / 2, 0), (side / 2, side)], "#d5d8db", 4)
    drawer.line([(0, side / 2), (side, side / 2)], "#d5d8db", 4)
    for faces, color, radius in ((dst_directions(), ORANGE, 14), (src, BLUE, 9)):
        for pitch, yaw in faces:
            x, y = side / 2 - yaw / SPAN * side / 2, side / 2 + pitch / SPAN * side / 2
            drawer.ellipse([x - radius, y - radius, x + radius, y + radius], color)
    tile = tile.resize((TILE, TILE), Image.Resampling.LANCZOS)
    drawer = ImageDraw.Draw(tile)
    font = ImageFont.load_default(13)
    drawer.text((12, 22), "src", BLUE, font, anchor="ls")
    drawer.text((38, 22), "dst", ORANGE, font, anchor="ls")
    drawer.text((12, TILE - 12), "to the left", FAINT, font, anchor="ls")
    drawer.text((TILE - 12, TILE - 12), "to the right", FAINT, font, anchor="rs")
    return tile


def dst_directions() -> np.ndarray:
    """Return dst's pitches and yaws in degrees, (n, 2): it looks around, mostly ahead."""
    rng = np.random.default_rng(4)
    turned = rng.uniform((-14, 18), (8, 46), (30, 2))
    return np.vstack([rng.normal(0, (7, 15), (70, 2)), turned])


def frontal() -> np.ndarray:
    """Return directions of a src that looks ahead."""
    return np.random.default_rng(5).normal((0, -3), (4, 5), (60, 2))


def all_round() -> np.ndarray:
    """Return directions of a src that looks everywhere."""
    return np.random.default_rng(6).uniform((-26, -52), (22, 52), (130, 2))


# ---- the sheet

SECTIONS: dict[str, Sequence[Example]] = {
    "Keep: sharp, whole, evenly lit, and as different from one another as you can get": (
        Example("straight ahead", "the base", True, lambda: face(Moment())),
        Example("turned", "keep every direction", True,
                lambda: face(Moment(yaw=2.2, pitch=0.1, roll=5))),
        Example("another expression", "mouth, brows, lids", True,
                lambda: face(Moment(mouth=0.5, smile=0.2, brows=4, eyes=0.3))),
        Example("eyes half shut", "blinks, too", True,
                lambda: face(Moment(pitch=0.6, roll=-4, eyes=-0.4, mouth=-0.1))),
        Example("other light", "best like dst's", True,
                lambda: face(Moment(yaw=-0.4, light=0.2, exposure=0.2, warmth=0.12))),
    ),
    "Delete: nothing to learn, or something wrong": (
        Example("out of focus", "sort --by blur: at the end", False,
                lambda: face(Moment(), spoiled.out_of_focus)),
        Example("motion blur", "sort --by motion-blur", False,
                lambda: face(Moment(), spoiled.smeared)),
        Example("half in the dark", "sort --by hist: side by side", False,
                lambda: face(Moment(), spoiled.half_dark)),
        Example("cut off by the frame", "sort --by black: at the end", False,
                lambda: face(Moment(), spoiled.cut_off)),
        Example("too small", "sort --by source-size", False,
                lambda: face(Moment(), spoiled.reduced)),
    ),
    "Delete, or mend": (
        Example("hand before the face", "delete; in dst keep it", False,
                lambda: face(Moment(), spoiled.covered(spoiled.hand()))),
        Example("microphone", "delete; in dst keep it", False,
                lambda: face(Moment(), spoiled.covered(spoiled.microphone()))),
        Example("landmarks beside it", "extract again, or by hand", False,
                lambda: face(Moment(), displace=spoiled.beside, shown=True)),
        Example("src only looks ahead", "add faces that turn", False, lambda: chart(frontal())),
        Example("src looks everywhere", "covers dst", True, lambda: chart(all_round())),
    ),
}  # fmt: skip


def sheet() -> Image.Image:
    """Return all examples, section by section."""
    height = GAP + len(SECTIONS) * (HEADING + TILE + LABEL + GAP)
    page = Image.new("RGB", (GAP + COLUMNS * (TILE + GAP), height), PAPER)
    drawer = ImageDraw.Draw(page)
    for row, (heading, examples) in enumerate(SECTIONS.items()):
        top = GAP + row * (HEADING + TILE + LABEL + GAP)
        drawer.text((GAP, top + HEADING / 2), heading, INK, ImageFont.load_default(21), "lm")
        for column, example in enumerate(examples):
            _place(page, example, GAP + column * (TILE + GAP), top + HEADING)
    return page


def _place(page: Image.Image, example: Example, left: int, top: int) -> None:
    color = GREEN if example.good else RED
    drawer = ImageDraw.Draw(page)
    page.paste(example.draw(), (left, top))
    drawer.rectangle([left, top, left + TILE - 1, top + TILE - 1], outline=color, width=EDGE)
    middle = left + TILE / 2
    drawer.text((middle, top + TILE + 15), example.title, color, ImageFont.load_default(17), "mm")
    drawer.text((middle, top + TILE + 35), example.advice, FAINT, ImageFont.load_default(14), "mm")


def main() -> int:
    """Write the sheet."""
    try:
        OUTPUT.parent.mkdir(exist_ok=True)
        sheet().save(OUTPUT, quality=84, optimize=True)
    except UserError as problem:
        error(str(problem))
        return problem.status
    say(f'"{OUTPUT}" written, {OUTPUT.stat().st_size // 1000} KB')
    return ExitStatus.DONE


if __name__ == "__main__":
    sys.exit(main())
