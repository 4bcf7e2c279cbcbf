"""Frames of the footage and of a result, for what the browser cannot decode.

/api/result/frames is a WebSocket. The page first sends {"csrf": ..., "clip": "before"}, or "after"
with the name of a result; then what it sends goes to `util show-frame --remote`, and what that
tells to the page (docs/progress.md). Each clip has a command of its own, which ends with its page.
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from utils.errors import UsageError
from utils.workspace import Workspace
from workbench.driven import DrivenCommand, answer, converse
from workbench.paths import inside
from workbench.security import Door


class FramesView:
    """Answers the player's WebSocket on one workspace."""

    def __init__(self, home: Workspace, door: Door) -> None:
        self.home, self.door = home, door

    def routes(self) -> list[BaseRoute]:
        """Return the addresses of the view."""
        return [WebSocketRoute("/api/result/frames", self.serve)]

    async def serve(self, socket: WebSocket) -> None:
        """Run the command as long as the page shows the clip."""
        await answer(socket, self.door, partial(self._run, socket))

    async def _run(self, socket: WebSocket, asked: dict[str, Any]) -> None:
        clip = await asyncio.to_thread(self._clip, asked)
        words = ["util", "show-frame", "--footage", str(clip), "--remote", "--progress", "json"]
        command = await DrivenCommand.start(words, self.home)
        try:
            await converse(socket, command)
        finally:
            await asyncio.shield(asyncio.create_task(command.close()))

    def _clip(self, asked: dict[str, Any]) -> Path:
        if asked.get("clip") == "before":
            chosen = self.home.elsewhere.values()
            return inside(self.home, str(self.home.clip("dst")), list(chosen))
        if asked.get("clip") == "after":
            return result_named(self.home, str(asked.get("name", "")))
        raise UsageError("Expected before or after")


def result_named(home: Workspace, name: str) -> Path:
    """Return a result by its path in the workspace; "" is the usual one.

    Raises
    ------
    UsageError
        If the path leads out of the workspace.
    """
    path = inside(home, name or home.result.name)
    return home.folder / path.relative_to(home.folder.resolve())
