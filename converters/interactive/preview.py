"""Pictures of single frames as a conversion would make them, fast when asked again.

What does not depend on the look (the frame, the faces that the model makes of it) is kept, so that
a change of the look costs one blending. Frames before it that its colors depend on are left out
until they have been made ready.
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
from converters.look import Look, color_context_frames
from converters.pipeline import Converted, FrameJob, Pipeline
from converters.predictor import Predictor
from facelib.faceset import FaceInfo
from utils.errors import UserError
from utils.video.frame import Frame
from utils.video.seekable import RandomFrames

KEPT_BYTES = 256_000_000
"""Of predicted faces, if each frame has one."""
FACE_BYTES = 7 * 4
"""A pixel of a kept face: what went in, what came out and the mask, in float32."""
MASK_BYTES = 4
KEPT_PICTURES = 4
CHECKS = 16  # pixels, the squares that stand for transparency
ROOM = 1.8
"""How much of the surroundings of a face is shown, in sizes of the face."""


Masks = MutableMapping[Swap, dict[str, np.ndarray]]


class PreviewRequest(NamedTuple):
    """What is to be seen.

    Attributes
    ----------
    frame : number of the frame
    looks : the looks of all frames that it depends on: some before it, and at the end its own
    view : what of it is shown
    """

    frame: int
    looks: tuple[Look, ...]
    view: ViewMode

    @classmethod
    def of(cls, desk: EditorState) -> PreviewRequest:
        """Return what a state asks for."""
        if desk.seen == "original":
            return cls(desk.frame, (Look(),), desk.seen)  # whatever the look
        first = max(0, desk.frame - color_context_frames(desk.look))
        looks = tuple(desk.looks.at(index) for index in range(first, desk.frame + 1))
        return cls(desk.frame, looks, desk.seen)

    @property
    def row(self) -> range:
        """The frames of `looks`."""
        return range(self.frame + 1 - len(self.looks), self.frame + 1)


@dataclass(frozen=True, eq=False)
class PreviewImage:
    """A picture to show.

    Attributes
    ----------
    image : (H, W, 3) uint8
    frame : the frame it is made of
    focus : left, top, right, bottom of its faces with their surroundings; None without a face
    failures : what went wrong, in words
    missing : frames that its colors depend on and that were left out
    """

    image: np.ndarray
    frame: Frame
    focus: tuple[int, int, int, int] | None
    failures: list[str]
    missing: tuple[int, ...] = ()


class CachingBlender(Blender):
    """A blender that keeps the masks it has found.

    Parameters
    ----------
    known : by face and kind of mask; blenders of other looks share it
    """

    def __init__(self, look: Look, erode: float, blur: float, known: Masks) -> None:
        super().__init__(look, erode, blur)
        self._known = known

    def soft_mask(self, swap: Swap) -> np.ndarray:
        """Return a face's mask."""
        masks = self._known.setdefault(swap, {})
        if self.look.mask_type not in masks:
            masks[self.look.mask_type] = super().soft_mask(swap)
        return masks[self.look.mask_type]


class Preview:
    """Makes pictures of frames.

    Parameters
    ----------
    frames : the footage
    faces : its faces, by the stem of a frame's name
    predictor : what makes the new faces
    visibility : gives for a frame where nothing is before the faces, or None
    """

    def __init__(
        self,
        frames: RandomFrames,
        faces: Mapping[str, list[FaceInfo]],
        predictor: Predictor,
        visibility: Callable[[Frame], np.ndarray | None] | None = None,
    ) -> None:
        self.frames = frames
        self._faces = faces
        self._predictor = predictor
        size = FACE_BYTES * predictor.resolution**2 + MASK_BYTES * MASK_SIDE**2
        self._most = max(16, KEPT_BYTES // size)
        motions = find_motions(info for infos in faces.values() for info in infos)
        self._pipeline = Pipeline(
            predictor,
            self._no_blender,
            with_face_alpha=True,
            visibility=visibility,
            motions=motions,
        )
        self._jobs: OrderedDict[int, FrameJob] = OrderedDict()
        self._broken: set[int] = set()
        self._masks: Masks = WeakKeyDictionary()
        self._pictures: OrderedDict[PreviewRequest, PreviewImage] = OrderedDict()

    def ready(self, index: int) -> bool:
        """Whether all that takes long has been done for a frame, as far as it can be."""
        return index in self._jobs or index in self._broken

    def missing(self, shot: PreviewRequest) -> tuple[int, ...]:
        """Return the frames before it that are not ready and count, the nearest first."""
        return tuple(index for index in reversed(shot.row[:-1]) if not self.ready(index))

    def prepare(self, index: int) -> FrameJob:
        """Read a frame and have the model make its faces, unless that was done.

        Raises
        ------
        UserError
            If the frame cannot be read.
        """
        try:
            frame = self.frames[index]  # which counts the bytes of what it keeps
        except UserError:
            self._broken.add(index)
            raise
        if index not in self._jobs:
            infos = self._faces.get(Path(frame.name).stem, [])
            [job] = self._pipeline.predict([self._pipeline.cut(FrameJob(frame, infos))])
            blank = replace(frame, image=frame.image[:0].copy())
            self._jobs[index] = replace(job, frame=blank, visibility=None)
        self._jobs.move_to_end(index)
        visibility = self._pipeline.visibility(frame) if self._pipeline.visibility else None
        return replace(self._jobs[index], frame=frame, visibility=visibility)

    def __call__(self, shot: PreviewRequest) -> PreviewImage:
        """Return the picture of a frame; UserError if the frame cannot be read."""
        seen = self._pictures.get(shot)
        if seen is None or seen.missing != self.missing(shot):
            self._pictures[shot] = self._make(shot)
        self._pictures.move_to_end(shot)
        while len(self._pictures) > KEPT_PICTURES:
            self._pictures.popitem(last=False)
        most = max(self._most, 2 * len(shot.looks))
        while len(self._jobs) > most:
            self._jobs.popitem(last=False)
        return self._pictures[shot]

    def _make(self, shot: PreviewRequest) -> PreviewImage:
        missing = self.missing(shot)
        job = self.prepare(shot.frame)
        focus = _focus(job)
        if shot.view == "original":
            return PreviewImage(job.frame.image, job.frame, focus, [])
        done = self._convert(job, shot)
        image = done.frame.image
        if shot.view == "mask" and done.face_alpha is not None:
            image = show_mask(job.frame.image, done.face_alpha)
        return PreviewImage(show_alpha(image), job.frame, focus, done.failures, missing)

    def _convert(self, job: FrameJob, shot: PreviewRequest) -> Converted:
        """Convert a frame as a conversion does that has come past the frames before it."""
        erode, blur = self._predictor.base_erode, self._predictor.base_blur
        made = {look: CachingBlender(look, erode, blur, self._masks) for look in set(shot.looks)}
        blenders = {index: made[look] for index, look in zip(shot.row, shot.looks, strict=True)}
        pipeline = replace(self._pipeline, blender=lambda frame: blenders[frame.index])
        row = [index for index in shot.row if index in self._jobs]
        for index in row:
            self._jobs.move_to_end(index)
        before = [self._jobs[index] for index in row[:-1]]
        *_, job = pipeline.remember([*before, job])
        return pipeline.blend(job)

    @staticmethod
    def _no_blender(_: Frame) -> Blender:
        raise NotImplementedError("each picture brings its own")


def show_mask(frame: np.ndarray, face_alpha: np.ndarray) -> np.ndarray:
    """Return a frame (H, W, 3) uint8 in its colors where (H, W) uint8 `face_alpha` is 255.

    Where it is 0 the frame is dark and gray: edges can be judged against what they run along.
    """
    gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) // 3
    share = face_alpha[..., None].astype(np.uint16)
    mixed = (frame * share + gray[..., None] * (255 - share) + 127) // 255
    return mixed.astype(np.uint8)


def show_alpha(image: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3 or 4) uint8 over a checkerboard where it is transparent."""
    if image.shape[2] == 3:
        return image
    rows, columns = (np.arange(side) // CHECKS for side in image.shape[:2])
    board = np.where((rows[:, None] + columns) % 2, 150, 100).astype(np.uint16)[..., None]
    alpha = image[..., 3:].astype(np.uint16)
    return ((image[..., :3] * alpha + board * (255 - alpha) + 127) // 255).astype(np.uint8)


def _focus(job: FrameJob) -> tuple[int, int, int, int] | None:
    """Return the rectangle around all faces, with some room, within the frame."""
    if not job.swaps:
        return None
    points = np.concatenate([swap.landmarks for swap in job.swaps])
    low, high = points.min(axis=0), points.max(axis=0)
    half = (high - low).max() * ROOM / 2
    middle = (low + high) / 2
    height, width = job.frame.image.shape[:2]
    left, top = np.clip(middle - half, 0, (width - 2, height - 2)).astype(int).tolist()
    right, bottom = np.clip(middle + half, 2, (width, height)).astype(int).tolist()
    return left, top, max(right, left + 2), max(bottom, top + 2)
