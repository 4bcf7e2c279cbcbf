"""The views *Landmarks* and *Masks*: bring a page and `util edit-faces` or `draw-masks` together.

/api/landmarks/SIDE and /api/masks/SIDE are WebSockets. The page first sends {"csrf": ..., "frames":
"doubtful"}, or which "faces"; then what it sends goes to the command as it is, and what the command
tells to the page (docs/progress.md). Each page has a command of its own, which ends with it.
"""

import asyncio
from functools import partial
from typing import Any

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from utils.workspace import Workspace
from workbench import forms
from workbench.driven import DrivenCommand, answer, converse, tell
from workbench.requests import side_of
from workbench.security import Door

REMOTE = ("--remote", "--progress", "json")


class LandmarksView:
    """Answers the view's WebSocket on one workspace."""

    path, command, filter = "landmarks", "edit-faces", "frames"

    def __init__(self, home: Workspace, door: Door) -> None:
        self.home, self.door = home, door
        self._ending: set[asyncio.Task[int]] = set()

    def routes(self) -> list[BaseRoute]:
        """Return the addresses of the view."""
        return [WebSocketRoute(f"/api/{self.path}/{{side}}", self.serve)]

    async def serve(self, socket: WebSocket) -> None:
        """Run the command as long as the page is open."""
        await answer(socket, self.door, partial(self._run, socket))

    def _words(self, side: str, asked: dict[str, Any]) -> list[str]:
        """Return the command that a page asks for."""
        words = ["util", self.command, side, f"--{self.filter}", str(asked.get(self.filter, ""))]
        return forms.with_footage(words, self.home)  # refuses other values of the filter

    async def _run(self, socket: WebSocket, asked: dict[str, Any]) -> None:
        words = self._words(side_of(socket), asked)
        if self._ending:  # a page that shows other frames has just left these faces
            await asyncio.wait(self._ending)
        command = await DrivenCommand.start([*words, *REMOTE], self.home)
        try:
            await tell(socket, "command", text=forms.typed(words, self.home))
            await converse(socket, command)
        finally:
            ending = asyncio.create_task(command.close())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            await asyncio.shield(ending)


class MasksView(LandmarksView):
    """The same for the drawing of masks."""

    path, command, filter = "masks", "draw-masks", "faces"
