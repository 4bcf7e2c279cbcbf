"""The view Train: the models of a workspace, how their training goes, and requests to it.

Pages are told, over the WebSocket, `training` (all models, in short) and `curves` (one model each:
losses, and the metrics of held-out faces). A request is a file in the model's folder, which any
program may write (docs/training.md): /api/train/MODEL/save and /api/train/MODEL/backup write it.
"""

import asyncio
import math
import re
import sys
import time
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from facelib import quality
from facelib.validation_log import ValidationLog
from models import model_folder
from utils.errors import InputError, UserError
from utils.files import no_link
from utils.workspace import Workspace, changed
from workbench import forms, progress
from workbench.jobs import ACTIVE, JobQueue, QueuedJob
from workbench.project import url

REQUESTS = {"save": "save.request", "backup": "backup.request"}
LOOK_SECONDS = 2.0
"""Between two looks at the curves, at the memory, and at which models there are."""
FACES = {
    "ssim_src": "src",
    "ssim_dst": "dst",
    "mask_overlap": "mask",
    "mask_iou": "overlap with labels",
    "mask_boundary": "edges within 2 pixels",
}
POINTS = 500
"""Of a curve of losses."""
LARGEST = 1 << 30
"""Bytes of a history of losses."""
HEADER = re.compile(rb"\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \}\s*")
MAGIC = b"\x93NUMPY\x01\x00"

ModelNews = dict[str, Any]


class Curve(NamedTuple):
    """Losses over the iterations, as lists of equal length."""

    iterations: list[float]
    losses: dict[str, list[float]]


class TrainView:
    """Watches the trainings of a workspace."""

    def __init__(self, home: Workspace) -> None:
        self.home = home
        self.queue = JobQueue(home)
        self._looked = -math.inf
        self._folders: list[Path] = []
        self._states: dict[Path, dict[str, Any]] = {}
        self._memory: dict[int, int] = {}
        self._latest: dict[
            int, tuple[int, ModelNews]
        ] = {}  # by job: offset in its log, last progress
        self._live: dict[int, dict[float, Mapping[str, float]]] = {}
        self._saved: dict[Path, tuple[str | None, Curve]] = {}
        self._measured: dict[Path, tuple[str | None, ModelNews]] = {}
        self._curves: dict[str, ModelNews] = {}

    def routes(self) -> list[Route]:
        """Return the addresses of the view."""
        return [Route("/api/train/{model}/{request}", self.ask, methods=["POST"])]

    async def ask(self, request: Request) -> Response:
        """Ask a running training to save or to make a backup."""
        name, what = (request.path_params[key] for key in ("model", "request"))
        await asyncio.to_thread(self._ask, name, what)
        return JSONResponse({})

    def _ask(self, name: str, what: str) -> None:
        folder = self.home.folder / name
        if what not in REQUESTS or folder not in models(self.home):
            raise InputError(f'there is no model "{name}" here, or no such request')
        if not any(_folder(job, self.home) == folder for job in self._trainings()):
            raise InputError(f'no training of "{name}" runs here')
        no_link(folder / REQUESTS[what]).touch()

    def _trainings(self) -> list[QueuedJob]:
        return [job for job in self.queue.jobs() if _may_train(job)]

    def news(self, jobs: Sequence[QueuedJob]) -> list[ModelNews]:
        """Return what pages are told: all models in short, and the curves of each."""
        trainings = [job for job in jobs if _may_train(job)]
        now = time.monotonic()
        look = now - self._looked > LOOK_SECONDS
        if look:
            self._folders = models(self.home)
            self._states = {folder: _state(folder) for folder in self._folders}
            self._memory = {job.number: _memory(job.pid) for job in trainings}
        for job in trainings:
            self._follow(job)
        running = {_folder(job, self.home): job for job in trainings if self._trains(job)}
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
                values = event.get("values")
                points[event.get("item", 0)] = values if isinstance(values, dict) else {}
            elif event["event"] == "end":
                latest = {}
        if len(points) > POINTS:
            for item in list(points)[1::2]:
                del points[item]
        self._latest[job.number] = offset, latest

    def _trains(self, job: QueuedJob) -> bool:
        """Whether a job trains just now; `run` also does other things."""
        return job.words[0] == "train" or bool(self._latest[job.number][1])

    def _model(self, folder: Path, job: QueuedJob | None) -> ModelNews:
        state = self._states.get(folder, {})
        latest = self._latest[job.number][1] if job and job.number in self._latest else {}
        return {
            "name": folder.name,
            "kind": str(state.get("model", "")),
            "iteration": latest.get("item", state.get("iteration")),
            "saved": state.get("iteration"),
            "seconds": state.get("seconds"),
            "preview": url(self.home, folder / "preview.png"),
            "job": job.number if job else None,
            "state": job.state if job else "",
            "latest": latest or None,
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
            **self._metrics(folder),
        }

    def _metrics(self, folder: Path) -> ModelNews:
        """Return the metrics, read again only after another measurement."""
        key = url(self.home, folder / "progress.csv")
        if folder not in self._measured or self._measured[folder][0] != key:
            self._measured[folder] = key, _metrics(folder)
        return self._measured[folder][1]

    def _losses(self, folder: Path) -> Curve:
        """Return the losses up to the newest save, read again only after another one."""
        newest = next(iter(model_folder.generations(folder)), None)
        key = None if newest is None else f"{newest.name} {changed(folder)}"
        if folder not in self._saved or self._saved[folder][0] != key:
            names = [str(name) for name in _state(folder).get("loss_names", [])]
            self._saved[folder] = key, _history(newest, names) if newest else Curve([], {})
        return self._saved[folder][1]


def models(home: Workspace) -> list[Path]:
    """Return the folders of the workspace that hold a model, the usual one first."""
    found = []
    with suppress(OSError):
        found = [
            path
            for path in sorted(home.folder.iterdir())
            if (path / model_folder.GENERATIONS).is_dir() and not path.is_symlink()
        ]
    return sorted(found, key=lambda path: path != home.model)


def _may_train(job: QueuedJob) -> bool:
    return job.state in ACTIVE and job.words[0] in ("train", "run")


def _folder(job: QueuedJob, home: Workspace) -> Path | None:
    """Return the folder of the model that a job trains."""
    try:
        _, given = forms.read_flags(forms.in_workspace(job.words, home))
    except UserError:
        return None
    return home.folder / given.get("model_dir", home.model)


def _state(folder: Path) -> dict[str, Any]:
    try:
        return model_folder.newest_state(folder)
    except (OSError, UserError):
        return {}


def _memory(pid: int | None) -> int:
    """Return the bytes of memory that a process and its children use."""
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += each.memory_info().rss
    return total


def _metrics(folder: Path) -> ModelNews:
    """Return the metrics of held-out faces and of the swap over the iterations."""
    try:
        rows = ValidationLog.of(folder).until(sys.maxsize)
    except InputError as problem:
        return {"metrics": {"iterations": [], "swap": {}, "faces": {}}, "problem": str(problem)}
    scores = [quality.scores(row) for row in rows]
    swap = {"quality": [_finite(row["swap_quality"]) for row in rows]}
    for name in scores[0] if scores else ():
        swap[name] = [_finite(score[name]) for score in scores]
    faces = {label: [_finite(row[key]) for row in rows] for key, label in FACES.items()}
    return {
        "metrics": {
            "iterations": [row["iteration"] for row in rows],
            "swap": {name: values for name, values in swap.items() if _any_known(values)},
            "faces": {name: values for name, values in faces.items() if _any_known(values)},
        },
        "problem": "",
    }


def _any_known(values: Sequence[float | None]) -> bool:
    """Whether there is anything to draw."""
    return any(value is not None for value in values)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _history(generation: Path, names: Sequence[str]) -> Curve:
    """Return the losses of a generation as means of equally many iterations; none if damaged.

    The file has a row of float32 for each iteration (docs/file-formats.md); read without NumPy.
    """
    rows = _read_rows(generation / "history.npy", len(names))
    count = len(rows) // max(len(names), 1)
    step = max(1, math.ceil(count / POINTS))
    starts = range(0, count, step)
    shown = [name for name in names if "mask" not in name]
    losses = {}
    for column, name in enumerate(names):
        values = rows[column :: len(names)]
        means = [sum(values[at : at + step]) / len(values[at : at + step]) for at in starts]
        if name in shown and all(map(math.isfinite, means)):
            losses[name] = [float(f"{mean:.6g}") for mean in means]
    return Curve([min(at + step, count) for at in starts], losses)


def _read_rows(path: Path, columns: int) -> "array[float]":
    rows = array("f")
    with suppress(OSError, ValueError):
        data = no_link(path).read_bytes() if path.stat().st_size <= LARGEST else b""
        size = int.from_bytes(data[8:10], "little")
        header = HEADER.fullmatch(data[10 : 10 + size])
        if data.startswith(MAGIC) and header and int(header[2]) == columns:
            rows.frombytes(data[10 + size :])
    if sys.byteorder == "big":
        rows.byteswap()
    return rows
