"""Everything that watches a training: previews, the window and its keys, measuring, TensorBoard.

What needs the networks is done between two steps, a few faces at a time; drawing, measuring and
writing happen in a thread of their own, one thing after the other.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from trainer.monitoring import preview
from trainer.monitoring.predict import FacePredictor, Predicted
from trainer.monitoring.preview import PreviewContent, PreviewFaces
from trainer.monitoring.tensorboard import TensorBoardWriter
from trainer.monitoring.validation import ProgressFile, Validation
from trainer.monitoring.window import open_viewer
from trainer.progress import Every, Progress
from trainer.session import TrainingSession
from utils import console
from utils.images import Image, write_image

SAVE, QUIT, BACKUP = "save", "quit", "backup"
WISHES = {"s": SAVE, "enter": QUIT, "b": BACKUP}
MEASURING = 0.02  # of the time, at most
RANGES = (0, 5_000, 10_000, 50_000, 100_000)  # iterations of losses that are drawn; 0: all


class Monitor:
    """Watches one run; use it as a context.

    Parameters
    ----------
    sitters : faces of the preview
    exam : None when no faces are kept out of training
    """

    def __init__(
        self,
        session: TrainingSession,
        progress: Progress,
        sitters: PreviewFaces,
        exam: Validation | None,
    ) -> None:
        self._session, self._progress, self._sitters, self._exam = session, progress, sitters, exam
        options = session.options
        self._folder: Path = options.model_dir
        self._predictor = FacePredictor(session.model)
        self._record = ProgressFile(self._folder / "progress.csv")
        self._preview_due, self._exam_due = (
            Every(options.preview_minutes), Every(options.measure_minutes, MEASURING)
        )  # fmt: skip
        self._page = self._range = 0
        self._scene: PreviewContent | None = None
        self._predicting: Iterator[list[Predicted]] | None = None
        self._files_due = bool(options.preview_minutes)  # the first one comes at once
        self._wanted = False  # by a person at the window

    def __enter__(self) -> "Monitor":
        options = self._session.options
        self._thread = ThreadPoolExecutor(1, "monitor")
        self._drawing: Future[None] | None = None
        self._board = (
            TensorBoardWriter(self._folder / "tensorboard") if options.tensorboard else None
        )
        self._viewer = open_viewer(options.preview and options.preview_minutes > 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        if self._viewer is not None:
            self._viewer.close()
        if self._board is not None:
            self._board.close()

    def look(self) -> set[str]:
        """Look once, after an iteration; return what a person at the window wishes."""
        wishes = self._hear()
        if self._preview_due.due():
            self._files_due = True
        idle = self._drawing is None or self._drawing.done()
        if idle and (self._files_due or self._wanted):
            self._take(files=self._files_due)
            self._files_due = self._wanted = False
        elif self._exam is not None:
            self._advance(self._exam)
        return wishes

    def finish(self) -> None:
        """Draw the preview a last time."""
        if self._session.options.preview_minutes and self._session.loss_names:
            self._take(files=True)

    def _hear(self) -> set[str]:
        """Handle the keys pressed in the window."""
        keys = self._viewer.keys() if self._viewer is not None else []
        for key in keys:
            if key in ("p", "space"):
                self._page = (self._page + (key == "space")) % preview.PAGES
                self._wanted = True
            elif key == "l":
                self._range = (self._range + 1) % len(RANGES)
                if self._scene is not None:
                    self._scene = replace(self._scene, last=RANGES[self._range])
                    self._later(partial(self._redraw, self._scene))
        return {WISHES[key] for key in keys if key in WISHES}

    def _take(self, *, files: bool) -> None:
        """Put faces through the networks; the rest is done in the background.

        Files always show the same faces and all losses, the window what was asked for.
        """
        session = self._session
        columns = self._sitters.columns(self._predictor, self._page)
        self._scene = shown = PreviewContent(
            columns=columns,
            history=session.history,
            names=session.loss_names,
            iteration=session.iteration,
            measured=self._record.until(session.iteration),
            last=RANGES[self._range],
        )
        self._drawing = self._later(partial(self._redraw, shown))
        if files:
            if self._page:
                columns = self._sitters.columns(self._predictor)
            losses = {f"loss/{name}": value for name, value in session.mean_losses().items()}
            scene = replace(shown, columns=columns, last=0)
            self._drawing = self._later(partial(self._publish, scene, losses))
        self._progress.restart()

    def _publish(self, scene: PreviewContent, losses: Mapping[str, float]) -> None:
        image = preview.draw(scene)
        _write(self._folder / "preview.png", image)
        if self._session.options.preview_history:
            _write(self._folder / "preview_history" / f"{scene.iteration:09d}.png", image)
        if self._board is not None:
            self._board.scalars(scene.iteration, losses)
            self._board.picture(scene.iteration, "preview", image)

    def _redraw(self, scene: PreviewContent) -> None:
        if self._viewer is not None and not self._viewer.closed:
            self._viewer.show(preview.draw(scene))

    def _advance(self, exam: Validation) -> None:
        """Predict a few more of the faces that are kept out, and measure when all are done."""
        if self._predicting is None:
            if not self._exam_due.due():
                return
            self._made: list[Predicted] = []
            self._predicting = exam.predict(self._predictor)
        started = time.perf_counter()
        made = next(self._predicting, None)
        self._exam_due.spent(time.perf_counter() - started)
        if made is not None:
            self._made = made
            return
        self._predicting, made = None, self._made
        when = {"iteration": float(self._session.iteration), "seconds": self._session.seconds}
        self._later(lambda: self._measure(exam, made, when))

    def _measure(self, exam: Validation, made: list[Predicted], when: Mapping[str, float]) -> None:
        started = time.perf_counter()
        values = exam.measure(made)
        self._exam_due.spent(time.perf_counter() - started)
        self._record.add({**when, **values})
        if self._board is not None:
            kept_out = {f"kept out/{name}": value for name, value in values.items()}
            self._board.scalars(int(when["iteration"]), kept_out)

    def _later(self, work: Callable[[], None]) -> Future[None]:
        """Do something in the background; what fails there is told and costs only itself."""

        def careful() -> None:
            try:
                work()
            except Exception as problem:  # noqa: BLE001 - watching must not end a training
                console.warn(f"watching the training failed: {type(problem).__name__}: {problem}")

        return self._thread.submit(careful)


def _write(path: Path, image: Image) -> None:
    """Write a preview; a full disk must not end a training."""
    try:
        write_image(path, image)
    except OSError as problem:
        console.warn(f'cannot write a preview into "{path.parent}": {problem.strerror}')
