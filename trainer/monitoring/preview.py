"""The preview image: faces, masks and swaps beside or above curves; and training samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np

from models.base import Batch, Prediction
from trainer.data.sampler import Sampler
from trainer.monitoring import plots
from trainer.monitoring.plots import DARK, DIM, LIGHT, write
from trainer.monitoring.predict import CHUNK, FACTORS, FacePredictor
from utils import text
from utils.images import Image, to_float, to_uint8

ROWS = CHUNK
PAGES = 4  # sets of faces to page through
COLUMNS = (
    ("src", "original"),
    ("src", "reconstructed"),
    ("dst", "original"),
    ("dst", "reconstructed"),
    ("swap", "src's face on dst"),
)
MORPHS = (
    ("morph 0", "dst's own face"),
    *((f"morph {factor}", "") for factor in FACTORS),
    ("morph 1", "src's face on dst"),
)
"""The right half of a model that morphs."""
PLAIN_TITLE = "Faces, and what the model makes of them"
MASKED_TITLE = "The same, darkened outside the mask"
MORPHED_TITLE = "How far the face morphs, darkened outside the mask"
SAMPLE_COLUMNS = ("src input", "src target", "src mask", "dst input", "dst target", "dst mask")
TILE = 128  # smallest side of a face in the preview, pixels
WIDTH = 2 * len(COLUMNS) * TILE
"""Width of the sheet with the smallest faces; sizes are given for it, and grow with the sheet."""
GAP, HEADER, TITLE, LABELS, CURVES = 8, 36, 28, 40, 236
"""Between the halves; heights of the facts, a half's title, the columns' titles, and the curves."""
OUTSIDE = 0.25  # brightness of what is outside a mask


@dataclass(frozen=True, eq=False)
class PreviewContent:
    """Everything a preview shows, captured at one moment; drawing it needs no network.

    Attributes
    ----------
    columns : sequence of Prediction
        N faces for each of COLUMNS; then for each of MORPHS, if the model morphs.
    history : (iterations, losses) float32
        The losses so far; `names` are its columns.
    metrics : sequence of mapping
        Rows of the validation log.
    facts : sequence of str
        How far the training is, in a few words each.
    last : int
        Number of recent iterations whose losses are drawn (0: all).
    """

    columns: Sequence[Prediction]
    history: np.ndarray
    names: Sequence[str]
    iteration: int
    metrics: Sequence[Mapping[str, float]] = field(default_factory=list)
    facts: Sequence[str] = ()
    last: int = 0


class PreviewFaces:
    """The faces of the preview: always the same, in pages spread over each faceset."""

    def __init__(self, src: Sampler, dst: Sampler) -> None:
        self._src, self._dst = src, dst
        self._pages: dict[int, tuple[Image, Image]] = {}

    def columns(self, predictor: FacePredictor, page: int = 0) -> list[Prediction]:
        """Run the faces of a page through the model in its current state."""
        if page not in self._pages:
            rows = min(ROWS, len(self._src.faces), len(self._dst.faces))
            self._pages[page] = _spread(self._src, rows, page), _spread(self._dst, rows, page)
        src, dst = map(to_float, self._pages[page])
        predicted = predictor(src[..., :3], dst[..., :3])
        shown = [_split(src), predicted.src, _split(dst), predicted.dst, predicted.swap]
        between = predictor.morphed(dst[..., :3])
        return [*shown, predicted.dst, *between, predicted.swap] if between else shown

    def draw(self, content: PreviewContent) -> Image:
        """Return the preview, (H, W, 3) uint8 BGR."""
        return draw(content)


def _spread(sampler: Sampler, rows: int, page: int) -> Image:
    picks = np.linspace(0, len(sampler.faces) - 1, rows * PAGES).round().astype(int)
    return np.stack([sampler.plain(int(pick)) for pick in picks[page::PAGES]])


def _split(samples: Image) -> Prediction:
    return Prediction(samples[..., :3], samples[..., 3:])


@dataclass(frozen=True)
class Sheet:
    """Where the parts of the preview are, in pixels.

    Attributes
    ----------
    rows : int
        Number of faces in a column.
    tile : int
        Side of a face.
    masked : bool
        Whether the right half shows masks, and the curves are below; else they are to the right.
    panels : int
        Number of areas with curves.
    """

    rows: int
    tile: int
    masked: bool
    panels: int

    def px(self, pixels: float) -> int:
        """Return a size given for a sheet `WIDTH` wide."""
        return round(pixels * self.scale)

    @property
    def scale(self) -> float:
        """How much larger than the smallest sheet this one is."""
        return self.tile / TILE

    @property
    def half(self) -> int:
        """Width of the faces in a row."""
        return len(COLUMNS) * self.tile

    @property
    def faces(self) -> tuple[int, int]:
        """The upper and the lower edge of the faces."""
        top = sum(map(self.px, (HEADER, TITLE, LABELS)))
        return top, top + self.rows * self.tile

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        bottom, curves = self.faces[1], self.px(CURVES)
        beside = self.px(HEADER) + self.panels * curves * 3 // 4
        return bottom + curves if self.masked else max(bottom, beside), 2 * self.half + self.px(GAP)

    def curves(self, canvas: Image) -> list[Image]:
        """Return the areas of the curves."""
        if self.masked:
            return np.array_split(canvas[self.faces[1] :], self.panels, axis=1)
        return np.array_split(canvas[self.px(HEADER) :, self.half + self.px(GAP) :], self.panels)


def draw(content: PreviewContent) -> Image:
    """Return the preview, (H, W, 3) uint8 BGR.

    Faces on the left, the same with everything outside their masks darkened on the right, or how
    far they morph; curves below. Without predicted masks the curves are on the right.
    """
    plain, morphs = content.columns[: len(COLUMNS)], content.columns[len(COLUMNS) :]
    rows, side = content.columns[0].image.shape[:2]
    masked = all(faces.mask is not None for faces in content.columns)
    panels = _panels(content)
    sheet = Sheet(rows, _enlargement(side) * side, masked, len(panels))
    canvas = np.full((*sheet.size, 3), DARK, np.uint8)
    write_facts(canvas[: sheet.px(HEADER)], content.facts, sheet.scale)
    _draw_half(canvas[:, : sheet.half], PLAIN_TITLE, [faces.image for faces in plain], sheet)
    if masked:
        images, right = [_masked(faces) for faces in morphs or plain], sheet.half + sheet.px(GAP)
        title, names = (MORPHED_TITLE, MORPHS) if morphs else (MASKED_TITLE, COLUMNS)
        _draw_half(canvas[:, right:], title, images, sheet, names)
    for panel, area in zip(panels, sheet.curves(canvas), strict=True):
        panel(area, scale=sheet.scale)
    return canvas


def _panels(content: PreviewContent) -> list[Callable[..., None]]:
    """Return what draws the losses, and the metrics as far as they are known."""
    rows, iteration = content.metrics, content.iteration
    panels: list[Callable[..., None]] = [
        partial(plots.draw_losses, history=content.history, names=content.names, last=content.last)
    ]
    if rows:
        panels.append(partial(plots.draw_reconstruction, rows=rows, iteration=iteration))
    if any(np.isfinite(row["swap_quality"]) for row in rows):
        panels.append(partial(plots.draw_swap, rows=rows, iteration=iteration))
    return panels


def write_facts(area: Image, facts: Sequence[str], scale: float) -> None:
    """Write the facts in one line; the first stands out."""
    size, between = round(17 * scale), round(26 * scale)
    while size > 7 and sum(text.width(fact, size) + between for fact in facts) > area.shape[1]:
        size -= 1
    x = round(plots.MARGIN * scale)
    for number, fact in enumerate(facts):
        write(area, fact, (x, round(25 * scale)), size, DIM if number else LIGHT)
        x += text.width(fact, size) + between


def _masked(faces: Prediction) -> Image:
    """Darken what is outside the mask."""
    assert faces.mask is not None
    return np.asarray(faces.image * (OUTSIDE + (1 - OUTSIDE) * faces.mask))


def _draw_half(
    area: Image,
    title: str,
    columns: Sequence[Image],
    sheet: Sheet,
    names: Sequence[tuple[str, str]] = COLUMNS,
) -> None:
    """Draw columns of (N, R, R, 3) float faces under their titles."""
    top, bottom = sheet.faces
    left, baseline = sheet.px(6), sheet.px(HEADER + 19)
    write(area, title, (left, baseline), sheet.px(plots.TITLE_SIZE))
    for number, (name, about) in enumerate(names):
        cell = area[:, number * sheet.tile : (number + 1) * sheet.tile]
        write(cell, name, (left, top - sheet.px(25)), sheet.px(15))
        write(cell, about, (left, top - sheet.px(8)), sheet.px(13), DIM)
    strips = [to_uint8(np.concatenate(list(column))) for column in columns]
    area[top:bottom, : sheet.half] = _enlarged(np.hstack(strips), columns[0].shape[1])


def draw_samples(batches: Sequence[Batch]) -> Image:
    """Draw training samples: one per row, for each side its input, target and mask."""
    columns = []
    for batch in batches:
        mask = np.repeat(batch.mask, 3, axis=-1)
        columns += [np.concatenate(list(part)) for part in (batch.warped, batch.target, mask)]
    side = batches[0].mask.shape[1]
    grid = _enlarged(np.hstack(columns), side)
    tile = side * _enlargement(side)
    titles = np.full((round(28 * tile / TILE), grid.shape[1], 3), DARK, np.uint8)
    for number, name in enumerate(SAMPLE_COLUMNS):
        cell = titles[:, number * tile : (number + 1) * tile]
        write(
            cell, name, (round(6 * tile / TILE), round(19 * tile / TILE)), round(15 * tile / TILE)
        )
    return np.vstack([titles, grid])


def _enlarged(image: Image, side: int) -> Image:
    """Enlarge a grid of faces of `side` pixels to at least TILE pixels each."""
    factor = _enlargement(side)
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def _enlargement(side: int) -> int:
    """Return the whole number by which faces of `side` pixels are enlarged."""
    return -(-TILE // side)
