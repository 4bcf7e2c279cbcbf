"""From frames to converted frames: cut the faces out, predict them in batches, blend.

Each of the three steps has threads of its own while the caller reads and writes. Frames stay in
order, and each step holds only a few of them.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import TypeVar

import numpy as np

from converters.blending.blender import Blender, Trace
from converters.blending.crop import Crop
from converters.blending.high_bit_depth import restore_16_bit
from converters.blending.mask import Swap
from converters.blending.mask_history import MaskHistory
from converters.blending.motion import Motions
from converters.blending.trained_mask import into_crop, steadied
from converters.look import color_context_frames, mask_context_frames
from converters.predictor import Predictor
from facelib.faceset import FaceInfo
from models.mask_predictor import MaskPredictor
from utils.errors import UserError
from utils.images import to_float
from utils.parallel import Failure, cores, ordered_map
from utils.video.aspect import reduce, write_back
from utils.video.frame import Frame

T = TypeVar("T")
R = TypeVar("R")
Results = Generator[R, None, None]


@dataclass(frozen=True, eq=False)
class FrameJob:
    """A frame on its way through the pipeline.

    Attributes
    ----------
    frame : Frame
        The original.
    infos : list of FaceInfo
        Its faces, but those that have failed.
    crops : list of (R, R, 3) float32
        Their aligned images, 0..1, between cutting and predicting.
    swaps : list of Swap
        Their predictions.
    failures : list of str
        What went wrong so far, one sentence each.
    visibility : (H, W) uint8 or None
        0 where an object occludes the face; None when nothing does.
    mask_crops : list of (M, M, 3) uint8
        The faces as the mask model wants them, between cutting and predicting; empty without one.
    morph_factor : float
        How much of the faces is src's, if the model morphs.
    """

    frame: Frame
    infos: list[FaceInfo]
    crops: list[np.ndarray] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    visibility: np.ndarray | None = None
    mask_crops: list[np.ndarray] = field(default_factory=list)
    morph_factor: float = 1.0


@dataclass(frozen=True, eq=False)
class Converted:
    """A converted frame.

    Attributes
    ----------
    frame : Frame
        With its new image.
    faces : int
        How many faces were converted.
    failures : list of str
        What went wrong, one sentence each.
    face_alpha : (H, W) uint8 or None
        How much of each pixel is face, if the pipeline was asked for it.
    hidden : int
        How many faces are occluded or out of the frame, and change nothing in it.
    """

    frame: Frame
    faces: int
    failures: list[str]
    face_alpha: np.ndarray | None = None
    hidden: int = 0


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Converts frames.

    Attributes
    ----------
    predictor : Predictor
        Predicts the faces.
    blender : callable
        Frame -> Blender that puts the faces in.
    batch_size : int
        Faces predicted at once.
    trace : callable or None
        Frame -> Trace that takes the intermediate images of its faces.
    save : callable or None
        Takes each converted frame in the thread that blended it, out of order.
    with_face_alpha : bool
        Whether converted frames get a `face_alpha`.
    visibility : callable or None
        Frame -> `FrameJob.visibility`.
    motions : Motions
        How far each face moves from frame to frame.
    context : callable or None
        Frame -> bool, whether it only serves the colors of frames after it and is not converted.
    keeps_square : bool
        Whether anamorphic frames stay enlarged to square pixels, to be looked at.
    masks : MaskPredictor or None
        Predicts the masks of mask types that are trained.
    """

    predictor: Predictor
    blender: Callable[[Frame], Blender]
    batch_size: int = 8
    trace: Callable[[Frame], Trace] | None = None
    save: Callable[[Converted], None] | None = None
    with_face_alpha: bool = False
    visibility: Callable[[Frame], np.ndarray | None] | None = None
    motions: Motions = field(default_factory=dict)
    context: Callable[[Frame], bool] | None = None
    keeps_square: bool = False
    masks: MaskPredictor | None = None

    def run(self, frames: Iterable[tuple[Frame, list[FaceInfo]]]) -> Results[Converted]:
        """Convert frames with their faces, lazily and in order."""
        workers = cores()
        jobs = (
            FrameJob(frame, infos, morph_factor=self.blender(frame).look.morph_factor)
            for frame, infos in frames
        )
        with ExitStack() as stack:  # when the caller stops early, the last step stops first

            def step(function: Callable[[T], R], items: Iterable[T], workers: int) -> Results[R]:
                return stack.enter_context(closing(_results(function, items, workers)))

            cut = step(self.cut, jobs, workers)
            predicted = step(self.predict, self._batches(cut), 1)
            remembered = self.remember(chain.from_iterable(predicted))
            yield from step(self.blend, remembered, workers)

    def cut(self, job: FrameJob) -> FrameJob:
        """Cut the faces out of a frame; one that cannot be aligned becomes a failure."""
        size, face_type = self.predictor.resolution, self.predictor.face_type
        infos, crops, mask_crops, failures = [], [], [], []
        try:
            visibility = self.visibility(job.frame) if self.visibility else None
        except UserError as problem:
            return replace(job, infos=[], failures=[str(problem)])
        for info in job.infos:
            try:
                crop = Crop.of(info.source_landmarks, size, face_type)
                crop.check(job.frame.image)
            except UserError as problem:
                failures.append(f"face {info.face_index}: {problem}")
                continue
            infos.append(info)
            crops.append(to_float(crop.cut(job.frame.image, size)))
            if self.masks:
                own = Crop.of(info.source_landmarks, self.masks.side, self.masks.face_type)
                mask_crops.append(own.cut(job.frame.image, self.masks.side))
        return replace(
            job,
            infos=infos,
            crops=crops,
            mask_crops=mask_crops,
            failures=failures,
            visibility=visibility,
        )

    def _batches(self, jobs: Iterable[FrameJob]) -> Iterator[list[FrameJob]]:
        """Group frames until they have a batch of faces; frames without any do not pile up."""
        batch: list[FrameJob] = []
        for job in jobs:
            batch.append(job)
            faces = sum(len(job.crops) for job in batch)
            if faces >= self.batch_size or len(batch) >= 2 * self.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def predict(self, batch: list[FrameJob]) -> list[FrameJob]:
        """Predict the faces of some frames, all at once."""
        crops = [crop for job in batch for crop in job.crops]
        factors = [job.morph_factor for job in batch for _ in job.crops]
        predictions = iter(self.predictor(crops, self.batch_size, factors))
        masks = self._trained_masks(batch)
        predicted = []
        for job in batch:
            pairs = zip(job.infos, job.crops, strict=True)
            swaps = [
                self._swap(info, crop, *next(predictions), next(masks)) for info, crop in pairs
            ]
            predicted.append(replace(job, crops=[], mask_crops=[], swaps=swaps))
        return predicted

    def _trained_masks(self, batch: list[FrameJob]) -> Iterator[np.ndarray | None]:
        """Yield the trained mask of each face of some frames; None for each without a model."""
        if self.masks is None:
            yield from repeat(None)
            return
        crops = [crop for job in batch for crop in job.mask_crops]
        for start in range(0, len(crops), self.batch_size):
            yield from self.masks(np.stack(crops[start : start + self.batch_size]))

    def _swap(
        self,
        info: FaceInfo,
        crop: np.ndarray,
        face: np.ndarray,
        mask: np.ndarray | None,
        trained: np.ndarray | None,
    ) -> Swap:
        size, face_type = self.predictor.resolution, self.predictor.face_type
        if trained is not None and self.masks is not None:
            own = Crop.of(info.source_landmarks, self.masks.side, self.masks.face_type)
            trained = into_crop(trained, own, Crop.of(info.source_landmarks, size, face_type))
        return Swap(
            landmarks=info.source_landmarks,
            crop=crop,
            face=face,
            mask=mask,
            face_type=face_type,
            index=info.face_index,
            motion=self.motions.get(info, (0.0, 0.0)),
            trained=trained,
        )

    def remember(self, jobs: Iterable[FrameJob]) -> Iterator[FrameJob]:
        """Give the faces their masks of several frames, if the look needs them.

        Frames come in order; those that only serve later ones end here.
        """
        trained_history, history = MaskHistory(), MaskHistory()
        for job in jobs:
            blender, swaps = self.blender(job.frame), job.swaps
            if frames := mask_context_frames(blender.look):
                swaps = _steadied(trained_history, job.frame.index, swaps, 1 + frames)
            if context_frames := color_context_frames(blender.look):
                masks = [blender.face_mask(swap) for swap in swaps]
                swaps = history.add(job.frame.index, swaps, masks, 1 + context_frames)
            if self.context is None or not self.context(job.frame):
                yield replace(job, swaps=swaps)

    def blend(self, job: FrameJob) -> Converted:
        """Blend the predicted faces into a frame."""
        before = job.frame.image
        trace = self.trace(job.frame) if self.trace else None
        face_alpha = np.zeros(before.shape[:2], np.uint8) if self.with_face_alpha else None
        blender = self.blender(job.frame)
        image, faces, failures = blender(before, job.swaps, trace, face_alpha, job.visibility)
        own, image16 = job.frame.own, job.frame.image16
        if own is not None and not self.keeps_square:
            before, image = own, write_back(own, before, image)
            if face_alpha is not None:
                face_alpha = reduce(face_alpha, own.shape[1::-1])
        if image16 is not None:
            image16 = restore_16_bit(image16, before, image)
        frame = replace(job.frame, image=image, image16=image16, own=None)
        sentences = [f"{frame.name}: {failure}" for failure in [*job.failures, *failures]]
        hidden = len(job.swaps) - faces - len(failures)
        converted = Converted(frame, faces, sentences, face_alpha, hidden)
        if self.save:
            self.save(converted)
        return converted


def _steadied(history: MaskHistory, index: int, swaps: Sequence[Swap], frames: int) -> list[Swap]:
    """Return the faces of a frame with trained masks that do not flicker."""
    masks = [swap.trained for swap in swaps if swap.trained is not None]
    if len(masks) < len(swaps):  # there is no mask model, which blending says
        return list(swaps)
    recent = history.add(index, swaps, masks, frames)
    return [replace(swap, trained=steadied(swap.masks), masks=()) for swap in recent]


def _results(function: Callable[[T], R], items: Iterable[T], workers: int) -> Results[R]:
    """Map in threads, in order; an exception is raised here, when its item's turn comes."""
    for result in ordered_map(function, items, workers=workers, ahead=2 * workers, catch=()):
        if isinstance(result, Failure):
            raise result.error
        yield result
