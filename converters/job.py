"""The options of a run, read once and turned into the parts that its steps need."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from converters import checks
from converters.blending.occlusion import OcclusionMasks
from converters.footage import FacesByFrame, Footage
from converters.interactive.session_file import SessionFile
from converters.look import Look, look_of
from converters.options import ConvertOptions
from converters.output.journal import RunIdentity
from converters.output.naming import remove_empty_parts
from converters.output.request import OutputRequest
from converters.plan import Plan, read_plan
from converters.predictor import Predictor
from models.mask_predictor import MaskPredictor
from utils import shares
from utils.errors import UsageError
from utils.provenance.c2pa import Marker
from utils.shares import JOIN, Share, Split
from utils.video.options import encoder_for, keeps_16_bit_images
from utils.video.source import FrameSource
from utils.video.timecode import exact_rate

ENCODING = ("codec", "crf", "preset", "bit_depth", "from_", "to", "rate")
"""Options without which the parts of a video do not fit together."""


@dataclass(frozen=True, eq=False)
class Job:
    """What a run has to do; every part was opened and checked when it was made.

    Attributes
    ----------
    footage : Footage
        The frames.
    faces : FacesByFrame
        The faces found in them.
    visibility : OcclusionMasks or None
        What occludes the faces, if there are such masks.
    output : OutputRequest
        What to write.
    look : Look
        The look on the command line.
    session : SessionFile
        Where the looks of single frames are kept.
    plan : Plan or None
        The looks of all frames; None if the user chooses them in a window.
    mask_model_dir : Path or None
        The folder of the mask model, if a look needs it or may come to need it.
    batch_size : int
        How many faces the model predicts at once.
    debug : bool
        Whether to write the intermediate images of each face.
    split : Split
        The parts of the result, if machines share the work.
    remote : bool
        Whether another program shows the window; then nothing is rendered.
    share : Share or None
        Which part of the work this machine does; None: everything.
    """

    footage: Footage
    faces: FacesByFrame
    visibility: OcclusionMasks | None
    output: OutputRequest
    look: Look
    session: SessionFile
    plan: Plan | None
    mask_model_dir: Path | None
    batch_size: int
    debug: bool
    split: Split
    remote: bool = False
    share: Share | None = None

    @classmethod
    def of(cls, options: ConvertOptions) -> "Job":
        """Open and check everything the options name but the model, which takes seconds to load.

        Raises
        ------
        InputError
            If footage, faces, masks or session are missing, damaged or do not belong together, or
            the output exists.
        UsageError
            If options contradict each other.
        UserError
            If there is no screen for the window, or no key to sign with.
        """
        footage = Footage.open(options.input_dir, options.from_, options.to)
        share = shares.wanted(options)
        if share is not None:
            footage = footage.part(share)
        output, look = _output(options, footage, share), look_of(options)
        session = SessionFile.find(options.session, options.use_session, options.output_dir)
        plan = None
        if options.interactive:
            checks.check_window(options)
        else:
            plan = read_plan(look, session, footage.name, footage.number_of)
        looks = [*plan.timeline.own.values()] if plan else [look]
        _check_looks(output, [look, *looks])
        mask_model_dir = options.mask_model_dir
        if plan and not plan.wants_trained_masks:
            mask_model_dir = None
        elif mask_model_dir is None:
            checks.check_mask_model(looks)
        check = options.check_faces and options.part != JOIN  # the parts have done it
        return cls(
            footage=footage,
            faces=FacesByFrame.open(options.aligned_dir, footage, check=check),
            visibility=OcclusionMasks(options.mask_dir) if options.mask_dir else None,
            output=output,
            look=look,
            session=session,
            plan=plan,
            mask_model_dir=mask_model_dir,
            batch_size=options.batch_size,
            debug=options.debug,
            split=Split(options.output_dir),
            remote=options.remote,
            share=share,
        )

    def choose_plan(self, predictor: Predictor, masks: MaskPredictor | None = None) -> Plan | None:
        """Return the looks of all frames; None if the user does not want to render yet."""
        if self.plan is not None:
            return self.plan
        # not at the top: only --interactive needs a window
        from converters.interactive import app

        timeline = app.choose(self, predictor, masks)
        if timeline is None:
            return None
        _check_looks(self.output, timeline.own.values())
        if masks is None:
            checks.check_mask_model(timeline.own.values())
        return Plan(timeline, from_session=True)

    @property
    def written(self) -> list[Path]:
        """What no other run may write at the same time."""
        session = [self.session.path] if self.plan is None else []
        return session if self.remote else [*self.output.paths, *session]

    @property
    def can_have_alpha(self) -> bool:
        """Whether the result can have an alpha channel."""
        try:
            _check_looks(self.output, [Look(alpha=True)])
        except UsageError:
            return False
        return True

    def identity(self, plan: Plan, model: str, mask_model: str | None = None) -> RunIdentity:
        """Return what tells this run from others, with the looks and models it came to use."""
        marked = "marked" if self.output.marker else "not marked"
        header: dict[str, object] = {
            "input": self.footage.name,
            "faces": self.faces.fingerprint,
            "model": model,
            "obstructions": self.visibility.digest() if self.visibility else None,
            "files": f"{self.output.image_format}, {marked}",
        }
        if mask_model is not None and (self.output.is_video or not plan.from_session):
            header["mask model"] = mask_model
        header |= plan.facts(as_whole=self.output.is_video)
        return RunIdentity(header, plan.fingerprints(self.footage.number_of, mask_model))


def _check_looks(output: OutputRequest, looks: Iterable[Look]) -> None:
    checks.check_alpha(looks, output.path, output.image_format, output.encoder)


def _output(options: ConvertOptions, footage: Footage, share: Share | None) -> OutputRequest:
    """Return what to write, checked."""
    source, notes = footage.source, list[str]()
    encoder = encoder_for(options, source.video_format, notes)
    in_video = checks.is_video(options.output_dir)
    output = OutputRequest(
        path=options.output_dir,
        mask_path=options.mask_output,
        overwrite=options.overwrite,
        image_format=options.image_format,
        encoder=encoder,
        rate=source.rate or exact_rate(options.rate),
        wants_16_bit=encoder.high_bit_depth if in_video else _has_16_bit_images(options, source),
        encoding={name: getattr(options, name) for name in ENCODING},
        marker=Marker() if options.provenance else None,
        notes=notes if in_video else [],
    )
    if share is not None:
        output = output.of_share(share)
    if in_video and not options.remote:
        remove_empty_parts(output.path)
    checks.check_output(
        output.path,
        output.mask_path,
        encoder,
        overwrite=options.overwrite or options.remote,
        inputs=checks.inputs_of(options),
    )
    return output


def _has_16_bit_images(options: ConvertOptions, source: FrameSource) -> bool:
    """Whether the images of the result have 16 bits per channel."""
    return options.image_format == "png" and keeps_16_bit_images(options, source)
