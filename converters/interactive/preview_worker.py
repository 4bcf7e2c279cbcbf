"""Makes the pictures of an interactive conversion in a thread of its own.

The window must never wait for a picture: OpenCV's windows remember only the last of the keys that
were pressed since they were last asked.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from converters.interactive.preview import Preview, PreviewImage, PreviewRequest
from utils.errors import UserError

SLOW = 0.3
"""Seconds; a picture that takes longer is said to be on its way."""
IDLE = 0.4
"""Seconds without a change after which frames are made ready that nobody has asked for yet: the
picture that is asked for next has to wait until that is done."""


@dataclass(frozen=True, eq=False)
class PreviewResult:
    """What there is to show.

    Attributes
    ----------
    shot : what was asked for
    seen : its picture; None if there is none
    trouble : why there is none, in words
    """

    shot: PreviewRequest | None = None
    seen: PreviewImage | None = None
    trouble: str = ""


class PreviewWorker:
    """Has the picture made that was asked for last; use it as a context."""

    def __init__(self, preview: Preview) -> None:
        self._preview = preview
        self._thread = ThreadPoolExecutor(1, "painter")
        self._task: Future[PreviewResult | None] | None = None
        self._newest = PreviewResult()
        self._wanted: PreviewRequest | None = None
        self._since = 0.0

    def __enter__(self) -> PreviewWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def __call__(self, shot: PreviewRequest) -> PreviewResult:
        """Return the newest picture, at once; have the one of `shot` made if that is another."""
        if shot != self._wanted:
            self._wanted, self._since = shot, time.monotonic()
        if self._task is not None and self._task.done():
            self._newest = self._task.result() or self._newest
            self._task = None
        if self._task is None:
            self._begin(shot)
        return self._newest

    @property
    def late(self) -> bool:
        """Whether the picture that is asked for is not there and takes long."""
        return self._newest.shot != self._wanted and self._waited > SLOW

    @property
    def _waited(self) -> float:
        return time.monotonic() - self._since

    def _begin(self, shot: PreviewRequest) -> None:
        """Have done what is to be done next, if anything is."""
        if self._newest.shot != shot:
            self._task = self._thread.submit(self._paint, shot)
        elif self._waited > IDLE:
            self._look_ahead(shot)

    def _look_ahead(self, shot: PreviewRequest) -> None:
        """Make ready what the picture lacks, and then the next frame."""
        preview, seen = self._preview, self._newest.seen
        missing, after = preview.missing(shot), shot.frame + 1
        if missing:
            self._task = self._thread.submit(self._prepare, missing[0])
        elif seen is not None and seen.missing:
            self._task = self._thread.submit(self._paint, shot)
        elif after < len(preview.frames) and not preview.ready(after):
            self._task = self._thread.submit(self._prepare, after)

    def _paint(self, shot: PreviewRequest) -> PreviewResult:
        try:
            return PreviewResult(shot, self._preview(shot))
        except UserError as problem:
            return PreviewResult(shot, None, str(problem))

    def _prepare(self, index: int) -> None:
        try:
            self._preview.prepare(index)
        except UserError:
            return  # it is told when that frame is shown
