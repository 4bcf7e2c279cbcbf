"""Validation of a base model: held-out faces go through both sides; nothing is swapped."""

from collections.abc import Iterator, Sequence

import numpy as np

from facelib.similarity import mask_overlap
from trainer.data.sampler import Sampler
from trainer.monitoring.predict import CHUNK, FacePredictor, Predicted
from trainer.monitoring.validation import median_ssim, spread_faces


class Reconstruction:
    """Measures a model on held-out faces, which are those of both sides."""

    def __init__(self, sampler: Sampler) -> None:
        self._faces = spread_faces(sampler)

    def predict(self, predictor: FacePredictor) -> Iterator[list[Predicted]]:
        """Yield all predictions so far, a few more each time; the last list is complete."""
        predicted: list[Predicted] = []
        for start in range(0, len(self._faces), CHUNK):
            part = self._faces[start : start + CHUNK, ..., :3]
            predicted.append(predictor(part, part))
            yield predicted

    def metrics(self, predicted: Sequence[Predicted]) -> dict[str, float]:
        """Return the medians over the faces."""
        sides = [
            [face for chunk in predicted for face in getattr(chunk, side).image]
            for side in ("src", "dst")
        ]
        masks = [
            mask for chunk in predicted if chunk.dst.mask is not None for mask in chunk.dst.mask
        ]
        overlaps = [mask_overlap(a, b) for a, b in zip(masks, self._faces[..., 3:], strict=False)]
        return {
            "ssim_src": median_ssim(self._faces, sides[0]),
            "ssim_dst": median_ssim(self._faces, sides[1]),
            "mask_overlap": float(np.median(overlaps)) if overlaps else np.nan,
        }
