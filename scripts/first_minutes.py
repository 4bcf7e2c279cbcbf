"""What Quick96 draws early in a training, for docs/training-time.md.

    python -m scripts.first_minutes --workspace readme --iterations 148 431 965

Trains on the two people of the README's pictures (scripts/readme_footage.py), keeps the model at
each of these iterations in `after/<iteration>` of the workspace, and writes
docs/images/first-minutes.jpg. A second run reuses what is there.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from converters import predictor
from converters.blending.crop import Crop
from facelib.faceset import Faceset, read_face
from facelib.types import FaceType
from scripts.readme_pictures import Workspace, call, prepare, save, toolkit
from utils.images import to_float, to_uint8

TRAINING = ("--model", "Quick96", "--batch-size", "4", "--cool-down", "0", "--seed", "1",
            "--no-preview")  # fmt: skip
SIDE = 96
TILE, GAP, MARGIN = 132, 8, 170
INK, PAPER = "#282828", "#ffffff"
SHOWN = (4, 20, 36, 52, 68, 84)  # faces of src and dst, by their place in the folder


def training(workspace: Workspace, model: Path, iteration: int) -> list[str]:
    """Return the call that trains a model up to an iteration."""
    return toolkit("train", "--training-data-src-dir", workspace.faces("src"),
                   "--training-data-dst-dir", workspace.faces("dst"), "--model-dir", model,
                   *TRAINING, "--target-iter", str(iteration))  # fmt: skip


def train(workspace: Workspace, iteration: int) -> Path:
    """Train up to an iteration and return a copy of the model then."""
    kept = workspace.folder / "after" / str(iteration)
    if not kept.is_dir():
        model = workspace.folder / "model_Quick96"
        call(training(workspace, model, iteration))
        shutil.copytree(model, kept)
    return kept


def faces(folder: Path) -> list[np.ndarray]:
    """Return the shown faces of a folder as the network gets them, (SIDE, SIDE, 3) uint8 BGR."""
    paths = [path for path, _ in Faceset.open(folder)]
    crops = []
    for number in SHOWN:
        image, info = read_face(paths[number])
        crops.append(Crop.of(info.landmarks, SIDE, FaceType.FULL).cut(image, SIDE))
    return crops


def swapped(model: Path, crops: list[np.ndarray]) -> list[np.ndarray]:
    """Return dst's faces with what a model draws laid over them by its mask."""
    network = predictor.load(model)
    results = []
    predictions = network([to_float(crop) for crop in crops], len(crops))
    for crop, (face, mask) in zip(crops, predictions, strict=True):
        assert mask is not None  # Quick96 predicts one
        results.append(to_uint8(to_float(crop) * (1 - mask) + face * mask))
    return results


def rows(
    workspace: Workspace, models: Mapping[int, Path]
) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield labels and faces from top to bottom."""
    dst = faces(workspace.faces("dst"))
    yield "dst", dst
    for iteration, model in models.items():
        yield f"{iteration:,} iterations", swapped(model, dst)
    yield "src, other frames", faces(workspace.faces("src"))


def sheet(labeled: list[tuple[str, list[np.ndarray]]]) -> Image.Image:
    """Return rows of faces, each with its label."""
    width = MARGIN + len(labeled[0][1]) * (TILE + GAP)
    page = Image.new("RGB", (width, GAP + len(labeled) * (TILE + GAP)), PAPER)
    drawer, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    for row, (label, images) in enumerate(labeled):
        top = GAP + row * (TILE + GAP)
        drawer.text((MARGIN - 14, top + TILE / 2), label, INK, font, "rm")
        for column, image in enumerate(images):
            tile = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
            tile = tile.resize((TILE, TILE), Image.Resampling.BICUBIC)
            page.paste(tile, (MARGIN + column * (TILE + GAP), top))
    return page


def main() -> None:
    """Read the command line, train and write the picture."""
    parser = argparse.ArgumentParser(description="What Quick96 draws early in a training")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--iterations", type=int, nargs="+", default=[148, 431, 965])
    arguments = parser.parse_args()
    workspace = Workspace(arguments.workspace.absolute())
    prepare(workspace)
    models = {iteration: train(workspace, iteration) for iteration in sorted(arguments.iterations)}
    save(sheet(list(rows(workspace, models))), "first-minutes.jpg", 84)


if __name__ == "__main__":
    main()
