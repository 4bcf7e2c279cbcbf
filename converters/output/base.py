"""Where converted frames go: what is to be written, and what takes it."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import cv2

from converters.options import ConvertOptions
from converters.pipeline import Converted
from utils.provenance.c2pa import Marker
from utils.video.frame import Frame, Span
from utils.video.source import FrameSource


@dataclass(frozen=True, eq=False)
class OutputRequest:
    """What is to be written.

    Attributes
    ----------
    options : of the run
    source, span : the footage, and what of it is wanted
    header : what tells this run from others
    marker : marks and signs the result; None: it is not marked
    look_fingerprint : gives by a frame's name what tells its look from others; None: all are alike
    """

    options: ConvertOptions
    source: FrameSource
    span: Span
    header: dict[str, object]
    marker: Marker | None = None
    look_fingerprint: Callable[[str], str] | None = None


class Output(AbstractContextManager["Output", None]):
    """Takes finished frames; a context that makes the result whole when it is left without error.

    Attributes
    ----------
    save : takes finished frames out of order, from several threads; None if it wants them in order
    span : what is left to do of the footage
    finished : how many frames earlier runs have finished
    faces : and how many faces of theirs were put in, if known
    failures : and what has failed in those of them that are not done again
    notes : sentences about the result
    """

    save: Callable[[Converted], None] | None = None
    span: Span
    finished: int = 0
    faces: int = 0

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.notes: list[str] = []

    @abstractmethod
    def __contains__(self, name: str) -> bool:
        """Whether the frame of that name is finished."""

    @abstractmethod
    def add(self, done: Converted) -> None:
        """Take the next finished frame, in order; after `save` where there is one."""


def mask_frame(done: Converted) -> Frame:
    """Return a finished frame's mask as a gray picture."""
    if done.face_alpha is None:
        raise ValueError("the pipeline was not asked for masks")
    return replace(done.frame, image=cv2.merge([done.face_alpha] * 3), image16=None)
