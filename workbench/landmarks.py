"""The view *Landmarks*: brings a page and `util edit-faces` together.

/api/landmarks/SIDE is a WebSocket. The page first sends {"csrf": ..., "frames": "doubtful"}; then
what it sends goes to the command as it is, and what the command tells to the page
(docs/progress.md). Each page has a command of its own, which ends with it.
"""

import asyncio
import hmac
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import suppress

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from utils import program
from utils.errors import UsageError, UserError
from utils.workspace import SIDES, Workspace
from workbench import forms
from workbench.requests import json_object
from workbench.runner import apart, stop
from workbench.security import Door

LONGEST_LINE = 64 << 20
"""Bytes of what the command tells at once: a frame."""
LONGEST_EVENT = 4096
"""Characters of an event of the page."""
PATIENCE = 5.0
"""Seconds that a command has to end once its page is gone, and again once it was told to stop."""


class LandmarksView:
    """Answers the view's WebSocket on one workspace."""

    def __init__(self, home: Workspace, door: Door) -> None:
        self.home, self.door = home, door
        self._ending: set[asyncio.Task[None]] = set()

    def routes(self) -> list[BaseRoute]:
        """Return the addresses of the view."""
        return [WebSocketRoute("/api/landmarks/{side}", self.serve)]

    async def serve(self, socket: WebSocket) -> None:
        """Run the command as long as the page is open."""
        await socket.accept()
        try:
            try:
                words = self._words(socket, await socket.receive_text())
            except UserError as problem:
                await _tell(socket, "error", text=str(problem))
            else:
                await self._run(socket, words)
            await socket.close()
        except (WebSocketDisconnect, RuntimeError):  # closed while it was told
            pass

    def _words(self, socket: WebSocket, text: str) -> list[str]:
        """Return the command that a page asks for."""
        asked = json_object(text)
        given, frames = str(asked.get("csrf", "")), str(asked.get("frames", ""))
        session = self.door.session(socket) or ""
        if not hmac.compare_digest(given.encode(), self.door.csrf(session).encode()):
            raise UsageError("the page is of an earlier run; load it again")
        side = str(socket.path_params["side"])
        if side not in SIDES:
            raise UsageError(f"Expected src or dst. Received: {side}")
        words = ["util", "edit-faces", side, "--frames", frames]
        forms.read_flags(words)  # refuses other frames
        return words

    async def _run(self, socket: WebSocket, words: list[str]) -> None:
        if self._ending:  # a page that shows other frames has just left these faces
            await asyncio.wait(self._ending)
        process = await asyncio.create_subprocess_exec(
            *program.start(),
            *forms.in_workspace([*words, "--remote", "--progress", "json"], self.home),
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=self.home.folder,
            limit=LONGEST_LINE,
            **apart(),
        )
        listening = asyncio.create_task(_pass_on(socket, process))
        try:
            await _tell(socket, "command", text=forms.typed(words, self.home))
            telling = asyncio.create_task(_tell_all(socket, process))
            await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                await _tell(socket, "closed", status=await process.wait())
            telling.cancel()
        finally:
            listening.cancel()
            ending = asyncio.create_task(_end(process))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            await asyncio.shield(ending)


async def _pass_on(socket: WebSocket, process: Process) -> None:
    """Give the events of a page to the command until the page is closed."""
    with suppress(WebSocketDisconnect, ConnectionError):
        while process.stdin:
            text = await socket.receive_text()
            if len(text) <= LONGEST_EVENT:
                process.stdin.write(text.replace("\n", " ").encode() + b"\n")
                await process.stdin.drain()


async def _tell_all(socket: WebSocket, process: Process) -> None:
    """Tell a page what the command tells, until it ends."""
    while process.stdout and (line := await process.stdout.readline()):
        text = line.decode("utf-8", "replace").strip()
        if text.startswith('{"event"'):
            await socket.send_text(text)
        elif text:  # printed by a library
            await _tell(socket, "message", text=text)


async def _tell(socket: WebSocket, event: str, **facts: object) -> None:
    await socket.send_json({"event": event, **facts})


async def _end(process: Process) -> None:
    """Let a command end, which it does when no more events can come."""
    if process.stdin:
        process.stdin.close()
    for end in (lambda: stop(process.pid), process.kill):
        with suppress(TimeoutError):
            await asyncio.wait_for(_drained(process), PATIENCE)
            return
        with suppress(ProcessLookupError):
            end()
    await process.wait()


async def _drained(process: Process) -> None:
    """Read what a command still tells, or it would wait for a reader, until it ends."""
    while process.stdout and await process.stdout.read(1 << 16):
        pass
    await process.wait()
