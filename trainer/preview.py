"""Pictures of how training goes: faces, masks and swaps, the losses as curves, and raw samples."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.base import Batch, Faces, ModelBase
from trainer.sampler import Sampler
from utils.images import to_float, to_uint8, write_image

Image = np.ndarray

ROWS = 4
COLUMNS = ("src", "src rec", "dst", "dst rec", "swap")
TILE = 128  # faces are drawn at least this large
CURVE_HEIGHT = 160
GREY, DARK, LIGHT = 200, 24, 235
OUTSIDE = 0.25  # how bright the part outside a mask is drawn
COLORS = ((235, 130, 40), (40, 170, 250), (90, 200, 90), (200, 90, 200))  # BGR, one per loss


class Preview:
    """The preview of one run: the same faces every time, spread over each faceset."""

    def __init__(self, model: ModelBase, src: Sampler, dst: Sampler) -> None:
        self.model = model
        rows = min(ROWS, len(src.faces), len(dst.faces))
        self.src, self.dst = _spread(src, rows), _spread(dst, rows)

    def draw(self, history: np.ndarray, names: Sequence[str], caption: str) -> Image:
        """Return the preview, (H, W, 3) uint8 BGR.

        Faces on the left, on the right the same with all but their masks darkened, losses below.
        """
        src, dst = to_float(self.src), to_float(self.dst)
        src_rec, dst_rec = self.model.reconstruct(src[..., :3], dst[..., :3])
        swap = self.model.swap(dst[..., :3])
        columns = [_split(src), _arrays(src_rec), _split(dst), _arrays(dst_rec), _arrays(swap)]
        plain = _grid([image for image, _ in columns])
        masked = _grid([image * (OUTSIDE + (1 - OUTSIDE) * mask) for image, mask in columns])
        gap = np.full((len(plain), 8, 3), DARK, np.uint8)
        faces = np.hstack([plain, gap, masked])
        return np.vstack([faces, curve(history, names, caption, faces.shape[1])])


def _spread(sampler: Sampler, count: int) -> Image:
    picks = np.linspace(0, len(sampler.faces) - 1, count).round().astype(int)
    return np.stack([sampler.plain(int(pick)) for pick in picks])


def _split(samples: Image) -> tuple[Image, Image]:
    return samples[..., :3], samples[..., 3:]


def _arrays(faces: Faces) -> tuple[Image, Image]:
    """Return pictures and masks; a model without masks darkens nothing."""
    image = np.asarray(faces.image)
    return image, np.ones_like(image[..., :1]) if faces.mask is None else np.asarray(faces.mask)


def _grid(columns: Sequence[Image]) -> Image:
    """Put columns of (N, R, R, 3) float pictures side by side under their names."""
    side = columns[0].shape[1]
    strips = [to_uint8(np.concatenate(list(column))) for column in columns]
    grid = _enlarged(np.hstack(strips), side)
    labels = np.full((20, grid.shape[1], 3), DARK, np.uint8)
    for number, name in enumerate(COLUMNS):
        _write(labels, name, (number * grid.shape[1] // len(COLUMNS) + 4, 14))
    return np.vstack([labels, grid])


def curve(history: np.ndarray, names: Sequence[str], caption: str, width: int) -> Image:
    """Draw the losses: per column of pixels a bar from the least to the greatest of its iterations.

    Parameters
    ----------
    history : (iterations, losses) float32; columns whose name holds "mask" are left out
    names : names of the columns
    caption : written into a corner
    width : pixels

    Returns
    -------
    image : (CURVE_HEIGHT, width, 3) uint8 BGR; the top is twice the mean of the last four fifths
    """
    image = np.full((CURVE_HEIGHT, width, 3), DARK, np.uint8)
    image[:: CURVE_HEIGHT // 5] = 60
    shown = [i for i, name in enumerate(names) if "mask" not in name]
    if len(history) and shown:
        losses = history[:, shown]
        top = max(2 * float(losses[len(losses) // 5 :].mean()), 1e-6)
        for number in range(len(shown)):
            _bars(image, losses[:, number] / top, COLORS[number % len(COLORS)])
        _write(image, f"{top:.4f}", (width - 70, 14))
    for number, index in enumerate(shown):
        _write(image, names[index], (8 + 80 * number, 14), COLORS[number % len(COLORS)])
    _write(image, caption, (8, CURVE_HEIGHT - 8))
    return image


def _bars(image: Image, values: np.ndarray, color: tuple[int, int, int]) -> None:
    """Draw (n,) values, 1 at the top, over the whole width."""
    height, width = image.shape[:2]
    edges = np.arange(width + 1) * len(values) // width
    for x in range(width):
        # from the value before, so that the bars join
        part = values[max(edges[x] - 1, 0) : max(edges[x + 1], edges[x] + 1)]
        low, high = (
            round((height - 1) * (1 - min(max(v, 0), 1))) for v in (part.min(), part.max())
        )
        image[high : low + 1, x] = color


def _write(
    image: Image, text: str, at: tuple[int, int], color: tuple[int, int, int] = (LIGHT,) * 3
) -> None:
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, 1, cv2.LINE_AA)


def write_samples(path: Path, batches: Sequence[Batch]) -> None:
    """Write what the sampler feeds: one row per sample, for each side warped, target and mask."""
    columns = []
    for batch in batches:
        mask = np.repeat(batch.mask, 3, axis=-1)
        columns += [np.concatenate(list(part)) for part in (batch.warped, batch.target, mask)]
    write_image(path, _enlarged(np.hstack(columns), batches[0].mask.shape[1]))


def _enlarged(image: Image, side: int) -> Image:
    """Enlarge a grid of faces of `side` pixels, so that they can be looked at."""
    factor = max(1, round(TILE / side))
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
