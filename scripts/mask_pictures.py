"""The pictures of docs/masks.md: a hand and a microphone before drawn faces.

    python -m scripts.mask_pictures --workspace /tmp/masks

The footage is that of the README, from one public-domain photograph. A hand moves before src's
face and a microphone before dst's; what a person would outline is known exactly. Then the commands
of the page run. What is there already is used again.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.mask_outlines import draw as draw_labels
from converters.blending.blender import Blender
from converters.blending.crop import Crop
from converters.blending.mask import MASK_SIDE, Swap
from converters.look import Look
from facelib.face_mask import APPLIED, face_mask, source_of
from facelib.faceset import Faceset, read_face
from facelib.types import FaceType
from models.mask_predictor import MaskPredictor
from scripts import spoiled_faces
from scripts.readme_footage import (
    FRAME,
    Picture,
    dst_frames,
    filmed,
    filmed_moment,
    src_frames,
    src_person,
    to_pillow,
    write_footage,
)
from scripts.readme_pictures import IMAGES, Workspace, call, toolkit
from utils.console import say
from utils.images import read_image, to_float

FRAMES = {"src": 96, "dst": 48}
SPRITE = 440  # side of a drawing in the frame, pixels
DRAWN = {"src": range(4, 96, 8), "dst": range(2, 48, 4)}  # frames that are outlined: 12 each
SHOWN = {"src": (17, 33, 49, 65, 81), "dst": (8, 17, 25, 33, 41)}  # frames of the picture
SWAPPED = 25
TILE, GAP, LABEL = 200, 10, 30
INK, PAPER, GREEN, RED = "#282828", "#ffffff", "#20a040", np.array([208, 69, 58], np.float32)
EDGE = (60, 60)  # how far the mask is eroded and blurred, percent
VIEW = (90, 60, 430, 400)  # left, top, right and bottom of what is shown of a frame


class Occluder(NamedTuple):
    """What moves before a face, and how: its middle around that of the frame, pixels."""

    draw: Callable[[], Image.Image]
    middle: tuple[float, float]
    swing: tuple[float, float]


OCCLUDERS = {
    "src": Occluder(spoiled_faces.hand, (300, 330), (60, 70)),
    "dst": Occluder(spoiled_faces.microphone, (262, 330), (30, 30)),
}


def main() -> None:
    """Go the way of the page, and draw what it shows."""
    parser = argparse.ArgumentParser(description="pictures for docs/masks.md")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--iterations", type=int, default=700, help="of the training")
    arguments = parser.parse_args()
    workspace = Workspace(arguments.workspace)
    for side in FRAMES:
        film(workspace, side)
    learn(workspace, arguments.iterations)
    save("masks-draw.jpg", drawn_tiles(workspace))
    save("masks-learned.jpg", learned_tiles(workspace))
    save("masks-swap.jpg", swapped_tiles(workspace))


# ---- footage and labels


def film(workspace: Workspace, side: str) -> None:
    """Write the footage of a side with the thing before the face, and draw the labels."""
    outlines: dict[str, list[list[list[float]]]] = {}
    footage = {"src": src_frames, "dst": dst_frames}[side]()
    frames = occluded(islice(footage, FRAMES[side]), OCCLUDERS[side], outlines)
    write_footage(workspace.frames(side), frames, FRAMES[side])
    faces, notes = workspace.faces(side), workspace.folder / f"outlines_{side}.json"
    if faces.exists():
        return
    drawn = {key: value for key, value in outlines.items() if int(key) in DRAWN[side]}
    notes.write_text(json.dumps({"drawn": drawn}))
    frames_of = ("--input-dir", workspace.frames(side), "--output-dir", faces)
    call(toolkit("extract", *frames_of))
    draw_labels(faces, notes)


def occluded(
    frames: Iterator[Picture], occluder: Occluder, outlines: dict[str, list[list[list[float]]]]
) -> Iterator[Picture]:
    """Yield frames with a drawing before the face, and note where it ends."""
    sprite = occluder.draw().resize((SPRITE, SPRITE), Image.Resampling.LANCZOS)
    layer = np.asarray(sprite).astype(np.float32) / 255
    solid = (layer[..., 3] > 0.5).astype(np.uint8)
    found, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = cv2.approxPolyDP(max(found, key=len), 1.0, closed=True)[:, 0].astype(np.float64)
    for number, frame in enumerate(frames):
        turn = np.array([np.sin(number / 5), np.cos(number / 7)])
        corner = np.round(occluder.middle + turn * occluder.swing - SPRITE / 2).astype(int)
        outlines[str(number)] = [(outline + corner).tolist()]
        yield pasted(frame, layer, corner)


def pasted(frame: Picture, layer: np.ndarray, corner: np.ndarray) -> Picture:
    """Return a frame with a layer (n, n, 4) over it."""
    matrix = np.column_stack([np.eye(2), corner.astype(np.float64)])
    layer = cv2.warpAffine(layer, matrix, (FRAME, FRAME))
    alpha = layer[..., 3:]
    return np.asarray(frame * (1 - alpha) + layer[..., :3] * alpha, np.float32)


# ---- the commands of the page


def learn(workspace: Workspace, iterations: int) -> None:
    """Train masks on the labels, and write them into all faces."""
    call(toolkit("train", "--model", "MASK", "--model-dir", workspace.model, *both(workspace),
                 "--target-iter", str(iterations), "--seed", "1", "--no-preview"))  # fmt: skip
    for side in FRAMES:
        faces = ("--input-dir", workspace.faces(side), "--model-dir", workspace.model)
        call(toolkit("mask", "apply", *faces))


def both(workspace: Workspace) -> tuple[str | Path, ...]:
    """Return the options that name the faces of both sides."""
    src, dst = (workspace.faces(side) for side in FRAMES)
    return "--training-data-src-dir", src, "--training-data-dst-dir", dst


# ---- the pictures


def drawn_tiles(workspace: Workspace) -> list[tuple[str, Image.Image]]:
    """Show a label of each side, as drawn and as the mask that it makes."""
    tiles = []
    for side, number in (("src", DRAWN["src"][2]), ("dst", DRAWN["dst"][3])):
        image, info = read_face(face_of(workspace, side, number))
        size = (TILE * 2, TILE * 2)
        shown = Image.fromarray(image[..., ::-1]).resize(size, Image.Resampling.LANCZOS)
        pen = ImageDraw.Draw(shown)
        assert info.mask_label is not None
        for shape in info.mask_label.shapes:
            points = shape.points @ info.matrix[:, :2].T + info.matrix[:, 2]
            ends = [tuple(point) for point in ((points + 0.5) * size[0] / info.size).tolist()]
            pen.line([*ends, ends[0]], GREEN, 5)
            for x, y in ends[::3]:
                pen.ellipse([x - 6, y - 6, x + 6, y + 6], PAPER, GREEN, 3)
        mask = np.round(face_mask(info, TILE) * 255).astype(np.uint8)
        tiles += [("outlined", shown.resize((TILE, TILE))), ("its mask", Image.fromarray(mask))]
    return tiles


def learned_tiles(workspace: Workspace) -> list[tuple[str, Image.Image]]:
    """Show masks of faces that were not outlined, what they hide in red."""
    tiles = []
    for side, numbers in SHOWN.items():
        for number in numbers:
            image, info = read_face(face_of(workspace, side, number))
            assert source_of(info) == APPLIED
            mask = face_mask(info, info.size)[..., None]
            shown = image[..., ::-1] + (1 - mask) * 0.6 * (RED - image[..., ::-1])
            tile = Image.fromarray(shown.astype(np.uint8)).resize((TILE, TILE))
            tiles.append((f"{side}, not outlined", tile))
    return tiles


def swapped_tiles(workspace: Workspace) -> list[tuple[str, Image.Image]]:
    """Show a frame, and what becomes of it with and without the mask.

    The face that is put in is src's in the same pose: what a perfect model would predict.
    """
    frame = read_image(workspace.frames("dst") / f"{SWAPPED:06d}.png")
    _, info = read_face(face_of(workspace, "dst", SWAPPED))
    moment = filmed_moment(SWAPPED, np.random.default_rng(2))
    ideal = np.asarray(to_pillow(filmed(src_person(), moment, None)))[..., ::-1]
    crop = Crop.of(info.source_landmarks, MASK_SIDE, FaceType.FULL)
    here, face = crop.cut(frame, MASK_SIDE), to_float(crop.cut(ideal, MASK_SIDE))
    trained = MaskPredictor(workspace.model)(here[None])[0]
    swap = Swap(info.source_landmarks, to_float(here), face, None, FaceType.FULL, trained=trained)
    tiles = [("the frame", frame)]
    for kind in ("hull", "trained"):
        look = Look(mask_type=kind, color_transfer="rct")
        tiles.append((f"--mask-type {kind}", Blender(look, *EDGE)(frame, [swap]).image))
    left, top, right, bottom = VIEW
    return [
        (title, Image.fromarray(image[top:bottom, left:right, ::-1]).resize((TILE * 3 // 2,) * 2))
        for title, image in tiles
    ]


def face_of(workspace: Workspace, side: str, number: int) -> Path:
    """Return the file of a frame's face."""
    return next(
        path for path, info in Faceset.open(workspace.faces(side)) if info.frame_index == number
    )


def save(name: str, tiles: list[tuple[str, Image.Image]]) -> None:
    """Write tiles with their titles, five in a row, as a picture of the docs."""
    side = tiles[0][1].width
    rows = [tiles[start : start + 5] for start in range(0, len(tiles), 5)]
    size = len(rows[0]) * (side + GAP) - GAP, len(rows) * (side + LABEL)
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(16)
    for row, line in enumerate(rows):
        for column, (title, tile) in enumerate(line):
            left, top = column * (side + GAP), row * (side + LABEL)
            sheet.paste(tile.convert("RGB"), (left, top))
            pen.text((left + side / 2, top + side + 4), title, INK, font, "ma")
    sheet.save(IMAGES / name, quality=88)
    say(f"docs/images/{name}: {(IMAGES / name).stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
