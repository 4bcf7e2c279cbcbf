"""Previews of single frames, equal to what a conversion makes of them and fast to update.

What does not depend on the look (the frame, the faces the model predicts for it) is cached, so a
change of the look costs one blending. Context frames, the earlier ones that a frame's colors
depend on, are left out until they have been predicted.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from converters.blending.blender import Blender
from converters.blending.mask import MASK_SIDE, Swap
from converters.blending.motion import find_motions
from converters.interactive.state import EditorState, ViewMode
from converters.look import Look
from converters.pipeline import Converted, FrameJob, Pipeline
from converters.predictor import Predictor
from facelib.faceset import FaceInfo
from models.mask_predictor import MaskPredictor
from utils.errors import UserError
from utils.video.frame import Frame
from utils.video.seekable import RandomFrames

CACHE_BYTES = 256_000_000
"""Size of the cache of predicted faces if each frame has one."""
FACE_BYTES = 7 * 4
"""Of one pixel of a cached face: model input, model output and mask in float32."""
MASK_BYTES = 4
MAX_IMAGES = 4
CHECKER = 16  # pixels: side of the squares that stand for transparency
ZOOM_MARGIN = 1.8
"""Side of the zoomed area, relative to the size of the face."""


MaskCache = MutableMapping[Swap, dict[str, np.ndarray]]
"""Masks by face and mask type."""


class PredictedFrame(NamedTuple):
    """What the prediction of a frame depends on: its number, and how far its faces morph."""

    frame: int
    morph_factor: float = 1.0


class PreviewRequest(NamedTuple):
    """Which preview is wanted.

    Attributes
    ----------
    frame : int
        Number of the frame.
    frame_looks : tuple of Look
        The looks of its context frames, then its own.
    view : ViewMode
        What to show of the frame.
    """

    frame: int
    frame_looks: tuple[Look, ...]
    view: ViewMode

    @classmethod
    def of(cls, state: EditorState) -> PreviewRequest:
        """Return the request for what a state shows."""
        view = state.shown_view
        if view == "original":  # the same with any look
            predicted = Look(morph_factor=state.look.morph_factor)  # and the faces are there
            return cls(state.frame, (predicted,), view)
        needed = range(state.timeline.first_needed(state.frame), state.frame + 1)
        looks = tuple(map(state.timeline.at, needed))
        return cls(state.frame, looks, view)

    @property
    def frames(self) -> range:
        """Numbers of the frames that `frame_looks` belong to."""
        return range(self.frame + 1 - len(self.frame_looks), self.frame + 1)


@dataclass(frozen=True, eq=False)
class PreviewImage:
    """A preview of one frame.

    Attributes
    ----------
    image : (H, W, 3) uint8
        The image to show.
    frame : Frame
        The original frame.
    focus : tuple of int or None
        Left, top, right and bottom of the area around its faces; None without a face.
    failures : list of str
        What went wrong.
    missing : tuple of PredictedFrame
        Context frames that were left out.
    """

    image: np.ndarray
    frame: Frame
    focus: tuple[int, int, int, int] | None
    failures: list[str]
    missing: tuple[PredictedFrame, ...] = ()

    def part(self, image: np.ndarray, zoomed: bool) -> np.ndarray:
        """Return an image of the frame, or the part of it with the faces."""
        if not zoomed or self.focus is None:
            return image
        left, top, right, bottom = self.focus
        return image[top:bottom, left:right]


class CachingBlender(Blender):
    """A blender that caches masks; blenders of other looks may share the cache."""

    def __init__(self, look: Look, erode: float, blur: float, cache: MaskCache) -> None:
        super().__init__(look, erode, blur)
        self._cache = cache

    def face_mask(self, swap: Swap) -> np.ndarray:
        """Return a face's mask."""
        if self.trained:  # they depend on the frames before, and on the scale of the face
            return super().face_mask(swap)
        masks = self._cache.setdefault(swap, {})
        if self.look.mask_type not in masks:
            masks[self.look.mask_type] = super().face_mask(swap)
        return masks[self.look.mask_type]


class PreviewRenderer:
    """Makes previews of frames.

    Parameters
    ----------
    frames : RandomFrames
        The footage.
    faces : mapping of str to list of FaceInfo
        Its faces, by the stem of the frame's name.
    predictor : Predictor
        Makes the new faces.
    visibility : callable or None
        Returns a frame's `FrameJob.visibility`.
    masks : MaskPredictor or None
        Predicts the masks of mask types that are trained.
    """

    def __init__(
        self,
        frames: RandomFrames,
        faces: Mapping[str, list[FaceInfo]],
        predictor: Predictor,
        visibility: Callable[[Frame], np.ndarray | None] | None = None,
        masks: MaskPredictor | None = None,
    ) -> None:
        self.frames = frames
        self._faces = faces
        self._predictor = predictor
        sides = MASK_SIDE**2 * (1 if masks is None else 2)
        size = FACE_BYTES * predictor.resolution**2 + MASK_BYTES * sides
        self._max_jobs = max(16, CACHE_BYTES // size)
        motions = find_motions(info for infos in faces.values() for info in infos)
        self._pipeline = Pipeline(
            predictor,
            self._no_blender,
            with_face_alpha=True,
            visibility=visibility,
            motions=motions,
            keeps_square=True,
            masks=masks,
        )
        self._jobs: OrderedDict[PredictedFrame, FrameJob] = OrderedDict()
        self._unreadable: set[int] = set()
        self._masks: MaskCache = WeakKeyDictionary()
        self._images: OrderedDict[PreviewRequest, PreviewImage] = OrderedDict()

    def wanted(self, request: PreviewRequest) -> list[PredictedFrame]:
        """Return the context frames of a request and its own, with how far their faces morph."""
        factors = [look.morph_factor for look in request.frame_looks]
        if not self._predictor.morphs:
            factors = [1.0] * len(factors)
        return [PredictedFrame(*each) for each in zip(request.frames, factors, strict=True)]

    def following(self, request: PreviewRequest) -> PredictedFrame | None:
        """Return the frame that comes next, if it is there and not ready."""
        last = self.wanted(request)[-1]
        after = last._replace(frame=last.frame + 1)
        return None if after.frame >= len(self.frames) or self.ready(after) else after

    def ready(self, wanted: PredictedFrame) -> bool:
        """Whether the faces of a frame are predicted, or the frame cannot be read."""
        return wanted in self._jobs or wanted.frame in self._unreadable

    def missing(self, request: PreviewRequest) -> tuple[PredictedFrame, ...]:
        """Return the context frames that are not ready, the nearest first."""
        *context, _ = self.wanted(request)
        return tuple(each for each in reversed(context) if not self.ready(each))

    def prepare(self, wanted: PredictedFrame) -> FrameJob:
        """Read a frame and predict its faces, unless they are cached.

        Raises
        ------
        UserError
            The frame cannot be read.
        """
        try:
            frame = self.frames[wanted.frame]  # cached there, within a limit of its own
        except UserError:
            self._unreadable.add(wanted.frame)
            raise
        if wanted not in self._jobs:
            infos = self._faces.get(Path(frame.name).stem, [])
            job = FrameJob(frame, infos, morph_factor=wanted.morph_factor)
            [job] = self._pipeline.predict([self._pipeline.cut(job)])
            empty = replace(frame, image=frame.image[:0].copy())
            self._jobs[wanted] = replace(job, frame=empty, visibility=None)
        self._jobs.move_to_end(wanted)
        visibility = self._pipeline.visibility(frame) if self._pipeline.visibility else None
        return replace(self._jobs[wanted], frame=frame, visibility=visibility)

    def __call__(self, request: PreviewRequest) -> PreviewImage:
        """Return the preview of a frame; UserError if the frame cannot be read."""
        cached = self._images.get(request)
        if cached is None or cached.missing != self.missing(request):
            self._images[request] = self._make(request)
        self._images.move_to_end(request)
        while len(self._images) > MAX_IMAGES:
            self._images.popitem(last=False)
        max_jobs = max(self._max_jobs, 2 * len(request.frame_looks))
        while len(self._jobs) > max_jobs:
            self._jobs.popitem(last=False)
        return self._images[request]

    def _make(self, request: PreviewRequest) -> PreviewImage:
        missing = self.missing(request)
        job = self.prepare(self.wanted(request)[-1])
        focus = _focus(job)
        if request.view == "original":
            return PreviewImage(job.frame.image, job.frame, focus, [])
        done = self._convert(job, request)
        image = done.frame.image
        if request.view == "mask" and done.face_alpha is not None:
            image = show_mask(job.frame.image, done.face_alpha)
        return PreviewImage(show_alpha(image), job.frame, focus, done.failures, missing)

    def _convert(self, job: FrameJob, request: PreviewRequest) -> Converted:
        """Convert a frame as a run does that has just converted its context frames."""
        erode, blur = self._predictor.base_erode, self._predictor.base_blur
        by_look = {
            look: CachingBlender(look, erode, blur, self._masks)
            for look in set(request.frame_looks)
        }
        looks = dict(zip(request.frames, request.frame_looks, strict=True))
        pipeline = replace(self._pipeline, blender=lambda frame: by_look[looks[frame.index]])
        cached = [each for each in self.wanted(request) if each in self._jobs]
        for each in cached:
            self._jobs.move_to_end(each)
        context = [self._jobs[each] for each in cached[:-1]]
        *_, job = pipeline.remember([*context, job])
        return pipeline.blend(job)

    @staticmethod
    def _no_blender(_: Frame) -> Blender:
        raise NotImplementedError("every preview brings its own blender")


def show_mask(frame: np.ndarray, face_alpha: np.ndarray) -> np.ndarray:
    """Darken a frame and take its colors away outside the mask, so that edges can be judged.

    Parameters
    ----------
    frame : (H, W, 3) uint8
        The original frame.
    face_alpha : (H, W) uint8
        255 where the frame keeps its colors.

    Returns
    -------
    image : (H, W, 3) uint8
        The frame, dark and gray where `face_alpha` is 0.
    """
    gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) // 3
    alpha = face_alpha[..., None].astype(np.uint16)
    mixed = (frame * alpha + gray[..., None] * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8)


def show_alpha(image: np.ndarray) -> np.ndarray:
    """Return an image (H, W, 3 or 4) uint8 over a checkerboard where it is transparent."""
    if image.shape[2] == 3:
        return image
    rows, columns = (np.arange(side) // CHECKER for side in image.shape[:2])
    board = np.where((rows[:, None] + columns) % 2, 150, 100).astype(np.uint16)[..., None]
    alpha = image[..., 3:].astype(np.uint16)
    return ((image[..., :3] * alpha + board * (255 - alpha) + 127) // 255).astype(np.uint8)


def _focus(job: FrameJob) -> tuple[int, int, int, int] | None:
    """Return the rectangle around all faces, with a margin, within the frame."""
    if not job.swaps:
        return None
    points = np.concatenate([swap.landmarks for swap in job.swaps])
    low, high = points.min(axis=0), points.max(axis=0)
    half = (high - low).max() * ZOOM_MARGIN / 2
    middle = (low + high) / 2
    height, width = job.frame.image.shape[:2]
    left, top = np.clip(middle - half, 0, (width - 2, height - 2)).astype(int).tolist()
    right, bottom = np.clip(middle + half, 2, (width, height)).astype(int).tolist()
    return left, top, max(right, left + 2), max(bottom, top + 2)
