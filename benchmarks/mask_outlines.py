"""Outlines of a JSON file on extracted faces: draw some, and measure masks against the others.

    python -m benchmarks.mask_outlines draw --faces FACES --outlines tests/data/hand_over_face.json
    python main.py train --model MASK --training-data-src-dir FACES ...
    python -m benchmarks.mask_outlines measure --faces FACES --outlines ... --model-dir MODEL

`draw` gives the faces of the file's frames `drawn` their label, as `util draw-masks` does, and
takes it from all others. `measure` compares the masks of the frames `held_out`: those of a model,
or without one the hulls. In 256 pixels; IoU: what both masks show, of what one does; `hidden`: the
same of what they hide inside the hull; `left in`: the share of the hidden part that the mask still
shows; `left out`: of the visible part that it hides; `edge`: of the edges, how much lies within two
pixels of the other edge, both ways. The file's format: tests/data/hand_over_face.json.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import cv2
import numpy as np

from facelib import face_mask, mask_label
from facelib.faceset import Faceset, read_pixels, write_face
from facelib.frame_edge import mirror_beyond_frame
from facelib.similarity import boundary_score, mask_overlap
from utils.images import write_image

SIDE = 256
COLUMNS = 5  # of a sheet


class Scores(NamedTuple):
    """How a mask compares with the true one; see the module."""

    iou: float
    hidden: float
    left_in: float
    left_out: float
    edge: float


def label_of(outlines: list[list[list[float]]]) -> mask_label.MaskLabel:
    """Return the label that hides some outlines, of points in the frame."""
    return mask_label.MaskLabel(
        tuple(
            mask_label.Shape(mask_label.POLYGON, include=False, points=np.array(points, np.float64))
            for points in outlines
        )
    )


def draw(faces: Path, outlines: Path) -> None:
    """Give the faces of the frames `drawn` their labels, and all others none."""
    drawn = json.loads(outlines.read_text())["drawn"]
    count = 0
    for path, info in Faceset.open(faces):
        points = drawn.get(str(info.frame_index))
        label = None if points is None else label_of(points)
        count += label is not None
        if label is not None or info.mask_label is not None:
            write_face(path, read_pixels(path), replace(info, mask_label=label))
    print(f"{count} of {len(drawn)} labels are on faces now")


class Sample(NamedTuple):
    """A face to measure, in `SIDE` pixels: its image, true mask and hull; 0 beyond the frame."""

    frame: int
    image: np.ndarray
    true: np.ndarray
    hull: np.ndarray
    in_frame: np.ndarray


def held_out(faces: Path, outlines: Path) -> Iterator[Sample]:
    """Yield the faces to measure."""
    wanted = json.loads(outlines.read_text())["held_out"]
    for path, info in Faceset.open(faces):
        points = wanted.get(str(info.frame_index))
        if points is None:
            continue
        image = cv2.resize(read_pixels(path), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        matrix = mask_label.matrix_to(info, SIDE)
        image, seen = mirror_beyond_frame(image, matrix, info.frame_size)
        in_frame = np.ones((SIDE, SIDE), bool) if seen is None else seen
        true = mask_label.draw(label_of(points), info, SIDE)
        hull = face_mask.mask_from(face_mask.HULL, info, SIDE)
        yield Sample(info.frame_index, image, true * in_frame, hull * in_frame, in_frame)


def compare(mask: np.ndarray, true: np.ndarray, hull: np.ndarray) -> Scores:
    """Compare a mask (n, n) float32 with the true one."""
    shows, visible, inside = (image >= 0.5 for image in (mask, true, hull))
    gone, missing = inside & ~shows, inside & ~visible
    return Scores(
        mask_overlap(mask, true),
        mask_overlap(gone, missing) if missing.any() else np.nan,
        (missing & shows).sum() / missing.sum() if missing.any() else np.nan,
        (visible & ~shows).sum() / visible.sum(),
        boundary_score(mask, true),
    )


def drawn_over(image: np.ndarray, mask: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return an image with what a mask hides in red, and the true edge in green."""
    shown = image.astype(np.float32)
    shown += (1 - mask[..., None]) * 0.5 * (np.array([40, 40, 255], np.float32) - shown)
    visible = (true >= 0.5).astype(np.uint8)
    shown[visible > cv2.erode(visible, np.ones((3, 3), np.uint8))] = (0, 255, 0)
    return shown.astype(np.uint8)


def measure(faces: Path, outlines: Path, model_dir: Path | None, sheet: Path | None) -> None:
    """Print how good the masks of the held-out faces are."""
    samples = list(held_out(faces, outlines))
    masks = [sample.hull for sample in samples]
    if model_dir is not None:
        from models.mask_predictor import MaskPredictor

        predicted = MaskPredictor(model_dir)(np.stack([sample.image for sample in samples]))
        masks = [mask * sample.in_frame for mask, sample in zip(predicted, samples, strict=True)]
    pairs = list(zip(samples, masks, strict=True))
    rows = [compare(mask, sample.true, sample.hull) for sample, mask in pairs]
    print("frame    IoU  hidden  left in  left out   edge")
    for sample, row in zip(samples, rows, strict=True):
        print(f"{sample.frame:5}", _row(row))
    print(" mean", _row(Scores(*np.nanmean(rows, axis=0))))
    if sheet is not None:
        tiles = [drawn_over(sample.image, mask, sample.true) for sample, mask in pairs]
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
        starts = range(0, len(tiles), COLUMNS)
        lines = [np.hstack(tiles[start : start + COLUMNS]) for start in starts]
        write_image(sheet, np.ascontiguousarray(np.vstack(lines)))


def _row(scores: Scores) -> str:
    iou, hidden, left_in, left_out, edge = scores
    return f"{iou:6.3f} {hidden:6.3f} {left_in:8.3f} {left_out:9.3f} {edge:6.3f}"


def main() -> None:
    """Draw or measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("draw", "measure"))
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--outlines", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, help="of MASK; without it the hull is measured")
    parser.add_argument("--sheet", type=Path, help="a PNG with all measured faces")
    arguments = parser.parse_args()
    if arguments.what == "draw":
        draw(arguments.faces, arguments.outlines)
    else:
        measure(arguments.faces, arguments.outlines, arguments.model_dir, arguments.sheet)


if __name__ == "__main__":
    main()
