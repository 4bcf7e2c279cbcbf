"""Validation of masks: held-out labeled faces are masked and compared with their labels."""

from collections.abc import Iterator, Sequence

import numpy as np

from facelib.similarity import boundary_score, mask_overlap, spread_out
from trainer.data.sampler import Sampler
from trainer.monitoring.predict import CHUNK, FacePredictor, Predicted
from utils.images import to_float

FACES = 64  # at most, of each side


class MaskValidation:
    """Measures a model on faces with a label.

    Parameters
    ----------
    samplers : sequence of Sampler
        Of the held-out faces.
    """

    def __init__(self, samplers: Sequence[Sampler]) -> None:
        self._faces = to_float(
            np.stack([
                sampler.plain(index)
                for sampler in samplers
                for index in spread_out(len(sampler.faces), FACES).tolist()
            ])
        )

    def predict(self, predictor: FacePredictor) -> Iterator[list[Predicted]]:
        """Yield all predictions so far, a few more each time; the last list is complete."""
        predicted: list[Predicted] = []
        for start in range(0, len(self._faces), CHUNK):
            part = self._faces[start : start + CHUNK, ..., :3]
            predicted.append(predictor(part, part))
            yield predicted

    def metrics(self, predicted: Sequence[Predicted]) -> dict[str, float]:
        """Return the means over the faces."""
        masks = [
            mask[..., 0]
            for chunk in predicted
            if chunk.dst.mask is not None
            for mask in chunk.dst.mask
        ]
        labels = list(self._faces[..., 3])
        pairs = list(zip(labels, masks, strict=True))
        return {
            "mask_iou": _mean([mask_overlap(*pair) for pair in pairs]),
            "mask_boundary": _mean([boundary_score(*pair) for pair in pairs]),
        }


def _mean(values: Sequence[float]) -> float:
    """Return the mean of what is known; NaN if nothing is."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
