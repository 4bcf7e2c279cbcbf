"""Frames of the footage and of a result, for what the browser cannot decode.

/api/result/frames is a WebSocket. The page first sends {"csrf": ..., "clip": "before"}, or "after"
with the name of a result; then what it sends goes to `util show-frame --remote`, and what that
tells to the page (docs/progress.md). Each clip has a command of its own, which ends with its page.
"""

import asyncio
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from utils.errors import UsageError, UserError
from utils.workspace import Workspace
from workbench.driven import DrivenCommand, converse, tell
from workbench.paths import inside
from workbench.requests import json_object
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
        await socket.accept()
        try:
            try:
                asked = json_object(await socket.receive_text())
                self.door.check_page(socket, asked)
                clip = await asyncio.to_thread(self._clip, asked)
            except UserError as problem:
                await tell(socket, "error", text=str(problem))
            else:
                await self._run(socket, clip)
            await socket.close()
        except (WebSocketDisconnect, RuntimeError):  # closed while it was told
            pass

    async def _run(self, socket: WebSocket, clip: Path) -> None:
        words = ["util", "show-frame", "--footage", str(clip), "--remote", "--progress", "json"]
        command = await DrivenCommand.start(words, self.home)
        try:
            await converse(socket, command)
        finally:
            await asyncio.shield(asyncio.create_task(command.close()))

    def _clip(self, asked: dict[str, Any]) -> Path:
        if asked.get("clip") == "before":
            return self.home.clip("dst")
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
    if not name:
        return home.result
    return home.folder / inside(home, name).relative_to(home.folder.resolve())
