"""What differs between trainings: the samples, what is measured and shown, and what is said."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from facelib.faceset import Faceset
from trainer.data.split import Samplers
from trainer.monitoring.watched import Measurement, Preview
from trainer.options import TrainOptions
from trainer.session import TrainingSession


class Task(ABC):
    """What a model is trained for; one object serves one run.

    The methods are called in this order.
    """

    def __init__(self, options: TrainOptions) -> None:
        self.options = options

    @abstractmethod
    def check(self, src: Faceset, dst: Faceset) -> None:
        """Refuse faces that this cannot be learned from, before the network is built."""

    @abstractmethod
    def samplers(self, session: TrainingSession, src: Faceset, dst: Faceset) -> Samplers:
        """Split the faces and make the samplers of both sides."""

    @abstractmethod
    def begin(self, session: TrainingSession, samplers: Samplers) -> None:
        """Say what cannot be learned from these faces, and record what is to be known of them."""

    @abstractmethod
    def preview(self, samplers: Samplers) -> Preview:
        """Choose the faces that are shown."""

    @abstractmethod
    def measurement(self, samplers: Samplers) -> Measurement | None:
        """Return what measures the model; None, and say why, if nothing can."""

    @abstractmethod
    def verdict(self, rows: Sequence[Mapping[str, float]]) -> str:
        """Say what the rows of progress.csv mean; empty for nothing."""

    def finish(
        self, session: TrainingSession, samplers: Samplers, *, hurried: bool
    ) -> tuple[str, ...]:
        """Do what is left when the model is saved, in seconds where the user waits.

        Returns
        -------
        then : tuple of str
            As `Report.then`.
        """
        return ()
