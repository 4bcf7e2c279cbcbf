"""What the page is told while it is open: the project, the jobs, their logs and the preview.

One task looks what has changed and tells every page, so that two pages show the same.
"""

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from utils.errors import InputError, UserError, sentence
from utils.workspace import Workspace
from workbench import forms, progress
from workbench.faces_watch import FacesWatch
from workbench.job import ACTIVE, QueuedJob
from workbench.jobs import JobQueue
from workbench.project import project, url
from workbench.training import TrainView

LOOK_SECONDS = 0.4
PROJECT_SECONDS = 5.0
"""Between two looks at the workspace while no job begins or ends; more if a look takes long."""

News = dict[str, Any]


class Page:
    """One open page.

    Attributes
    ----------
    shown : int or None
        The job whose log it shows.
    followed : int or None
        The job that began last; when another one begins, its log is shown.
    """

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.shown: int | None = None
        self.followed: int | None = None
        self.offset = 0
        self._sent: dict[str, object] = {}

    async def tell(self, event: News) -> None:
        """Send an event, unless it is what the page was told already."""
        if self._sent.get(event["type"]) != event:
            self._sent[event["type"]] = event
            await self.socket.send_json(event)

    def show(self, number: int) -> None:
        """Show the log of a job from its beginning."""
        self.shown, self.offset = number, 0
        self._sent.pop("log", None)


class Live:
    """Tells all open pages what changes in the workspace."""

    def __init__(self, home: Workspace) -> None:
        self.home = home
        self.queue = JobQueue(home)
        self.training = TrainView(home)
        self.faces = FacesWatch(home)
        self._lock = threading.Lock()
        self._project: tuple[float, list[object], News] | None = None

    async def serve(self, socket: WebSocket) -> None:
        """Tell a page what there is, and then what changes, until it is closed."""
        await socket.accept()
        page = Page(socket)
        telling = asyncio.create_task(self._tell(page))
        try:
            while True:
                wish = await socket.receive_text()
                if (number := _wished(wish)) is not None:
                    page.show(number)
        except WebSocketDisconnect:
            pass
        finally:
            telling.cancel()

    async def _tell(self, page: Page) -> None:
        try:
            while True:
                for event in await asyncio.to_thread(self._news, page):
                    await page.tell(event)
                await asyncio.sleep(LOOK_SECONDS)
        except (WebSocketDisconnect, RuntimeError):  # closed while it was told
            pass

    def _news(self, page: Page) -> list[News]:
        try:
            return self._found(page)
        except (UserError, OSError) as problem:  # told until it is mended
            return [{"type": "problem", "text": sentence(problem)}]

    def _found(self, page: Page) -> list[News]:
        if not self.home.folder.is_dir():
            raise InputError(f'the workspace "{self.home.folder}" is gone; move it back')
        jobs = self.queue.jobs()
        found = self._look(jobs)
        problem = {"type": "problem", "text": found["problem"]}
        events = [found, problem, self._jobs(jobs), self._preview(), *self._training(jobs)]
        events.append({"type": "faces", "stamps": self.faces.look()})
        if jobs and page.followed != (newest := _newest(jobs).number):
            page.followed = newest
            page.show(newest)
        if page.shown is not None:
            events += self._log(page, page.shown)
        return events

    def look_again(self) -> None:
        """Look at the project at once: something in it was changed by a page."""
        self._project = None

    def _look(self, jobs: list[QueuedJob]) -> News:
        """Return the project; it is looked at again when a job begins or ends, and now and then."""
        states: list[object] = [(job.number, job.state, job.attempts) for job in jobs]
        now = time.monotonic()
        known = self._project
        if known is None or known[1] != states or now > known[0]:
            busy = any(job.state in ACTIVE for job in jobs)
            found = {"type": "project", **project(self.home, busy=busy)}
            took = time.monotonic() - now
            self._project = known = (now + max(PROJECT_SECONDS, 20 * took), states, found)
        return known[2]

    def _jobs(self, jobs: list[QueuedJob]) -> News:
        listed = [{**job.to_json(), "command": forms.typed(job.words, self.home)} for job in jobs]
        return {"type": "jobs", "jobs": listed, "runners": len(self.queue.runners())}

    def _training(self, jobs: list[QueuedJob]) -> list[News]:
        with self._lock:  # pages ask at the same time
            return self.training.news(jobs)

    def _preview(self) -> News:
        return {"type": "preview", "url": url(self.home, self.home.model / "preview.png")}

    def _log(self, page: Page, number: int) -> list[News]:
        first = page.offset == 0
        events, page.offset = progress.tail(self.queue.log(number), page.offset)
        if not events and not first:
            return []
        return [{"type": "log", "job": number, "first": first, "events": events}]


def _newest(jobs: list[QueuedJob]) -> QueuedJob:
    """Return the job that runs, or else that ran last."""
    return max(jobs, key=lambda job: (job.state in ACTIVE, job.started or 0.0, job.number))


def _wished(text: str) -> int | None:
    """Return the job whose log a page wants to show; None if it says something else."""
    try:
        wish = json.loads(text)
    except ValueError:
        return None
    number = wish.get("show") if isinstance(wish, Mapping) else None
    return number if type(number) is int else None
