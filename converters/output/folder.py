"""Where converted frames go, and how a run goes on where an earlier one has stopped."""

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Self

from converters.output.base import Output, OutputRequest, mask_frame
from converters.output.journal import Journal
from converters.pipeline import Converted
from utils.errors import InputError
from utils.files import IMAGE_SUFFIXES
from utils.video.sink import FolderSink


class FolderOutput(Output):
    """A folder of pictures, each marked and signed, and one of masks if wanted."""

    def __init__(self, order: OutputRequest) -> None:
        super().__init__()
        options, source, span = order.options, order.source, order.span
        self._journal = Journal(options, order.header, order.look_fingerprint)
        mark = order.marker.picture if order.marker else None
        self._pictures = FolderSink(options.output_dir, mark, f".{options.image_format}")
        self._masks = FolderSink(options.mask_output) if options.mask_output else None
        if self._masks and not options.overwrite and not self._journal.finished:
            check_free(self._masks.path)
        # pictures keep what pictures have; a video's 10 bits only if asked for
        high = options.bit_depth == "10" or (options.bit_depth == "auto" and not source.is_video)
        source.wants_16_bit = (
            high and source.video_format.depth > 8 and options.image_format == "png"
        )
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


def check_free(folder: Path) -> None:
    """Raise InputError if there are pictures in a folder."""
    if folder.is_dir() and any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir()):
        raise InputError(
            f'"{folder}" holds pictures already; use --overwrite or another --mask-output'
        )
