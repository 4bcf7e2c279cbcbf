"""One face in every mode, with every color transfer, mask and effect, in one image.

    python -m scripts.all_modes --workspace workspace          writes workspace/all_modes.jpg
    python -m scripts.all_modes --astronaut docs/modes.jpg     the image in docs/conversion.md

The second needs neither footage nor a model: in the public-domain photograph of an astronaut, her
own face is swapped in, mirrored and in other colors.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np

from converters import BLENDS, MASKS, predictor
from converters.blending.blender import Blender
from converters.blending.crop import Crop
from converters.blending.mask import Swap
from converters.blending.motion import find_motions
from converters.look import RAW_MODES, Look
from converters.predictor import Predictor
from facelib.color_transfer import COLORS
from facelib.detectors import DETECTORS
from facelib.faceset import Faceset
from facelib.landmarkers import LANDMARKERS
from facelib.types import FaceType
from utils.console import error, say
from utils.errors import ExitStatus, InputError, UserError
from utils.images import Image, to_float, to_uint8, write_image
from utils.text import write
from utils.video.io import open_source

ROOT = Path(__file__).resolve().parent.parent
TILE, GAP, LABEL, COLUMNS = 180, 6, 22, 7
INK, PAPER = (40, 40, 40), (245, 245, 245)
AROUND = 1.25  # side of the visible part, in sides of a full face's crop

Scene = tuple[Image, list[Swap], float, float]
"""A frame, its faces, and the base erosion and blur of the model."""


def looks() -> Iterator[tuple[str, Look]]:
    """Yield titles and looks: each differs from the default in one setting."""
    for name in BLENDS:
        if name != "raw":
            yield name, Look(mode=name)
    for name in RAW_MODES:
        yield f"raw {name}", Look(mode="raw", raw_mode=name)
    for name in COLORS:
        yield f"overlay, {name}", Look(color_transfer=name)
    for name in MASKS:
        if name != "predicted":  # the default, in all others
            yield f"mask {name}", Look(mask_type=name)
    yield "alpha", Look(alpha=True)
    yield "erode -60", Look(erode_modifier=-60)
    yield "blur 100", Look(blur_modifier=100)
    yield "scale 15", Look(face_scale=15)
    yield "sharpen 60", Look(sharpen=60)
    yield "sharpen -60", Look(sharpen=-60)
    yield "denoise 100", Look(denoise=100)
    yield "motion blur 100", Look(motion_blur=100)
    yield "degrade 100", Look(color_degrade=100)


def draw(scene: Scene) -> Image:
    """Return the sheet: the original frame, then every look."""
    frame, swaps, erode, blur = scene
    crop = Crop.of(swaps[0].landmarks, 64, FaceType.FULL)
    tiles = [_tile("the frame", frame, crop)]
    for title, look in looks():
        image = Blender(look, erode, blur)(frame, swaps).image
        tiles.append(_tile(title, image, crop))
    image = Blender(Look(), erode, blur)(frame, swaps, visibility=_stick(frame, crop)).image
    tiles.append(_tile("--mask-dir: a stick", image, crop))
    while len(tiles) % COLUMNS:
        tiles.append(np.full_like(tiles[0], PAPER[0]))
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    return np.vstack(rows)


def _stick(frame: Image, crop: Crop) -> Image:
    """Return an occlusion mask: a stick across the face."""
    visibility = np.full(frame.shape[:2], 255, np.uint8)
    box = crop.box(0.3, 0.3, 0.7, 0.8)
    ends = (box.left, box.bottom), (box.right, box.top)
    cv2.line(visibility, *ends, 0, max(2, int(crop.side / 12)), cv2.LINE_AA)
    return visibility


def _tile(title: str, image: Image, crop: Crop) -> Image:
    """Return a labeled square around the face; transparency is shown as a checkerboard."""
    box = crop.box(*(0.5 + AROUND / 2 * side for side in (-1, -1, 1, 1))).within(image)
    part = cv2.resize(image[box.area], (TILE, TILE), interpolation=cv2.INTER_AREA)
    if part.shape[2] == 4:
        board = 120 + 60 * (np.indices((TILE, TILE)) // 12 % 2).sum(axis=0)[..., None] % 120
        alpha = part[..., 3:] / 255
        part = to_uint8((part[..., :3] * alpha + board * (1 - alpha)) / 255)
    tile = np.full((LABEL + TILE + GAP, TILE + GAP, 3), PAPER, np.uint8)
    tile[LABEL : LABEL + TILE, :TILE] = part
    write(tile, title, (2, LABEL - 6), size=13, color=INK)
    return tile


def footage(workspace: Path, model_dir: str, number: int | None) -> Scene:
    """Return a frame of the demo and its model's prediction.

    Raises
    ------
    InputError
        If that frame has no face.
    """
    faceset = Faceset.open(workspace / "data_dst" / "aligned")
    faces = faceset.by_frame()
    names = sorted(faces)
    name = names[len(names) // 2] if number is None else f"{number:06d}"
    if name not in faces:
        raise InputError(f"frame {number} has no face; those that have: {names[0]} to {names[-1]}")
    motions = find_motions(info for infos in faces.values() for info in infos)
    model = predictor.load(workspace / model_dir)
    source = open_source(workspace / "data_dst.mp4")
    frame = next(frame.image for frame in source if Path(frame.name).stem == name)
    swaps = []
    for info in faces[name]:
        swap = predict(frame, info.source_landmarks, model)
        swaps.append(replace(swap, motion=motions[info]))
    return frame, swaps, model.base_erode, model.base_blur


def astronaut() -> Scene:
    """Return the photograph and a prediction: the face mirrored, darker and bluer."""
    import skimage.data

    frame = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    [found] = DETECTORS.load("yunet")().detect([frame])
    landmarks = LANDMARKERS.load("mesh")().locate(frame, found[:1])[0].landmarks

    def mirror(crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        side = crops.shape[1]
        mask = np.zeros((side, side), np.float32)
        center, axes = (side // 2, side // 2), (int(0.31 * side), int(0.38 * side))
        cv2.ellipse(mask, center, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
        mask = cv2.GaussianBlur(mask, (0, 0), 1.5)
        return crops[:, :, ::-1] * np.float32([0.95, 0.75, 0.65]), mask[None, ..., None]

    swap = predict(frame, landmarks, Predictor(mirror, 128, FaceType.FULL))
    return frame, [replace(swap, motion=(8.0, 3.0))], 20, 40


def predict(frame: Image, landmarks: np.ndarray, model: Predictor) -> Swap:
    """Return a face of a frame with a model's prediction."""
    crop = Crop.of(landmarks, model.resolution, model.face_type).cut(frame, model.resolution)
    [(face, mask)] = model([to_float(crop)], 1)
    return Swap(landmarks, to_float(crop), face, mask, model.face_type)


def main() -> int:
    """Read the command line and write the image."""
    parser = argparse.ArgumentParser(description="One face in every mode, side by side")
    parser.add_argument("--workspace", type=Path, default=ROOT / "workspace")
    parser.add_argument("--model", default="model", help="name of the model's folder in it")
    parser.add_argument("--frame", type=int, help="number of the frame (default: the middle)")
    parser.add_argument("--astronaut", type=Path, help="write this image, without any footage")
    arguments = parser.parse_args()
    try:
        output = arguments.astronaut or arguments.workspace / "all_modes.jpg"
        if arguments.astronaut:
            scene = astronaut()
        else:
            scene = footage(arguments.workspace, arguments.model, arguments.frame)
        write_image(output, draw(scene), quality=85)
    except UserError as problem:
        error(str(problem))
        return problem.status
    say(f'"{output}" written')
    return ExitStatus.DONE


if __name__ == "__main__":
    sys.exit(main())
