"""Results in a folder of images."""

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Self

from converters.footage import Footage
from converters.output.base import Output, mask_frame
from converters.output.journal import Journal, RunIdentity
from converters.output.request import OutputRequest
from converters.pipeline import Converted
from utils.errors import InputError
from utils.files import is_image, remove_leftovers
from utils.video.sink import FolderSink


class FolderOutput(Output):
    """A folder of images, each marked and signed, and one of masks if wanted."""

    def __init__(self, request: OutputRequest, footage: Footage, identity: RunIdentity) -> None:
        super().__init__(request, footage)
        self._journal = Journal(request.path, identity, request.overwrite)
        mark = request.marker.sign_image if request.marker and not request.is_part else None
        self._images = FolderSink(request.path, mark, f".{request.image_format}")
        self._masks = FolderSink(request.mask_path) if request.mask_path else None
        self.finished = self._journal.finished
        if self._masks and not request.overwrite and not self._journal.continues:
            require_no_images(self._masks.path)
        self.save = self._save
        begin = self.span.first or 0
        if footage.source.is_video and isinstance(begin, int):
            # skip what was finished without a gap: it need not be decoded
            first = next(i for i in count(begin) if f"{i:06d}.png" not in self)
            if first > begin:
                self.span = replace(self.span, first=first)

    def __contains__(self, name: str) -> bool:
        mask = self._masks.file_of(name) if self._masks else None
        return name in self._journal and (mask is None or mask.exists())

    def _save(self, converted: Converted) -> None:
        self._images.write(converted.frame)
        if self._masks:
            self._masks.write(mask_frame(converted))

    def add(self, converted: Converted) -> None:
        """Record a frame that was saved; one with failures is tried again by the next run."""
        if not converted.failures:
            self.record(converted.frame.name, converted.faces)

    def record(self, name: str, faces: object) -> None:
        """Record that a frame is finished, and how many faces were converted in it."""
        self._journal.add(name, faces=faces)

    def __enter__(self) -> Self:
        self._journal.__enter__()
        self._images.__enter__()
        if self._masks:
            remove_leftovers(self._masks.path)
            self._masks.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.__exit__()


def require_no_images(folder: Path) -> None:
    """Raise InputError if there are images in a folder."""
    if folder.is_dir() and any(is_image(path) for path in folder.iterdir()):
        raise InputError(
            f'"{folder}" holds images already; use --overwrite or another --mask-output'
        )
