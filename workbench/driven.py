"""A command that is driven by JSON lines: events to its stdin, what it tells from its stdout."""

import asyncio
import json
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from utils import program
from utils.errors import UsageError, UserError
from utils.workspace import Workspace
from workbench import forms
from workbench.progress import event
from workbench.requests import json_object
from workbench.runner import apart, stop
from workbench.security import Door

LONGEST_LINE = 64 << 20
"""Bytes of a line that it tells: one may hold a frame."""
LONGEST_EVENT = 4096
"""Characters of an event of a page."""
PATIENCE = 5.0
"""Seconds that it has to end after its stdin was closed, and again after it was told to stop."""

Told = tuple[dict[str, Any], bytes]
"""An event and the data that followed its line."""


class DrivenCommand:
    """A command in a process of its own, which ends when its stdin is closed.

    The pipes are closed with this process, whatever ends it: none is left behind.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._reading = asyncio.Lock()

    @classmethod
    async def start(cls, words: Sequence[str], home: Workspace) -> "DrivenCommand":
        """Start a command in a workspace."""
        process = await asyncio.create_subprocess_exec(
            *program.start(),
            *forms.in_workspace(words, home),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,  # only what libraries print
            cwd=home.folder,
            limit=LONGEST_LINE,
            **apart(),
        )
        return cls(process)

    async def told(self) -> AsyncGenerator[Told, None]:
        """Yield what it tells until it ends."""
        output = self._process.stdout
        assert output is not None
        with suppress(asyncio.IncompleteReadError):  # it was killed in the middle
            async with self._reading:
                while line := await output.readline():
                    found = event(line.decode("utf-8", "replace").strip())
                    size = found.get("bytes")
                    yield found, await output.readexactly(size) if isinstance(size, int) else b""

    async def send(self, text: str) -> None:
        """Send what a page says; what is no event, and what comes too late, is dropped."""
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(OSError, RuntimeError, UsageError):
            if len(text) <= LONGEST_EVENT:
                pipe.write(json.dumps(json_object(text)).encode() + b"\n")
                await pipe.drain()

    async def close(self) -> int:
        """Let it end, and return its exit status."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        for insist in (lambda: stop(self._process.pid), self._process.kill):
            with suppress(TimeoutError):
                return await asyncio.wait_for(self._ended(), PATIENCE)
            with suppress(ProcessLookupError):
                insist()
        return await self._process.wait()

    async def _ended(self) -> int:
        """Read what is still told, or it would wait for a reader, and return the exit status."""
        output = self._process.stdout
        assert output is not None
        async with self._reading:
            while await output.read(1 << 16):
                pass
        return await self._process.wait()


async def answer(
    socket: WebSocket, door: Door, run: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Do what the first message of a page of ours asks for; the page is told why it cannot be."""
    await socket.accept()
    with suppress(WebSocketDisconnect, RuntimeError):  # closed while it was told
        try:
            asked = json_object(await socket.receive_text())
            door.check_page(socket, asked)
            await run(asked)
        except UserError as problem:
            await tell(socket, "error", text=str(problem))
        await socket.close()


async def converse(socket: WebSocket, command: DrivenCommand) -> None:
    """Bring a page and a command together until one of them ends; the caller closes the command."""
    listening = asyncio.create_task(_pass_on(socket, command))
    telling = asyncio.create_task(_tell_all(socket, command))
    try:
        await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            await tell(socket, "closed", status=await command.close())
    finally:
        listening.cancel()
        telling.cancel()


async def tell(socket: WebSocket, event: str, **facts: object) -> None:
    """Tell a page an event."""
    await socket.send_json({"event": event, **facts})


async def _pass_on(socket: WebSocket, command: DrivenCommand) -> None:
    """Give the events of a page to the command until the page is closed."""
    with suppress(WebSocketDisconnect):
        while True:
            await command.send(await socket.receive_text())


async def _tell_all(socket: WebSocket, command: DrivenCommand) -> None:
    """Tell a page what the command tells, until it ends; data follows its event."""
    async with aclosing(command.told()) as told:  # it is closed at once, so that `close` can read
        async for event, data in told:
            await socket.send_json(event)
            if data:
                await socket.send_bytes(data)
