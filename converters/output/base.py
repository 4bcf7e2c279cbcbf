"""What takes converted frames: the base of all outputs."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import cv2

from converters.footage import Footage
from converters.output.request import OutputRequest
from converters.pipeline import Converted
from utils.video.frame import Frame, Span


class Output(AbstractContextManager["Output", None]):
    """Takes converted frames; leaving it without an error completes the result.

    Attributes
    ----------
    save : callable or None
        Takes converted frames in any order, from several threads; None if they must come in order.
    span : Span
        The part of the footage that is still to do.
    finished : int
        How many frames earlier runs have finished.
    faces : int
        How many faces were converted in those, if known.
    failures : list of str
        What failed in those of them that are not converted again.
    notes : list of str
        Sentences about the result.
    """

    save: Callable[[Converted], None] | None = None
    span: Span
    finished: int = 0
    faces: int = 0

    def __init__(self, request: OutputRequest, footage: Footage) -> None:
        self.failures: list[str] = []
        self.notes: list[str] = list(request.notes)
        self.span = footage.span
        footage.source.wants_16_bit = request.wants_16_bit

    @abstractmethod
    def __contains__(self, name: str) -> bool:
        """Whether the frame of that name is finished."""

    def has(self, frame: Frame) -> bool:
        """Whether a frame is finished, or not wanted."""
        return self.span.before(frame.index, frame.time) or frame.name in self

    @abstractmethod
    def add(self, converted: Converted) -> None:
        """Take the next converted frame, in order; after `save` where there is one."""


def mask_frame(converted: Converted) -> Frame:
    """Return a converted frame's mask as a gray image."""
    if converted.face_alpha is None:
        raise ValueError("the pipeline was not asked for masks")
    return replace(converted.frame, image=cv2.merge([converted.face_alpha] * 3), image16=None)
