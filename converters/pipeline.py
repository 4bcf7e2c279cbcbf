"""From frames to converted frames: cut the faces out, predict them in batches, blend.

Each of the three steps works in threads of its own while the caller reads and writes. Frames stay
in order, and each step holds only a few of them.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeVar

import numpy as np

from converters.blending.blender import Blender, Trace
from converters.blending.crop import Crop
from converters.blending.high_bit_depth import restore_16_bit
from converters.blending.mask import Swap
from converters.blending.mask_history import MaskHistory
from converters.blending.motion import Motions
from converters.look import color_context_frames
from converters.predictor import Predictor
from facelib.faceset import FaceInfo
from utils.errors import UserError
from utils.images import to_float
from utils.parallel import Failure, cores, ordered_map
from utils.video.frame import Frame

T = TypeVar("T")
R = TypeVar("R")
Results = Generator[R, None, None]


@dataclass(frozen=True, eq=False)
class FrameJob:
    """A frame on its way.

    Attributes
    ----------
    frame : as it came
    infos : its faces that are still in the race
    crops : their aligned pictures (R, R, 3) float32 0..1, once cut
    swaps : and what the model made of them, once predicted
    failures : what went wrong so far, in words
    visibility : (H, W) uint8, 0 where something is before the faces; None if nothing is
    """

    frame: Frame
    infos: list[FaceInfo]
    crops: list[np.ndarray] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    visibility: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Converted:
    """A finished frame.

    Attributes
    ----------
    frame : with its new picture
    faces : how many were put in
    failures : what went wrong, in words
    face_alpha : (H, W) uint8, how much of each pixel is face; None if not asked for
    """

    frame: Frame
    faces: int
    failures: list[str]
    face_alpha: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Converts frames.

    Attributes
    ----------
    predictor : what makes the faces
    blender : gives for a frame what puts them in
    batch_size : faces predicted at once
    trace : gives the receiver of intermediate pictures for a frame, or None
    save : is given each finished frame in the thread that blended it, out of order, or None
    with_face_alpha : whether finished frames say where their faces are
    visibility : gives a frame's `FrameJob.visibility`, or None
    motions : how faces move from frame to frame
    context : says of a frame that it is only looked at, for the colors of those after it
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

    def run(self, frames: Iterable[tuple[Frame, list[FaceInfo]]]) -> Results[Converted]:
        """Convert frames with their faces, lazily and in order."""
        workers = cores()
        jobs = (FrameJob(frame, infos) for frame, infos in frames)
        with ExitStack() as stack:  # left early, the last step stops first

            def step(function: Callable[[T], R], items: Iterable[T], workers: int) -> Results[R]:
                return stack.enter_context(closing(_results(function, items, workers)))

            cut = step(self.cut, jobs, workers)
            predicted = step(self.predict, self._batches(cut), 1)
            remembered = self.remember(chain.from_iterable(predicted))
            yield from step(self.blend, remembered, workers)

    def cut(self, job: FrameJob) -> FrameJob:
        """Cut the faces of a frame out of it; one that cannot be aligned is given up."""
        size, face_type = self.predictor.resolution, self.predictor.face_type
        infos, crops, failures = [], [], []
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
        return replace(job, infos=infos, crops=crops, failures=failures, visibility=visibility)

    def _batches(self, jobs: Iterable[FrameJob]) -> Iterator[list[FrameJob]]:
        """Group frames until they hold a batch of faces; frames without any do not pile up."""
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
        """Have the model make the faces of some frames, all at once."""
        crops = [crop for job in batch for crop in job.crops]
        made = iter(self.predictor(crops, self.batch_size))
        done = []
        for job in batch:
            pairs = zip(job.infos, job.crops, strict=True)
            swaps = [self._swap(info, crop, *next(made)) for info, crop in pairs]
            done.append(replace(job, crops=[], swaps=swaps))
        return done

    def _swap(
        self, info: FaceInfo, crop: np.ndarray, face: np.ndarray, mask: np.ndarray | None
    ) -> Swap:
        kind, way = self.predictor.face_type, self.motions.get(info, (0.0, 0.0))
        return Swap(info.source_landmarks, crop, face, mask, kind, info.face_index, way)

    def remember(self, jobs: Iterable[FrameJob]) -> Iterator[FrameJob]:
        """Give the faces their masks of several frames, if the look makes use of them.

        Frames come in order; those that are only looked at end here.
        """
        memory = MaskHistory()
        for job in jobs:
            blender, swaps = self.blender(job.frame), job.swaps
            if context_frames := color_context_frames(blender.look):
                masks = [blender.face_mask(swap) for swap in swaps]
                swaps = memory.add(job.frame.index, swaps, masks, 1 + context_frames)
            if self.context is None or not self.context(job.frame):
                yield replace(job, swaps=swaps)

    def blend(self, job: FrameJob) -> Converted:
        """Put the faces of a frame in."""
        before = job.frame.image
        trace = self.trace(job.frame) if self.trace else None
        face_alpha = np.zeros(before.shape[:2], np.uint8) if self.with_face_alpha else None
        blender = self.blender(job.frame)
        image, faces, failures = blender(before, job.swaps, trace, face_alpha, job.visibility)
        image16 = job.frame.image16
        if image16 is not None:
            image16 = restore_16_bit(image16, before, image)
        name = job.frame.name
        told = [f"{name}: {failure}" for failure in [*job.failures, *failures]]
        done = Converted(replace(job.frame, image=image, image16=image16), faces, told, face_alpha)
        if self.save:
            self.save(done)
        return done


def _results(function: Callable[[T], R], items: Iterable[T], workers: int) -> Results[R]:
    """Map in threads, in order; an exception is raised here, at its turn."""
    for result in ordered_map(function, items, workers=workers, ahead=2 * workers, catch=()):
        if isinstance(result, Failure):
            raise result.error
        yield result
