"""The addresses of the page, and what each answers.

/                      the page; with ?token= it starts a session
/login                 the page that asks for the password, with --host
/static/...            its scripts and styles
/files/...             images and videos of the workspace; other files only to download
/api/session           what a POST must carry; the commands
/api/form/STAGE        the form of a command, with values filled in
/api/picker/...        the file picker: see workbench/picker.py
/api/presets/STAGE     POST values of a form, to be saved under a name
/api/upload/SIDE       POST a clip
/api/jobs              POST a command to the queue; .../N/cancel, .../N/retry, .../N/move
/api/queue/run         POST: run what waits
/api/convert/...       the view Convert: see workbench/convert.py
/api/faces/SIDE/...    the view Faces: see workbench/faces.py
/api/landmarks/SIDE    WebSocket: the view Landmarks, see workbench/landmarks.py
/api/masks/SIDE        WebSocket: the view Masks, see there
/api/result/...        the view Result: see workbench/result.py, workbench/frames.py
/api/train/MODEL/...   the view Train: see workbench/training.py
/live                  WebSocket: everything that changes
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from utils.errors import InputError, UsageError, UserError, sentence
from utils.workspace import Workspace
from workbench import forms, presets, runner
from workbench.convert import ConvertView
from workbench.faces import FacesView
from workbench.frames import FramesView
from workbench.job import UNFINISHED, QueuedJob
from workbench.jobs import JobQueue
from workbench.landmarks import LandmarksView, MasksView
from workbench.live import Live
from workbench.paths import SHOWN, served
from workbench.picker import Picker
from workbench.requests import body_of, json_object, side_of
from workbench.result import ResultView
from workbench.security import Door, Guard

STATIC = Path(__file__).parent / "static"
LONGEST_PASSWORD = 1024


class App:
    """Answers the requests of the page on one workspace."""

    def __init__(self, home: Workspace, door: Door) -> None:
        self.home = home
        self.door = door
        self.queue = JobQueue(home)
        self._adding = threading.Lock()
        self.live = Live(home)
        self.picker = Picker(home, self.live.look_again)
        self.convert = ConvertView(home, self.picker.picked)

    def asgi(self) -> Starlette:
        """Return the application for a server."""
        return Starlette(
            routes=[
                Route("/", self.page),
                Route("/login", self.login, methods=["GET", "POST"]),
                Route("/files/{path:path}", self.file),
                Route("/api/session", self.session),
                Route("/api/form/{stage}", self.form),
                Route("/api/presets/{stage}", self.save_preset, methods=["POST"]),
                Route("/api/upload/{side}", self.upload, methods=["POST"]),
                Route("/api/jobs", self.add_job, methods=["POST"]),
                Route("/api/queue/run", self.run_queue, methods=["POST"]),
                Route("/api/jobs/{number:int}/cancel", self.cancel_job, methods=["POST"]),
                Route("/api/jobs/{number:int}/retry", self.retry_job, methods=["POST"]),
                Route("/api/jobs/{number:int}/move", self.move_job, methods=["POST"]),
                *self.picker.routes(),
                *self.convert.routes(),
                *FacesView(self.home).routes(),
                *LandmarksView(self.home, self.door).routes(),
                *MasksView(self.home, self.door).routes(),
                *ResultView(self.home).routes(),
                *FramesView(self.home, self.door).routes(),
                *self.live.training.routes(),
                WebSocketRoute("/live", self.live.serve),
                Mount("/static", StaticFiles(directory=STATIC)),
            ],
            middleware=[Middleware(Guard, door=self.door)],
            lifespan=self._lifespan,
            exception_handlers={UserError: _explained, OSError: _explained},
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """End what belongs to the server with it."""
        yield
        await self.convert.end()

    async def page(self, request: Request) -> Response:
        """Answer with the page, or start a session first."""
        if self.door.is_token(request.query_params.get("token", "")):
            return self.door.enter(RedirectResponse("/", HTTPStatus.SEE_OTHER))
        if self.door.session(request):
            return FileResponse(STATIC / "index.html")
        if self.door.password:
            return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        return FileResponse(STATIC / "closed.html", status_code=HTTPStatus.UNAUTHORIZED)

    async def login(self, request: Request) -> Response:
        """Ask for the password, or check it."""
        password = self.door.password
        if password is None:
            return RedirectResponse("/", HTTPStatus.SEE_OTHER)
        if request.method != "POST":
            return FileResponse(STATIC / "login.html")
        address = request.client.host if request.client else ""
        given = (await body_of(request, LONGEST_PASSWORD)).decode("utf-8", "replace")
        if wait := password.wait(address):
            return _said(f"too many wrong passwords; wait {wait:.0f} s", 429)
        if not await asyncio.to_thread(password.is_right, given, address):
            return _said("this is not the password", HTTPStatus.FORBIDDEN)
        return self.door.enter(JSONResponse({}))

    async def session(self, request: Request) -> Response:
        """Answer what each POST must carry, and which commands there are."""
        session = self.door.session(request) or ""
        return JSONResponse({"csrf": self.door.csrf(session), "commands": forms.commands()})

    async def form(self, request: Request) -> Response:
        """Answer with the form of a command."""
        name = forms.stage_of(request.path_params["stage"].split())
        values = json_object(request.query_params.get("values", "{}"))
        return JSONResponse(await asyncio.to_thread(self._form, name, values))

    def _form(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        return self._filled(name, values) | {"presets": presets.load(self.home, name)}

    def _filled(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        return forms.form(name, values, self.home, self.picker.picked)

    async def save_preset(self, request: Request) -> Response:
        """Save the values of a form under a name; null as values removes it."""
        name = forms.stage_of(request.path_params["stage"].split())
        asked = json_object(await body_of(request))
        values = asked.get("values")
        if not isinstance(values, dict | None):
            raise UsageError("Expected a form's values")
        await asyncio.to_thread(presets.save, self.home, name, str(asked.get("name", "")), values)
        return JSONResponse({})

    async def file(self, request: Request) -> Response:
        """Send a file of the workspace."""
        path = await asyncio.to_thread(served, self.home, request.path_params["path"])
        kind = SHOWN.get(path.suffix.lower())
        headers = {"Content-Security-Policy": "default-src 'none'; sandbox"}
        if kind:
            return FileResponse(path, media_type=kind, headers=headers)
        return FileResponse(
            path, media_type="application/octet-stream", filename=path.name, headers=headers
        )

    async def upload(self, request: Request) -> Response:
        """Store a clip."""
        side, name = side_of(request), request.query_params.get("name", "")
        size = request.headers.get("content-length", "")
        if not (size.isascii() and size.isdecimal()):
            raise UsageError("a clip is sent with its length")
        stored = await self.picker.store(side, name, int(size), request.stream())
        return JSONResponse({"name": stored})

    async def add_job(self, request: Request) -> Response:
        """Add a command with the values of its form to the queue; start it unless told to wait."""
        asked = json_object(await body_of(request))
        return await self._changed(lambda: self._add(asked))

    async def run_queue(self, request: Request) -> Response:
        """Start what waits."""
        await asyncio.to_thread(runner.start_all, self.queue)
        return JSONResponse({})

    async def cancel_job(self, request: Request) -> Response:
        """Cancel a job."""
        number = request.path_params["number"]
        return await self._changed(lambda: runner.cancel(self.queue, number))

    async def retry_job(self, request: Request) -> Response:
        """Run a job again."""
        return await self._changed(lambda: self._retry(request.path_params["number"]))

    async def move_job(self, request: Request) -> Response:
        """Run a waiting job one place earlier or later, before another one, or (null) last."""
        number = request.path_params["number"]
        before = json_object(await body_of(request)).get("before")
        if not (before is None or type(before) is int or before in ("up", "down")):
            raise UsageError("Expected the number of a job, up or down")
        return await self._changed(lambda: self.queue.move(number, before))

    def _add(self, asked: dict[str, Any]) -> QueuedJob:
        name = forms.stage_of(str(asked.get("stage", "")).split())
        values, after = asked.get("values", {}), asked.get("after", [])
        if not isinstance(values, dict) or not _are_numbers(after):
            raise UsageError("Expected a form's values and numbers of jobs")
        form = self._filled(name, values)
        if form["errors"] or form["problem"]:
            raise UsageError("; ".join(form["errors"].values()) or form["problem"])
        at_once = asked.get("run", True)
        with self._adding:
            if at_once:
                self._refuse_twice(form["words"])
            job = self.queue.job(self.queue.add(form["words"], after))
        if at_once:
            runner.start_runner(self.queue, job.device)
        return job

    def _refuse_twice(self, words: list[str]) -> None:
        """Refuse what was started already: on another page, or by a second click."""
        for job in self.queue.jobs():
            if job.state in UNFINISHED and list(job.words) == words:
                same = f"job {job.number} is the same command, and {job.state}"
                raise UsageError(f"{same}; it is not started twice")

    def _retry(self, number: int) -> QueuedJob:
        job = self.queue.retry(number)
        runner.start_runner(self.queue, job.device)
        return job

    async def _changed(self, change: Callable[[], QueuedJob]) -> Response:
        job = await asyncio.to_thread(change)
        return JSONResponse(job.to_json())


Handler = Callable[[Request], Awaitable[Response]]


def _are_numbers(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int for item in value)


def _said(text: str, status: int) -> Response:
    return JSONResponse({"error": text}, status)


async def _explained(_: Request, problem: Exception) -> Response:
    missing = isinstance(problem, InputError)
    return _said(sentence(problem), HTTPStatus.NOT_FOUND if missing else HTTPStatus.BAD_REQUEST)
