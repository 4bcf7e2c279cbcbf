"""The view Train: the models of a workspace, how their training goes, and requests to it.

Pages are told, over the WebSocket, `training` (all models, in short) and `curves` (one model each:
losses, and the metrics of held-out faces). A request is a file in the model's folder, which any
program may write (docs/training.md).

/api/train/MODEL/save, .../backup    POST: ask a running training for it
/api/train/MODEL/options             the options that may change while it runs, as a form; POST
                                     changes them (workbench/training_options.py)
"""

import asyncio
import math
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from models import model_folder
from utils.errors import InputError, UsageError
from utils.files import no_link
from utils.lock import TRAIN_LOCK, held
from utils.workspace import Workspace, changed
from workbench import curves, progress
from workbench.curves import Curve
from workbench.job import JobState
from workbench.jobs import JobQueue, QueuedJob
from workbench.project import url
from workbench.requests import body_of, json_object
from workbench.training_options import Running
from workbench.trainings import (
    changes_in,
    folder_of,
    may_train,
    memory_of,
    models,
    state_of,
)

REQUESTS = {"save": "save.request", "backup": "backup.request"}
LOOK_SECONDS = 2.0
"""Between two looks at the curves, at the memory, and at which models there are."""

FAILED = JobState.FAILED
RECENT = 20
"""Trainings that have ended, among which the last of each model is looked for."""
ModelNews = dict[str, Any]


class TrainView:
    """Watches the trainings of a workspace."""

    def __init__(self, home: Workspace) -> None:
        self.home = home
        self.queue = JobQueue(home)
        self._changing = threading.Lock()
        self._looked = -math.inf
        self._folders: list[Path] = []
        self._states: dict[Path, dict[str, Any]] = {}
        self._elsewhere: set[Path] = set()
        self._failed: dict[Path, str] = {}
        self._reasons: dict[tuple[int, int], str] = {}  # by job and attempt
        self._memory: dict[int, int] = {}
        self._beginning: set[tuple[int, int]] = set()  # attempts seen before the first iteration
        self._took: dict[int, float] = {}  # by job: seconds until the first iteration
        self._latest: dict[
            int, tuple[int, ModelNews]
        ] = {}  # by job: offset in its log, last progress
        self._live: dict[int, dict[float, Mapping[str, float]]] = {}
        self._saved: dict[Path, tuple[str | None, Curve]] = {}
        self._measured: dict[Path, tuple[str | None, ModelNews]] = {}
        self._curves: dict[str, ModelNews] = {}

    def routes(self) -> list[Route]:
        """Return the addresses of the view."""
        options = "/api/train/{model}/options"
        return [
            Route(options, self.options, methods=["GET"]),
            Route(options, self.change, methods=["POST"]),
            Route("/api/train/{model}/{request}", self.ask, methods=["POST"]),
        ]

    async def options(self, request: Request) -> Response:
        """Answer with the options of a running training that may change."""
        values = json_object(request.query_params.get("values", "{}"))
        name = request.path_params["model"]
        return JSONResponse(await asyncio.to_thread(lambda: self._running(name).form(values)))

    async def change(self, request: Request) -> Response:
        """Change options of a running training."""
        values = json_object(await body_of(request)).get("values")
        if not isinstance(values, dict):
            raise UsageError("Expected a form's values")
        name = request.path_params["model"]
        return JSONResponse({"how": await asyncio.to_thread(self._change, name, values)})

    async def ask(self, request: Request) -> Response:
        """Ask a running training to save or to make a backup."""
        name, what = (request.path_params[key] for key in ("model", "request"))
        await asyncio.to_thread(self._ask, name, what)
        return JSONResponse({})

    def _change(self, name: str, values: Mapping[str, Any]) -> str:
        with self._changing:  # each change begins with what the one before has led to
            return self._running(name).change(values, self.queue)

    def _ask(self, name: str, what: str) -> None:
        if what not in REQUESTS:
            raise InputError("there is no such request")
        running = self._running(name)
        running.check_takes_requests()
        no_link(running.folder / REQUESTS[what]).touch()

    def _running(self, name: str) -> Running:
        """Return the training of a model.

        Raises
        ------
        InputError
            If there is no such model, or it does not train.
        """
        folder = self.home.folder / name
        if folder not in models(self.home):
            raise InputError(f'there is no model "{name}" here')
        jobs = (job for job in self.queue.jobs() if may_train(job))
        job = next((job for job in jobs if folder_of(job, self.home) == folder), None)
        if job is None and not held(folder / TRAIN_LOCK):
            raise InputError(f'no training of "{name}" runs')
        return Running(self.home, folder, job)

    def news(self, jobs: Sequence[QueuedJob]) -> list[ModelNews]:
        """Return what pages are told: all models in short, and the curves of each."""
        trainings = [job for job in jobs if may_train(job)]
        now = time.monotonic()
        look = now - self._looked > LOOK_SECONDS
        if look:
            self._folders = models(self.home)
            self._states = {folder: state_of(folder) for folder in self._folders}
            self._memory = {job.number: memory_of(job.pid) for job in trainings}
        for job in trainings:
            self._follow(job)
        running = {folder_of(job, self.home): job for job in trainings if self._trains(job)}
        if look:
            others = (folder for folder in self._folders if folder not in running)
            self._elsewhere = {folder for folder in others if held(folder / TRAIN_LOCK)}
            self._failed = self._failures(jobs)
        listed = [self._model(folder, running.get(folder)) for folder in self._folders]
        if look:
            for folder in self._folders:
                self._curves[folder.name] = self._curve(folder, running.get(folder))
            self._looked = time.monotonic()
        return [
            {"type": "training", "models": listed},
            *(self._curves[f.name] for f in self._folders if f.name in self._curves),
        ]

    def _follow(self, job: QueuedJob) -> None:
        """Read what a training has told since the last look."""
        offset, latest = self._latest.get(job.number, (0, {}))
        events, offset = progress.tail(self.queue.log(job.number), offset)
        points = self._live.setdefault(job.number, {})
        for event in events:
            if event["event"] == "progress" and event.get("unit") == "iteration":
                latest = event
                self._begun(job)
                _add(points, event)
            elif event["event"] in ("attempt", "end"):
                latest = {}
        if not latest:
            self._beginning.add((job.number, job.attempts))
        if len(points) > curves.POINTS:
            for item in list(points)[1::2]:
                del points[item]
        self._latest[job.number] = offset, latest

    def _begun(self, job: QueuedJob) -> None:
        """Note how long a training took to begin, if we saw it."""
        if (job.number, job.attempts) in self._beginning and job.started:
            self._took[job.number] = time.time() - job.started
            self._beginning.discard((job.number, job.attempts))

    def _failures(self, jobs: Sequence[QueuedJob]) -> dict[Path, str]:
        """Return why the last training of a model failed, of those that did."""
        last = {}
        for job in [job for job in jobs if job.words[0] == "train" and job.started][-RECENT:]:
            if folder := folder_of(job, self.home):
                last[folder] = job
        return {folder: self._reason(job) for folder, job in last.items() if job.state == FAILED}

    def _reason(self, job: QueuedJob) -> str:
        key = job.number, job.attempts
        if key not in self._reasons:
            events, _ = progress.tail(self.queue.log(job.number))
            errors = [str(event.get("text")) for event in events if event["event"] == "error"]
            self._reasons[key] = errors[-1] if errors else f"job {job.number} failed: see its log"
        return self._reasons[key]

    def _trains(self, job: QueuedJob) -> bool:
        """Whether a job trains just now; `run` also does other things."""
        return job.words[0] == "train" or bool(self._latest[job.number][1])

    def _model(self, folder: Path, job: QueuedJob | None) -> ModelNews:
        state = self._states.get(folder, {})
        latest = self._latest[job.number][1] if job and job.number in self._latest else {}
        return {
            "name": folder.name,
            "kind": str(state.get("model", "")),
            "base": model_folder.is_pretrained(state),
            "iteration": latest.get("item", state.get("iteration")),
            "saved": state.get("iteration"),
            "seconds": state.get("seconds"),
            "preview": url(self.home, folder / "preview.png"),
            "job": job.number if job else None,
            "state": job.state if job else "",
            "latest": latest or None,
            "failure": "" if job else self._failed.get(folder, ""),
            "elsewhere": job is None and folder in self._elsewhere,
            "begins_in": self._took.get(job.number) if job else None,
            "memory": self._memory.get(job.number) if job else None,
        }

    def _curve(self, folder: Path, job: QueuedJob | None) -> ModelNews:
        saved = self._losses(folder)
        live = self._live.get(job.number, {}) if job else {}
        last = saved.iterations[-1] if saved.iterations else 0
        names = list(saved.losses) or list(next(iter(live.values()), {}))
        points = [(item, values) for item, values in live.items() if item > last]
        losses = {
            name: [*saved.losses.get(name, []), *(values.get(name) for _, values in points)]
            for name in names
        }
        iterations = [*saved.iterations, *(item for item, _ in points)]
        return {
            "type": f"curves {folder.name}",
            "model": folder.name,
            "losses": {"iterations": iterations, "values": losses},
            "changes": changes_in(self._states.get(folder, {})),
            **self._metrics(folder),
        }

    def _metrics(self, folder: Path) -> ModelNews:
        """Return the metrics, read again only after another measurement."""
        key = url(self.home, folder / "progress.csv")
        if folder not in self._measured or self._measured[folder][0] != key:
            self._measured[folder] = key, curves.metrics(folder)
        return self._measured[folder][1]

    def _losses(self, folder: Path) -> Curve:
        """Return the losses up to the newest save, read again only after another one."""
        newest = next(iter(model_folder.generations(folder)), None)
        key = None if newest is None else f"{newest.name} {changed(folder)}"
        if folder not in self._saved or self._saved[folder][0] != key:
            names = [str(name) for name in state_of(folder).get("loss_names", [])]
            self._saved[folder] = key, curves.history(newest, names) if newest else Curve([], {})
        return self._saved[folder][1]


def _add(points: dict[float, Mapping[str, float]], event: Mapping[str, Any]) -> None:
    """Add the losses that a training told; it may have gone back to an earlier iteration."""
    item, values = event.get("item", 0), event.get("values")
    while points and next(reversed(points)) >= item:
        points.popitem()
    points[item] = values if isinstance(values, dict) else {}
