"""Renders previews in a thread of its own.

The window must never wait for a preview: of several keys pressed between two polls, OpenCV's
windows report only the last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from converters.interactive.preview import (
    PredictedFrame,
    PreviewImage,
    PreviewRenderer,
    PreviewRequest,
)
from utils.errors import UserError

T = TypeVar("T")

LATE_SECONDS = 0.3
"""A preview that takes longer than this is announced."""
IDLE_SECONDS = 0.4
"""Without a change for this long, frames are prepared ahead. The next request has to wait for the
frame that is being prepared."""


@dataclass(frozen=True, eq=False)
class PreviewResult:
    """The preview of a request, or the reason why there is none.

    Attributes
    ----------
    request : PreviewRequest or None
        What was requested; None before the first request.
    preview : PreviewImage or None
        The preview; None if it could not be made.
    problem : str
        Why it could not be made.
    """

    request: PreviewRequest | None = None
    preview: PreviewImage | None = None
    problem: str = ""


class PreviewWorker:
    """Renders the latest request; a context manager."""

    def __init__(self, renderer: PreviewRenderer) -> None:
        self._renderer = renderer
        self._thread = ThreadPoolExecutor(1, "previews")
        self._task: Future[PreviewResult | None] | None = None
        self._latest = PreviewResult()
        self._request: PreviewRequest | None = None
        self._since = 0.0
        self._done: Callable[[], None] = lambda: None

    def __enter__(self) -> PreviewWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def __call__(self, request: PreviewRequest) -> PreviewResult:
        """Return the latest preview at once; start rendering the requested one if it differs."""
        if request != self._request:
            self._request, self._since = request, time.monotonic()
        if self._task is not None and self._task.done():
            self._latest = self._task.result() or self._latest
            self._task = None
        if self._task is None:
            self._start_next(request)
        return self._latest

    def when_done(self, call: Callable[[], None]) -> None:
        """Call a function, in the thread that renders, when something has been rendered."""
        self._done = call

    @property
    def busy(self) -> bool:
        """Whether something is being rendered."""
        return self._task is not None

    @property
    def late(self) -> bool:
        """Whether the requested preview is not there yet and is taking long."""
        return self._latest.request != self._request and self._elapsed > LATE_SECONDS

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._since

    def _start_next(self, request: PreviewRequest) -> None:
        if self._latest.request != request:
            self._submit(self._render, request)
        elif self._elapsed > IDLE_SECONDS:
            self._look_ahead(request)

    def _look_ahead(self, request: PreviewRequest) -> None:
        """Prepare missing context frames, then render again with them, then the next frame."""
        renderer, preview = self._renderer, self._latest.preview
        missing = renderer.missing(request)
        if missing:
            self._submit(self._prepare, missing[0])
        elif preview is not None and preview.missing:
            self._submit(self._render, request)
        elif following := renderer.following(request):
            self._submit(self._prepare, following)

    def _submit(self, work: Callable[[T], PreviewResult | None], item: T) -> None:
        self._task = self._thread.submit(work, item)
        self._task.add_done_callback(lambda _: self._done())

    def _render(self, request: PreviewRequest) -> PreviewResult:
        try:
            return PreviewResult(request, self._renderer(request))
        except UserError as problem:
            return PreviewResult(request, None, str(problem))

    def _prepare(self, wanted: PredictedFrame) -> None:
        try:
            self._renderer.prepare(wanted)
        except UserError:
            return  # reported when that frame is shown
