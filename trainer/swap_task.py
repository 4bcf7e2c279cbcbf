"""Training a swap: two people's faces, the swap measured, and what src lacks."""

from collections.abc import Mapping, Sequence

from facelib import expression
from facelib.coverage import DirectionGap, direction_gaps
from facelib.faceset import Faceset
from facelib.people import People, write_people
from facelib.verdict import training_verdict
from trainer import assembly
from trainer.data.split import Samplers
from trainer.monitoring.preview import PreviewFaces
from trainer.monitoring.validation import Validation
from trainer.people import check_people
from trainer.session import TrainingSession
from trainer.tasks import Task
from utils import console


class SwapTask(Task):
    """Puts src's face into dst's footage."""

    _people: People | None = None
    _gaps: Sequence[DirectionGap] = ()

    def check(self, src: Faceset, dst: Faceset) -> None:
        """Refuse people whom the model does not know."""
        options = self.options
        self._people = check_people(options.model_dir, src, dst, new_faces=options.new_faces)

    def samplers(self, session: TrainingSession, src: Faceset, dst: Faceset) -> Samplers:
        """Make the samplers as the model and the options want them."""
        return assembly.open_samplers(self.options, session, src, dst)

    def begin(self, session: TrainingSession, samplers: Samplers) -> None:
        """Record the people, and say what src lacks."""
        options = self.options
        if self._people is not None:
            write_people(options.model_dir, self._people)
        src, dst = samplers.src.faces, samplers.dst.faces
        self._gaps = direction_gaps(src, dst, mirrored=options.random_flip)
        for gap in self._gaps:
            console.warn(str(gap))
        if session.model.options.expression_head:
            _warn_of_missing_expressions(samplers)

    def preview(self, samplers: Samplers) -> PreviewFaces:
        """Choose faces of both people."""
        return PreviewFaces(samplers.src, samplers.dst)

    def measurement(self, samplers: Samplers) -> Validation | None:
        """Return the validation on held-out faces, if there are any of dst."""
        if samplers.dst_held_out is None:
            console.say("too few dst faces to hold some out; there is no validation")
            return None
        return Validation(
            samplers.src_held_out,
            samplers.dst_held_out,
            train_src=samplers.src,
            train_dst=samplers.dst,
        )

    def verdict(self, rows: Sequence[Mapping[str, float]]) -> str:
        """Say how good the swap is."""
        return training_verdict(rows, self._gaps)


def _warn_of_missing_expressions(samplers: Samplers) -> None:
    lacking: dict[str, list[str]] = {}
    for name, sampler in (("src", samplers.src), ("dst", samplers.dst)):
        for clause in expression.gaps([info for _, info in sampler.faces]):
            lacking.setdefault(clause, []).append(name)
    for clause, names in lacking.items():
        console.warn(f"{' and '.join(names)}: {clause}")
