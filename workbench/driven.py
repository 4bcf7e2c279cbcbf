"""A command that is driven by JSON lines: events to its stdin, what it tells from its stdout."""

import asyncio
import json
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

from utils import program
from utils.workspace import Workspace
from workbench import forms
from workbench.progress import event
from workbench.runner import apart

LONGEST_LINE = 1 << 24
"""Bytes of a line that it tells."""
CLOSE_SECONDS = 5.0
"""Time in which it has to end by itself after its stdin was closed."""

Told = tuple[dict[str, Any], bytes]
"""An event and the data that followed its line."""


class DrivenCommand:
    """A command in a process of its own, which ends when its stdin is closed.

    The pipes are closed with this process, whatever ends it: none is left behind.
    """

    def __init__(self, process: Process) -> None:
        self._process = process

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

    async def told(self) -> AsyncIterator[Told]:
        """Yield what it tells until it ends."""
        output = self._process.stdout
        assert output is not None
        with suppress(asyncio.IncompleteReadError):  # it was killed in the middle
            while line := await output.readline():
                found = event(line.decode("utf-8", "replace").strip())
                size = found.get("bytes")
                yield found, await output.readexactly(size) if isinstance(size, int) else b""

    async def send(self, value: object) -> None:
        """Send an event; one that comes too late is dropped."""
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(OSError, RuntimeError):
            pipe.write(json.dumps(value).encode() + b"\n")
            await pipe.drain()

    async def close(self) -> int:
        """Let it end, and return its exit status."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            return await asyncio.wait_for(self._process.wait(), CLOSE_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            return await self._process.wait()
