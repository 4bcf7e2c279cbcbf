"""Training a base model: many people's faces as both sides, measured on people held out."""

from collections.abc import Mapping, Sequence
from math import isfinite

from facelib import held_out
from facelib.faceset import Faceset
from facelib.people import show_one_person
from trainer import assembly
from trainer.data.split import Samplers, make_samplers
from trainer.monitoring.preview import PreviewFaces
from trainer.monitoring.reconstruction import Reconstruction
from trainer.session import TrainingSession
from trainer.tasks import Task
from utils import console, program
from utils.errors import InputError, WeightsError


class PretrainTask(Task):
    """Learns what faces are, as a base for the models of pairs.

    Whose faces these are is neither recorded nor compared: a base knows no one.
    """

    def check(self, src: Faceset, dst: Faceset) -> None:
        """Warn of faces of one person, from which the model of another would gain little."""
        console.announce("recognizing the faces")
        try:
            one_person = show_one_person(src)
        except (WeightsError, InputError) as reason:
            console.warn(f"it is not checked whether these are many people: {reason}")
            return
        if one_person:
            console.warn(
                f'"{src.folder}" shows one person, it seems; a base for any pair needs many'
            )

    def samplers(self, session: TrainingSession, src: Faceset, dst: Faceset) -> Samplers:
        """Make the samplers of both sides, which differ in their order and in their changes."""
        rule = held_out.of_pretraining(self.options.model_dir, src, new=session.iteration == 0)
        settings = assembly.sampler_settings(self.options, session.model)
        return make_samplers(src, dst, (rule, rule), settings, session.seed)

    def begin(self, session: TrainingSession, samplers: Samplers) -> None:
        """Say what the folder is for."""
        console.say("a base model: both sides are trained on the same faces, of many people")

    def preview(self, samplers: Samplers) -> PreviewFaces:
        """Choose faces that are trained on, and beside them such as are held out."""
        return PreviewFaces(samplers.src, samplers.dst_held_out or samplers.dst)

    def measurement(self, samplers: Samplers) -> Reconstruction | None:
        """Return the validation on held-out faces, if there are any."""
        if samplers.dst_held_out is None:
            console.say("too few faces to hold some out; there is no validation")
            return None
        return Reconstruction(samplers.dst_held_out)

    def verdict(self, rows: Sequence[Mapping[str, float]]) -> str:
        """Say how alike held-out faces come out."""
        known = [row for row in rows if isfinite(row["ssim_src"])]
        if not known:
            return ""
        last = known[-1]
        return (
            f"Held-out faces come out with a similarity of {last['ssim_src']:.3f} as src and "
            f"{last['ssim_dst']:.3f} as dst (1 is identical); when that stops rising, the base "
            "gains little from more training."
        )

    def finish(
        self, session: TrainingSession, samplers: Samplers, *, hurried: bool
    ) -> tuple[str, ...]:
        """Name the command that begins a pair from the base."""
        folder = program.quoted(str(self.options.model_dir))
        model = session.save_settings.options["model"]
        return "begin a pair from it", f"train --model {model} --load-weights {folder}"
