"""Where converted frames go, and how a run goes on where an earlier one has stopped."""

import json
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Self

import cv2

from converters.options import ConvertOptions
from converters.pipeline import Converted
from converters.resume import Journal
from utils.credentials import Marker
from utils.errors import InputError
from utils.files import IMAGE_SUFFIXES
from utils.lock import locked
from utils.video import FolderSink, Frame, FrameSource, Span
from utils.video_sink import writing


@dataclass(frozen=True, eq=False)
class Order:
    """What is to be written.

    Attributes
    ----------
    options : of the run
    source, span : the footage, and what of it is wanted
    header : what tells this run from others
    marker : marks and signs the result; None: it is not marked
    stamp : gives by a frame's name what tells its look from others; None: all are alike
    """

    options: ConvertOptions
    source: FrameSource
    span: Span
    header: dict[str, object]
    marker: Marker | None = None
    stamp: Callable[[str], str] | None = None


class Output(AbstractContextManager["Output", None]):
    """Takes finished frames; a context that makes the result whole when it is left without error.

    Attributes
    ----------
    save : takes finished frames out of order, from several threads; None if it wants them in order
    span : what is left to do of the footage
    finished : how many frames earlier runs have finished
    faces : and how many faces of theirs were put in, if known
    failures : and what has failed in those of them that are not done again
    remarks : sentences about the result
    """

    save: Callable[[Converted], None] | None = None
    span: Span
    finished: int = 0
    faces: int = 0

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.remarks: list[str] = []

    @abstractmethod
    def __contains__(self, name: str) -> bool:
        """Whether the frame of that name is finished."""

    @abstractmethod
    def add(self, done: Converted) -> None:
        """Take the next finished frame, in order; after `save` where there is one."""


class FolderOutput(Output):
    """A folder of pictures, each marked and signed, and one of masks if wanted."""

    def __init__(self, order: Order) -> None:
        super().__init__()
        options, source, span = order.options, order.source, order.span
        self._journal = Journal(options, order.header, order.stamp)
        mark = order.marker.picture if order.marker else None
        self._pictures = FolderSink(options.output_dir, mark, f".{options.image_format}")
        self._masks = FolderSink(options.mask_output) if options.mask_output else None
        if self._masks and not options.overwrite and not self._journal.finished:
            check_free(self._masks.path)
        # pictures keep what pictures have; a video's 10 bits only if asked for
        deep = options.bit_depth == "10" or (options.bit_depth == "auto" and not source.is_video)
        source.deep = deep and source.signal.depth > 8 and options.image_format == "png"
        self.finished = self._journal.finished
        self.save = self._save
        self.span = span
        if source.is_video:  # what was finished without a gap need not be looked at again
            begin = span.first if isinstance(span.first, int) else 0
            first = next(i for i in count(begin) if f"{i:06d}.png" not in self)
            self.span = span if first == begin else replace(span, first=first)

    def __contains__(self, name: str) -> bool:
        mask = self._masks.file_of(name) if self._masks else None
        return name in self._journal and (mask is None or mask.exists())

    def _save(self, done: Converted) -> None:
        self._pictures.write(done.frame)
        if self._masks:
            self._masks.write(mask_frame(done))

    def add(self, done: Converted) -> None:
        """Record a frame that was saved; what has failed is tried again by the next run."""
        if not done.failures:
            self._journal.add(done.frame.name, faces=done.faces)

    def __enter__(self) -> Self:
        self._journal.__enter__()
        self._pictures.__enter__()
        if self._masks:
            self._masks.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.__exit__()


@contextmanager
def alone(*places: Path | None) -> Iterator[None]:
    """Keep other runs away from results, by a lock file beside each.

    Raises
    ------
    InputError
        If another run is at work on one of them.
    """
    with ExitStack() as stack:
        for place in filter(None, places):
            with writing(place):
                place.parent.mkdir(parents=True, exist_ok=True)
            taken = InputError(
                f'another convert is at work on "{place}"; wait until it ends, or name another '
                "place for the result"
            )
            stack.enter_context(locked(place.with_name(f".{place.name}.lock"), taken))
        yield


def log(output: Path, event: str, **facts: object) -> None:
    """Add a line to the log of an output's runs, `<output>_log.jsonl` beside it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with output.with_name(output.name + "_log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"time": now, "event": event, **facts}, ensure_ascii=False) + "\n")


def check_free(folder: Path) -> None:
    """Raise InputError if there are pictures in a folder."""
    if folder.is_dir() and any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir()):
        raise InputError(
            f'"{folder}" holds pictures already; use --overwrite or another --mask-output'
        )


def mask_frame(done: Converted) -> Frame:
    """Return a finished frame's mask as a grey picture."""
    if done.cover is None:
        raise ValueError("the pipeline was not asked for masks")
    return replace(done.frame, image=cv2.merge([done.cover] * 3), deep=None)
