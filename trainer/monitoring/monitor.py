"""Watches a training: preview, window and keys, validation, TensorBoard.

What needs the networks happens between two steps, a few faces at a time; drawing, computing metrics
and writing happen in one background thread.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from facelib import quality
from facelib.validation_log import ValidationLog
from trainer.monitoring import preview
from trainer.monitoring.predict import FacePredictor, Predicted
from trainer.monitoring.preview import PreviewContent
from trainer.monitoring.stop_rule import StopRule
from trainer.monitoring.tensorboard import TensorBoardWriter
from trainer.monitoring.watched import Measurement, Preview
from trainer.monitoring.window import open_window
from trainer.progress import Every, ProgressLine
from trainer.session import TrainingSession
from utils import console
from utils.images import Image, write_image

SAVE, QUIT, BACKUP = "save", "quit", "backup"
REQUESTS = {"s": SAVE, "enter": QUIT, "b": BACKUP}
VALIDATION_SHARE = 0.02  # of the time, at most
RECENT = 60.0  # seconds of training since a measurement that need not be repeated at the end
RANGES = (0, 5_000, 10_000, 50_000, 100_000)  # recent iterations whose losses are drawn; 0: all


@dataclass(frozen=True)
class MonitorSettings:
    """What is shown and recorded, how often, and where.

    Attributes
    ----------
    folder : Path
        Where the preview, the validation log and TensorBoard's files are written.
    window : bool
        Whether to show the preview in a window.
    preview_minutes, validation_minutes : float
        Minutes between two of them; 0 for none.
    preview_history : bool
        Whether to keep every preview.
    tensorboard : bool
        Whether to write TensorBoard's files.
    stop_rule : StopRule
        When the measured swap ends the training.
    """

    folder: Path
    window: bool
    preview_minutes: float
    preview_history: bool
    validation_minutes: float
    tensorboard: bool
    stop_rule: StopRule


class Monitor:
    """Watches one run; use it as a context manager.

    Parameters
    ----------
    validation : Measurement or None
        None when no faces are held out.

    Attributes
    ----------
    stop_reason : str
        Why the measured swap ends the training; empty as long as it does not.
    """

    def __init__(
        self,
        session: TrainingSession,
        line: ProgressLine,
        faces: Preview,
        validation: Measurement | None,
        settings: MonitorSettings,
    ) -> None:
        self._session, self._line, self._faces = session, line, faces
        self._validation, self._settings = validation, settings
        self._predictor = FacePredictor(session.output_model)
        self._log = ValidationLog.of(settings.folder)
        self.stop_reason = settings.stop_rule.reason(self._rows()) if validation else ""
        self._preview_due = Every(settings.preview_minutes)
        rows = self._rows()
        self._measured = rows[-1]["seconds"] if rows else 0.0  # seconds of training
        since = session.seconds - self._measured
        self._validation_due = Every(settings.validation_minutes, VALIDATION_SHARE, since)
        self._page = self._range = 0
        self._content: PreviewContent | None = None
        self._validating: Iterator[list[Predicted]] | None = None
        self._files_due = settings.preview_minutes > 0  # the first preview comes at once
        self._window_due = False

    def __enter__(self) -> "Monitor":
        settings = self._settings
        self._thread = ThreadPoolExecutor(1, "monitor")
        self._drawing: Future[None] | None = None
        self._tensorboard = (
            TensorBoardWriter(settings.folder / "tensorboard") if settings.tensorboard else None
        )
        self._window = open_window() if settings.window and settings.preview_minutes else None
        if self._window is None and settings.preview_minutes:
            path = (settings.folder / "preview.png").resolve()
            every = settings.preview_minutes
            often = "every minute" if every == 1 else f"every {every:g} minutes"
            console.say(f'preview "{path}", drawn {often}')
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        if self._window is not None:
            self._window.close()
        if self._tensorboard is not None:
            self._tensorboard.close()

    def change(self, settings: MonitorSettings) -> None:
        """Show and record as other settings say from now on."""
        other_rule = settings.stop_rule != self._settings.stop_rule
        self._settings = settings
        self._preview_due.change(settings.preview_minutes)
        if other_rule:  # else what ends the training stays known
            self.stop_reason = settings.stop_rule.reason(self._rows()) if self._validation else ""

    def after_step(self) -> set[str]:
        """Do a part of what is due and return what the user asked for in the window."""
        requests = self._handle_keys()
        if self._preview_due.due():
            self._files_due = True
        idle = self._drawing is None or self._drawing.done()
        if idle and (self._files_due or self._window_due):
            self._update_preview(files=self._files_due)
            self._files_due = self._window_due = False
        elif self._validation is not None:
            self._continue_validation(self._validation)
        return requests

    def finish(self, *, measure: bool = False) -> None:
        """Draw the preview a last time, and before it measure a last time if that is not recent."""
        if measure and self._validation is not None:
            self._measure_now(self._validation)
        if self._settings.preview_minutes and self._session.losses.names:
            self._update_preview(files=True)

    def summary(self, verdict: Callable[[Sequence[Mapping[str, float]]], str]) -> str:
        """Say why the training ends, if it does so by itself, and what its measurements mean."""
        return "\n".join(filter(None, [self.stop_reason, verdict(self._rows())]))

    def _rows(self) -> list[Mapping[str, float]]:
        return self._log.until(self._session.iteration)

    def _handle_keys(self) -> set[str]:
        """Handle the keys pressed in the window."""
        keys = self._window.keys() if self._window is not None else []
        for key in keys:
            if key in ("p", "space"):
                self._page = (self._page + (key == "space")) % preview.PAGES
                self._window_due = True
            elif key == "l":
                self._range = (self._range + 1) % len(RANGES)
                if self._content is not None:
                    self._content = replace(self._content, last=RANGES[self._range])
                    self._in_background(partial(self._show, self._content))
        return {REQUESTS[key] for key in keys if key in REQUESTS}

    def _update_preview(self, *, files: bool) -> None:
        """Run the preview faces through the networks; the rest happens in the background.

        Files always show the same faces and all losses, the window what the user chose.
        """
        session = self._session
        columns = self._faces.columns(self._predictor, self._page)
        self._content = content = PreviewContent(
            columns=columns,
            history=session.losses.rows,
            names=session.losses.names,
            iteration=session.iteration,
            metrics=self._rows(),
            facts=self._line.facts(),
            last=RANGES[self._range],
        )
        self._drawing = self._in_background(partial(self._show, content))
        if files:
            if self._page:
                columns = self._faces.columns(self._predictor)
            losses = {f"loss/{name}": value for name, value in session.losses.means().items()}
            content = replace(content, columns=columns, last=0)
            self._drawing = self._in_background(partial(self._write, content, losses))
        self._line.restart()

    def _show(self, content: PreviewContent) -> None:
        if self._window is not None and not self._window.closed:
            self._window.show(self._faces.draw(content))

    def _write(self, content: PreviewContent, losses: Mapping[str, float]) -> None:
        image, folder = self._faces.draw(content), self._settings.folder
        _write_preview(folder / "preview.png", image)
        if self._settings.preview_history:
            _write_preview(folder / "preview_history" / f"{content.iteration:09d}.png", image)
        if self._tensorboard is not None:
            self._tensorboard.scalars(content.iteration, losses)
            self._tensorboard.image(content.iteration, "preview", image)

    def _continue_validation(self, validation: Measurement) -> None:
        """Predict a few more held-out faces; compute the metrics when all are done."""
        if self._validating is None:
            if not self._validation_due.due():
                return
            self._predicted: list[Predicted] = []
            self._validating = validation.predict(self._predictor)
        started = time.perf_counter()
        predicted = next(self._validating, None)
        self._validation_due.spent(time.perf_counter() - started)
        if predicted is not None:
            self._predicted = predicted
            return
        self._validating = None
        self._submit_metrics(validation, self._predicted)

    def _measure_now(self, validation: Measurement) -> None:
        """Measure, unless that was done in the last minute of training or nothing was trained."""
        session, reason = self._session, self.stop_reason
        recent = self._measured and session.seconds - self._measured < RECENT
        if recent or not session.steps_done:
            return
        console.announce("measuring the model")
        *_, predicted = validation.predict(self._predictor)
        self._submit_metrics(validation, predicted).result()
        self.stop_reason = reason  # what ends the training is known already

    def _submit_metrics(self, validation: Measurement, predicted: list[Predicted]) -> Future[None]:
        """Compute the metrics in the background."""
        self._measured = self._session.seconds
        when = {"iteration": float(self._session.iteration), "seconds": self._measured}
        return self._in_background(lambda: self._record_metrics(validation, predicted, when))

    def _record_metrics(
        self, validation: Measurement, predicted: list[Predicted], when: Mapping[str, float]
    ) -> None:
        started = time.perf_counter()
        metrics = validation.metrics(predicted)
        self._validation_due.spent(time.perf_counter() - started)
        self._log.add({**when, **metrics})
        self.stop_reason = self.stop_reason or self._settings.stop_rule.reason(self._rows())
        if self._tensorboard is not None:
            tagged = {f"{_tag(name)}/{name}": value for name, value in metrics.items()}
            self._tensorboard.scalars(int(when["iteration"]), tagged)

    def _in_background(self, work: Callable[[], None]) -> Future[None]:
        """Run something in the background thread; an error there only causes a warning."""

        def guarded() -> None:
            try:
                work()
            except Exception as problem:  # noqa: BLE001 - monitoring must not end a training
                console.warn(f"monitoring failed: {type(problem).__name__}: {problem}")

        return self._thread.submit(guarded)


def _tag(metric: str) -> str:
    """Return where TensorBoard shows a metric; "kept out" is a stored name, whose curves go on."""
    return "swap" if metric in quality.COLUMNS else "kept out"


def _write_preview(path: Path, image: Image) -> None:
    """Write a preview; a full disk must not end a training."""
    try:
        write_image(path, image)
    except OSError as problem:
        console.warn(f'cannot write a preview into "{path.parent}": {problem.strerror}')
