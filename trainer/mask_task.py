"""Training masks: labeled faces, the masks measured on held-out labels, and what to draw next."""

from collections.abc import Mapping, Sequence
from math import isfinite

from facelib import held_out
from facelib.faceset import FaceFiles, Faceset
from facelib.held_out import SIDES
from trainer import to_label
from trainer.data.mask_sampler import MaskSampler, is_labeled
from trainer.data.sampler import Sampler, SamplerSettings
from trainer.data.split import Samplers
from trainer.monitoring.mask_preview import MaskPreview
from trainer.monitoring.mask_validation import MaskValidation
from trainer.session import TrainingSession
from trainer.tasks import Task
from utils import console, program
from utils.errors import InputError
from utils.wording import counted

LOOKED_AT, HURRIED = 1000, 100  # faces in which the least sure are looked for


class MaskTask(Task):
    """Tells where faces are visible."""

    def check(self, src: Faceset, dst: Faceset) -> None:
        """Refuse faces of which none is labeled."""
        if not any(is_labeled(info) for faces in (src, dst) for _, info in faces):
            raise InputError(
                f'no face in "{src.folder}" and "{dst.folder}" is labeled; draw masks on ten or '
                f'more first: "{program.command("util draw-masks --input-dir FACES")}"'
            )

    def samplers(self, session: TrainingSession, src: Faceset, dst: Faceset) -> Samplers:
        """Make samplers of labeled and other faces; a side without labels borrows them."""
        model, sides = session.model, (src, dst)
        settings = SamplerSettings(
            model.face_type, model.resolution, random_flip=self.options.random_flip
        )
        rules = held_out.of_labels(
            self.options.model_dir, *map(_labeled, sides), new=session.iteration == 0
        )
        parts = [rule.split(faces) for rule, faces in zip(rules, sides, strict=True)]
        drawn = [_not_held_out(faces, rest) for faces, (_, rest) in zip(sides, parts, strict=True)]
        trained, tested = [], []
        for side, (faces, rest) in enumerate(parts):
            others = [face for face in faces if not is_labeled(face[1])]
            seed = session.seed, side
            trained.append(MaskSampler(drawn[side] or drawn[1 - side], others, settings, seed))
            known = _labeled(rest)
            tested.append(MaskSampler(known, [], settings, seed) if known else None)
        self._held_out = [len(sampler.faces) if sampler else 0 for sampler in tested]
        self._drawn = [len(faces) for faces in drawn]
        return Samplers(*trained, *tested)

    def begin(self, session: TrainingSession, samplers: Samplers) -> None:
        """Say how many faces are labeled."""
        counts = zip(SIDES, self._drawn, self._held_out, strict=True)
        said = [f"{side} {drawn}, and {out} held out" for side, drawn, out in counts]
        console.say(f"labels  {'; '.join(said)}")

    def preview(self, samplers: Samplers) -> MaskPreview:
        """Choose faces of both sides, held-out ones first."""
        return MaskPreview(
            _known(samplers.src_held_out, samplers.src), _known(samplers.dst_held_out, samplers.dst)
        )

    def measurement(self, samplers: Samplers) -> MaskValidation | None:
        """Return the validation on held-out labels, if there are any."""
        tested = _known(samplers.src_held_out, samplers.dst_held_out)
        if not tested:
            console.say(
                f"too few labeled faces to hold some out ({held_out.MIN_LABELS} of one side are "
                "enough); there is no validation"
            )
        return MaskValidation(tested) if tested else None

    def verdict(self, rows: Sequence[Mapping[str, float]]) -> str:
        """Say how well the masks match the held-out labels."""
        measured = [row for row in rows if isfinite(row["mask_iou"])]
        if not measured:
            return ""
        overlap, boundary = measured[-1]["mask_iou"], measured[-1]["mask_boundary"]
        return (
            f"On held-out labels the masks overlap by {overlap:.3f} (1 is exact), and "
            f"{boundary:.0%} of their edges are within 2 pixels."
        )

    def finish(
        self, session: TrainingSession, samplers: Samplers, *, hurried: bool
    ) -> tuple[str, ...]:
        """List the faces that are worth drawing next, and name the command that draws them."""
        sides = [
            (name, MaskSampler([], others, sampler.settings, sampler.seed))
            for name, sampler in (("src", samplers.src), ("dst", samplers.dst))
            if (others := [face for face in sampler.faces if not is_labeled(face[1])])
        ]
        if not (session.steps_done and sides):
            return ()
        console.announce("looking for the faces to draw next")
        faces = to_label.find(session.output_model, sides, HURRIED if hurried else LOOKED_AT)
        path = to_label.write(self.options.model_dir, faces, session.iteration)
        listed = counted(len(faces), "faces")
        console.say(f'the {listed} whose masks are the least sure are listed in "{path}"')
        folder = program.quoted(str(faces[0].path.parent))
        purpose = "draw the masks of the faces that it is least sure of"
        return purpose, f"util draw-masks --input-dir {folder}"


def _labeled(faces: FaceFiles) -> FaceFiles:
    return [face for face in faces if is_labeled(face[1])]


def _not_held_out(faces: FaceFiles, held_out_ones: FaceFiles) -> FaceFiles:
    """Return the labeled faces to train on, also those that were drawn later in a gap."""
    held = {path for path, _ in held_out_ones}
    return [face for face in _labeled(faces) if face[0] not in held]


def _known(*samplers: Sampler | None) -> list[Sampler]:
    return [sampler for sampler in samplers if sampler is not None]
