"""What the monitor needs to know of what it shows and measures, whatever is trained."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from models.base import Prediction
from trainer.monitoring.predict import FacePredictor, Predicted
from trainer.monitoring.preview import PreviewContent
from utils.images import Image


class Preview(Protocol):
    """The faces that are shown while a model trains."""

    def columns(self, predictor: FacePredictor, page: int = 0) -> list[Prediction]:
        """Run the faces of a page through the model in its current state."""

    def draw(self, content: PreviewContent) -> Image:
        """Return the preview, (H, W, 3) uint8 BGR."""


class Measurement(Protocol):
    """What is measured of a model on faces that it is not trained on."""

    def predict(self, predictor: FacePredictor) -> Iterator[list[Predicted]]:
        """Yield all predictions so far, a few more each time; the last list is complete."""

    def metrics(self, predicted: Sequence[Predicted]) -> dict[str, float]:
        """Return what is measured, by its column in progress.csv."""
