"""The preview image: faces, masks and swaps above curves; and images of training samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np

from models.base import Batch, Prediction
from trainer.data.sampler import Sampler
from trainer.monitoring import plots
from trainer.monitoring.predict import CHUNK, FacePredictor
from utils.images import Image, to_float, to_uint8

ROWS = CHUNK
PAGES = 4  # sets of faces to page through
COLUMNS = ("src", "src rec", "dst", "dst rec", "swap")
TILE = 128  # smallest side of a face in the preview, pixels
OUTSIDE = 0.25  # brightness of what is outside a mask


@dataclass(frozen=True, eq=False)
class PreviewContent:
    """Everything a preview shows, captured at one moment; drawing it needs no network.

    Attributes
    ----------
    columns : sequence of Prediction
        N faces for each of COLUMNS.
    history : (iterations, losses) float32
        The losses so far; `names` are its columns.
    metrics : sequence of mapping
        Rows of the validation log.
    last : int
        Number of recent iterations whose losses are drawn (0: all).
    """

    columns: Sequence[Prediction]
    history: np.ndarray
    names: Sequence[str]
    iteration: int
    metrics: Sequence[Mapping[str, float]] = field(default_factory=list)
    last: int = 0

    @property
    def caption(self) -> str:
        """The text below the losses."""
        part = f", losses of the last {self.last}" if self.last else ""
        return f"iteration {self.iteration}{part}"


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
        return [_split(src), predicted.src, _split(dst), predicted.dst, predicted.swap]


def _spread(sampler: Sampler, rows: int, page: int) -> Image:
    picks = np.linspace(0, len(sampler.faces) - 1, rows * PAGES).round().astype(int)
    return np.stack([sampler.plain(int(pick)) for pick in picks[page::PAGES]])


def _split(samples: Image) -> Prediction:
    return Prediction(samples[..., :3], samples[..., 3:])


def draw(content: PreviewContent) -> Image:
    """Return the preview, (H, W, 3) uint8 BGR.

    Faces on the left, the same with everything outside their masks darkened on the right, curves
    below.
    """
    plain = _grid([faces.image for faces in content.columns])
    masked = _grid([_masked(faces) for faces in content.columns])
    gap = np.full((len(plain), 8, 3), plots.DARK, np.uint8)
    faces = np.hstack([plain, gap, masked])
    width = faces.shape[1]
    rows = content.metrics
    panels = [partial(plots.reconstruction_curves, rows)] if rows else []
    if any(np.isfinite(row["swap_quality"]) for row in rows):
        panels.append(partial(plots.swap_curves, rows))
    part = width // (len(panels) + 1)
    curves = [panel(part) for panel in panels]
    rest = width - part * len(panels)
    losses = plots.loss_curves(content.history, content.names, content.caption, rest, content.last)
    return np.vstack([faces, np.hstack([losses, *curves])])


def _masked(faces: Prediction) -> Image:
    """Darken what is outside the mask; a model without masks darkens nothing."""
    if faces.mask is None:
        return np.asarray(faces.image)
    return np.asarray(faces.image * (OUTSIDE + (1 - OUTSIDE) * faces.mask))


def _grid(columns: Sequence[Image]) -> Image:
    """Put columns of (N, R, R, 3) float images side by side under their names."""
    side = columns[0].shape[1]
    strips = [to_uint8(np.concatenate(list(column))) for column in columns]
    grid = _enlarged(np.hstack(strips), side)
    labels = np.full((20, grid.shape[1], 3), plots.DARK, np.uint8)
    for number, name in enumerate(COLUMNS):
        plots.write(labels, name, (number * grid.shape[1] // len(COLUMNS) + 4, 14))
    return np.vstack([labels, grid])


def draw_samples(batches: Sequence[Batch]) -> Image:
    """Draw training samples: one per row, for each side its input, target and mask."""
    columns = []
    for batch in batches:
        mask = np.repeat(batch.mask, 3, axis=-1)
        columns += [np.concatenate(list(part)) for part in (batch.warped, batch.target, mask)]
    return _enlarged(np.hstack(columns), batches[0].mask.shape[1])


def _enlarged(image: Image, side: int) -> Image:
    """Enlarge a grid of faces of `side` pixels to at least about TILE pixels each."""
    factor = max(1, round(TILE / side))
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
