"""The preview of a model that masks faces: images, labels, masks and what they let through."""

from collections.abc import Sequence

import cv2
import numpy as np

from models.base import Prediction
from trainer.data.mask_sampler import is_labeled
from trainer.data.sampler import Sampler
from trainer.monitoring import plots
from trainer.monitoring.plots import DARK, DIM, write
from trainer.monitoring.predict import CHUNK, FacePredictor
from trainer.monitoring.preview import (
    CURVES,
    GAP,
    HEADER,
    LABELS,
    PAGES,
    PreviewContent,
    write_facts,
)
from utils.images import Image, to_float, to_uint8

ROWS = CHUNK
COLUMNS = (
    ("face", ""),
    ("label", "the hull, if none is drawn"),
    ("predicted", ""),
    ("overlay", "hidden is red"),
)
SCALE = 1.6  # of the type; faces are shown at their own size
HIDDEN = np.array([0.24, 0.16, 0.9], np.float32)  # BGR
TINT = 0.6


class MaskPreview:
    """The faces of the preview: always the same, held-out ones first, in pages.

    Parameters
    ----------
    src, dst : sequence of Sampler
        Of each side, the most interesting first.
    """

    def __init__(self, src: Sequence[Sampler], dst: Sequence[Sampler]) -> None:
        self._chosen = [_choose(side) for side in (src, dst)]
        self._pages: dict[int, list[Image]] = {}

    def columns(self, predictor: FacePredictor, page: int = 0) -> list[Prediction]:
        """Run the faces of a page through the model: src and its masks, dst and its masks."""
        if page not in self._pages:
            self._pages[page] = [_page(side, page) for side in self._chosen]
        src, dst = (to_float(samples) for samples in self._pages[page])
        predicted = predictor(src[..., :3], dst[..., :3])
        of_src = Prediction(src[..., :3], src[..., 3:]), predicted.src
        return [*of_src, Prediction(dst[..., :3], dst[..., 3:]), predicted.dst]

    def draw(self, content: PreviewContent) -> Image:
        """Return the preview, (H, W, 3) uint8 BGR."""
        src, of_src, dst, of_dst = content.columns
        top, bottom = round(HEADER * SCALE), round(CURVES * SCALE)
        halves = [_half("src", src, of_src), _half("dst", dst, of_dst)]
        gap = np.full((len(halves[0]), GAP, 3), DARK, np.uint8)
        faces = np.hstack([halves[0], gap, halves[1]])
        canvas = np.full((top + len(faces) + bottom, faces.shape[1], 3), DARK, np.uint8)
        write_facts(canvas[:top], content.facts, SCALE)
        canvas[top : top + len(faces)] = faces
        areas = np.array_split(canvas[top + len(faces) :], 2 if content.metrics else 1, axis=1)
        plots.draw_losses(areas[0], content.history, content.names, SCALE, content.last)
        if content.metrics:
            plots.draw_masks(areas[1], content.metrics, content.iteration, SCALE)
        return canvas


def _choose(samplers: Sequence[Sampler]) -> list[tuple[Sampler, int]]:
    """Return the faces of a side in the order in which they are shown, enough for all pages."""
    labeled, others = list[tuple[Sampler, int]](), list[tuple[Sampler, int]]()
    for sampler in samplers:
        for index, (_, info) in enumerate(sampler.faces):
            (labeled if is_labeled(info) else others).append((sampler, index))
    wanted = ROWS * PAGES
    steps = np.linspace(0, len(others) - 1, min(wanted, len(others))).round().astype(int)
    chosen = labeled[:wanted] + [others[step] for step in steps]
    rounds = -(-wanted // len(chosen))
    return (chosen * rounds)[:wanted]


def _page(chosen: Sequence[tuple[Sampler, int]], page: int) -> Image:
    """Return the faces of a page with their labels, (ROWS, R, R, 4) uint8."""
    rows = chosen[page * ROWS : (page + 1) * ROWS]
    return np.stack([sampler.plain(index) for sampler, index in rows])


def _half(side: str, labeled: Prediction, predicted: Prediction) -> Image:
    """Draw one side: each row a face, its label, its mask, and both together."""
    assert labeled.mask is not None
    assert predicted.mask is not None
    gray = [np.repeat(mask, 3, axis=3) for mask in (labeled.mask, predicted.mask)]
    hidden = TINT * (1 - predicted.mask)
    overlay = labeled.image * (1 - hidden) + hidden * HIDDEN
    columns = [labeled.image, *gray, overlay]
    grid = np.hstack([to_uint8(np.concatenate(list(column))) for column in columns])
    titles = np.full((round(LABELS * SCALE), grid.shape[1], 3), DARK, np.uint8)
    cells = np.array_split(titles, len(COLUMNS), axis=1)
    for cell, (name, about) in zip(cells, COLUMNS, strict=True):
        left = round(6 * SCALE)
        write(cell, f"{side} {name}", (left, round(17 * SCALE)), round(15 * SCALE))
        write(cell, about, (left, round(33 * SCALE)), round(12 * SCALE), DIM)
    return cv2.vconcat([titles, grid])
