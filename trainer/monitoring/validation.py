"""Validation: held-out faces are reconstructed, dst faces are swapped, and both are measured.

The training loss falls even while the training faces are memorized; these metrics stop improving
when the model no longer learns about faces in general. A few faces are predicted after each
training step; the metrics are computed in the background.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from facelib.similarity import mask_overlap, masked_ssim, spread_out
from trainer.data.sampler import Sampler
from trainer.monitoring.predict import CHUNK, FacePredictor, Predicted
from trainer.monitoring.swap import SwapMeasure, plain_faces
from utils.images import Image

FACES = 32  # of each side, at most


class Validation:
    """Measures a model on held-out faces, and its swap.

    Parameters
    ----------
    src : Sampler or None
        Held-out faces of src, if there are any.
    dst : Sampler
        Held-out faces of dst.
    train_src, train_dst : Sampler
        The training faces, for the swap.
    """

    def __init__(
        self, src: Sampler | None, dst: Sampler, train_src: Sampler, train_dst: Sampler
    ) -> None:
        self._swap = SwapMeasure(train_src, train_dst)
        held_out = spread_faces(dst)
        self._held_out = len(held_out)
        # what comes after the held-out faces is only swapped
        self._dst = np.concatenate([held_out, self._swap.faces])
        self._measure_src = src is not None
        self._src = held_out if src is None else spread_faces(src)

    def predict(self, predictor: FacePredictor) -> Iterator[list[Predicted]]:
        """Yield all predictions so far, a few more each time; the last list is complete."""
        predicted: list[Predicted] = []
        count = max(len(self._src), len(self._dst))
        for start in range(0, count, CHUNK):
            part = np.arange(start, min(start + CHUNK, count))
            src, dst = (side[part % len(side), ..., :3] for side in (self._src, self._dst))
            predicted.append(predictor(src, dst))
            yield predicted

    def metrics(self, predicted: Sequence[Predicted]) -> dict[str, float]:
        """Return the medians of what is measured on held-out faces, and the swap's metrics."""
        # the side with fewer faces was predicted in rounds, of which the first counts
        src = [face for chunk in predicted for face in chunk.src.image][: len(self._src)]
        dst = [face for chunk in predicted for face in chunk.dst.image]
        swaps = [face for chunk in predicted for face in chunk.swap.image][: len(self._dst)]
        masks = [
            mask for chunk in predicted if chunk.dst.mask is not None for mask in chunk.dst.mask
        ]
        held_out = self._dst[: self._held_out]
        overlaps = [mask_overlap(a, b) for a, b in zip(masks, held_out[..., 3:], strict=False)]
        return {
            "ssim_src": median_ssim(self._src, src) if self._measure_src else np.nan,
            "ssim_dst": median_ssim(held_out, dst[: self._held_out]),
            "mask_overlap": float(np.median(overlaps)) if overlaps else np.nan,
            **self._swap.metrics(swaps[self._held_out :]),
        }


def spread_faces(sampler: Sampler) -> Image:
    """Return at most FACES faces, spread over those of a sampler, (N, R, R, 4) float32."""
    return plain_faces(sampler, spread_out(len(sampler.faces), FACES).tolist())


def median_ssim(faces: Image, reconstructed: Sequence[Image]) -> float:
    """Return the median SSIM inside the masks of (N, R, R, 4) faces."""
    values = [
        masked_ssim(face[..., :3], other, face[..., 3] >= 0.5)
        for face, other in zip(faces, reconstructed, strict=True)
    ]
    return float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan
