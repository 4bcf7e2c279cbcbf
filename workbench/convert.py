"""The view *Convert*: the interactive preview, on all pages that show it.

/api/convert/open      POST the values of convert's form: start the preview
/api/convert/close     POST: end it
/api/convert/live      WebSocket: events to the preview, what it tells to the page

The preview is `convert --interactive --remote`, a process of its own (docs/interactive.md).
"""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from utils.errors import UsageError
from utils.workspace import Workspace
from workbench import forms
from workbench.driven import DrivenCommand, Told
from workbench.requests import body_of, json_object

STAGE = "convert"
REMOTE = ("--interactive", "--remote", "--progress", "json")
DECIDED = ("interactive", "overwrite")
"""Values of the form that do not concern the preview."""
KEPT = ("footage", "state", "image")
"""What a page that comes later is told as well."""
LINGER_SECONDS = 30.0
"""How long the preview stays after the last page has left: it takes long to start again."""


class ConvertView:
    """Answers the requests of the view on one workspace; all pages share one preview."""

    def __init__(self, home: Workspace, picked: Collection[Path] = ()) -> None:
        self.home, self.picked = home, picked
        self._pages: set[_Page] = set()
        self._command: DrivenCommand | None = None
        self._following: asyncio.Task[None] | None = None
        self._latest: dict[str, Told] = {}
        self._status: dict[str, Any] = {"event": "preview", "open": False, "text": "", "error": ""}

    def routes(self) -> list[BaseRoute]:
        """Return the addresses of the view."""
        return [
            Route("/api/convert/open", self.open, methods=["POST"]),
            Route("/api/convert/close", self.close, methods=["POST"]),
            WebSocketRoute("/api/convert/live", self.serve),
        ]

    async def open(self, request: Request) -> Response:
        """Start the preview; one that runs already stays."""
        values = json_object(await body_of(request))
        values = {name: value for name, value in values.items() if name not in DECIDED}
        form = await asyncio.to_thread(forms.form, STAGE, values, self.home, self.picked)
        if form["errors"] or form["problem"]:
            raise UsageError("; ".join(form["errors"].values()) or form["problem"])
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow(form["words"], values))
        return JSONResponse({})

    async def close(self, request: Request) -> Response:
        """End the preview; its settings are saved."""
        if self._command is not None:
            await self._command.close()
        return JSONResponse({})

    async def serve(self, socket: WebSocket) -> None:
        """Tell a page what there is to show, and pass its events on, until it is closed."""
        await socket.accept()
        page = _Page(socket)
        for told in [(self._status, b""), *self._latest.values()]:
            page.tell(told)
        self._pages.add(page)
        sending = asyncio.create_task(page.send())
        try:
            while True:
                text = await socket.receive_text()
                if self._command is not None:
                    await self._command.send(text)
        except WebSocketDisconnect:
            pass
        finally:
            sending.cancel()
            self._pages.discard(page)
            if self._command is not None and not self._pages:
                asyncio.get_running_loop().call_later(LINGER_SECONDS, self._leave)

    async def end(self) -> None:
        """End the preview with the server."""
        if self._command is not None:
            await self._command.close()
        if self._following is not None:
            await self._following

    def _leave(self) -> None:
        """End the preview unless a page has come back."""
        if self._command is not None and not self._pages:
            self._closing = asyncio.create_task(self._command.close())

    async def _follow(self, words: Sequence[str], values: Mapping[str, Any]) -> None:
        """Tell the pages what the preview tells, from its start to its end."""
        self._latest = {}
        self._say(open=True, text="starting", error="", values=values)
        try:
            self._command = await DrivenCommand.start([*words, *REMOTE], self.home)
        except OSError as problem:
            self._say(open=False, error=f"the preview cannot be started: {problem}")
            return
        error, status = "", None
        async for event, data in self._command.told():
            kind = event["event"]
            if kind in ("announcement", "warning"):
                self._say(text=event.get("text", ""))
            elif kind == "error":
                error = event.get("text", "")
            elif kind == "end":
                status = event.get("status")
            elif kind in (*KEPT, "render"):
                self._relay(event, data)
        found = await self._command.close()
        self._command, self._latest = None, {}
        if status is None and not error:
            error = f"the preview ended by itself (exit status {found}); its settings are saved"
        self._say(open=False, text="", error=error)

    def _say(self, **facts: object) -> None:
        self._status = {**self._status, **facts}
        for page in self._pages:
            page.tell((self._status, b""))

    def _relay(self, event: dict[str, Any], data: bytes) -> None:
        if event["event"] in KEPT:
            key = _key(event)
            self._latest.pop(key, None)
            self._latest[key] = event, data
        for page in self._pages:
            page.tell((event, data))


class _Page:
    """One page: what it was not told yet. An older image that it did not get is left out."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._waiting: dict[str, Told] = {}
        self._some = asyncio.Event()

    def tell(self, told: Told) -> None:
        """Tell the page something as soon as it has got what was told before."""
        key = _key(told[0])
        self._waiting.pop(key, None)  # the order is that of the newest
        self._waiting[key] = told
        self._some.set()

    async def send(self) -> None:
        """Send what there is until the page is closed."""
        try:
            while await self._some.wait():
                self._some.clear()
                while self._waiting:
                    event, data = self._waiting.pop(next(iter(self._waiting)))
                    await self._socket.send_text(json.dumps(event))
                    if data:
                        await self._socket.send_bytes(data)
        except (WebSocketDisconnect, RuntimeError):  # closed meanwhile
            pass


def _key(event: Mapping[str, Any]) -> str:
    """Return what a newer event takes the place of an older one by."""
    original = event["event"] == "image" and event.get("view") == "original"
    return f"{event['event']} original" if original else str(event["event"])
