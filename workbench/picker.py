"""The file picker: what was picked on the machine that the server runs on.

/api/picker            GET what a folder holds: ?folder=, ?takes= (a key of TAKES), ?hidden=yes
/api/picker/pick       POST a path and what it is for: from now on forms may name it
/api/picker/clip/SIDE  POST a path: it becomes the footage of a side, where it is or as a copy;
                       GET how far the copy is
/api/picker/away/SIDE  POST: the clip in the workspace was the wrong one
/footage/SIDE          that clip

The server remembers what was picked until it ends. What the browser says elsewhere counts only if
it is in the workspace or was picked here (`workbench.paths`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from utils.errors import InputError, UsageError
from utils.files import VIDEO_SUFFIXES, no_link, write_json
from utils.records import read_record
from utils.workspace import SIDES, Workspace
from workbench import uploads
from workbench.folders import TAKES, WANTED, kind_of, listed, not_seen, places, resolved
from workbench.jobs import FOLDER
from workbench.paths import SHOWN
from workbench.requests import body_of, json_object, side_of

EARLIER = "footage.json"
CHUNK = 4 << 20
"""Bytes that are copied at a time."""


class Picker:
    """Answers the picker's requests.

    Parameters
    ----------
    changed : callable
        Called when a side has other footage.

    Attributes
    ----------
    picked : set of Path
        What was picked, without links.
    """

    def __init__(self, home: Workspace, changed: Callable[[], None]) -> None:
        self.home = home
        self.changed = changed
        self.picked: set[Path] = set()
        self._copied: dict[str, float] = {}

    def routes(self) -> list[Route]:
        """Return the addresses of the picker."""
        return [
            Route("/api/picker", self.listing),
            Route("/api/picker/pick", self.pick, methods=["POST"]),
            Route("/api/picker/clip/{side}", self.copied),
            Route("/api/picker/clip/{side}", self.choose_clip, methods=["POST"]),
            Route("/api/picker/away/{side}", self.put_away, methods=["POST"]),
            Route("/footage/{side}", self.footage),
        ]

    async def listing(self, request: Request) -> Response:
        """Answer what a folder holds."""
        asked = request.query_params
        takes, hidden = _known_kind(asked.get("takes", "any")), asked.get("hidden") == "yes"
        folder = asked.get("folder") or str(Path.home())
        found = await asyncio.to_thread(listed, folder, takes, hidden=hidden)
        return JSONResponse(found | {"places": await asyncio.to_thread(places, self.home)})

    async def pick(self, request: Request) -> Response:
        """Remember what was picked; answer its path as a form names it."""
        asked = json_object(await body_of(request))
        takes = _known_kind(str(asked.get("takes", "")))
        path = await asyncio.to_thread(self._pick, str(asked.get("path", "")), takes)
        return JSONResponse({"path": str(path)})

    async def choose_clip(self, request: Request) -> Response:
        """Use a clip as the footage of a side: where it is, as a copy, or (path null) no longer."""
        side, asked = side_of(request), json_object(await body_of(request))
        if asked.get("path") is None:
            self.home.elsewhere.pop(side, None)
            self.changed()
            return JSONResponse({})
        path = await asyncio.to_thread(self._pick, str(asked["path"]), "footage")
        if asked.get("copy"):
            if path.is_dir():
                raise UsageError("a folder of frames is used where it is; nothing was copied")
            size = path.stat().st_size
            await self.store(side, path.name, size, self._read(path, side, size))
        else:
            self.home.elsewhere[side] = path
            await self._kept(side)
        return JSONResponse({"path": str(path)})

    async def copied(self, request: Request) -> Response:
        """Answer which part of a side's clip is copied, 0..1."""
        return JSONResponse({"part": self._copied.get(side_of(request), 0.0)})

    async def put_away(self, request: Request) -> Response:
        """Move the clip of a side out of the way, into a folder of the workspace."""
        side = side_of(request)
        path = await asyncio.to_thread(uploads.put_away, Workspace(self.home.folder), side)
        self.changed()
        return JSONResponse({"path": str(path)})

    async def store(self, side: str, name: str, size: int, body: AsyncIterator[bytes]) -> str:
        """Store a clip in the workspace, in place of one elsewhere; return the name it got."""
        stored = await uploads.receive(Workspace(self.home.folder), side, name, size, body)
        self.home.elsewhere.pop(side, None)
        await self._kept(side)
        return stored

    async def _kept(self, side: str) -> None:
        await asyncio.to_thread(_keep, self.home, side)
        self.changed()

    async def footage(self, request: Request) -> Response:
        """Send the clip that was picked for a side."""
        path = self.home.elsewhere.get(side_of(request))
        if path is None or path.suffix.lower() not in VIDEO_SUFFIXES or not path.is_file():
            raise InputError("there is no such clip")
        kind = SHOWN.get(path.suffix.lower(), "application/octet-stream")
        return FileResponse(path, media_type=kind)

    async def _read(self, path: Path, side: str, size: int) -> AsyncIterator[bytes]:
        done = 0
        try:
            with path.open("rb") as file:
                while data := await asyncio.to_thread(file.read, CHUNK):
                    yield data
                    done += len(data)
                    self._copied[side] = done / size
        finally:
            self._copied.pop(side, None)

    def _pick(self, text: str, takes: str) -> Path:
        path = resolved(text)
        if Path.home().resolve().is_relative_to(path):
            raise UsageError(f'"{path}" holds everything; choose a folder in it')
        try:
            path.stat()
        except OSError as problem:
            raise not_seen(path, problem) from None
        kind = kind_of(path)
        if kind not in TAKES[takes]:
            raise UsageError(f'"{path}" is not what is asked for: {WANTED[takes]}')
        self.picked.add(path)
        return path


def earlier(home: Workspace, side: str) -> str | None:
    """Return the clip that was picked for a side before the server was started, if it exists."""
    path = _kept(home).get(side)
    with suppress(OSError, ValueError):
        return path if isinstance(path, str) and Path(path).exists() else None
    return None


def _kept(home: Workspace) -> dict[str, Any]:
    with suppress(InputError, OSError):
        file = _file(home)
        return read_record(file, "footage", 1) if file.is_file() else {}
    return {}


def _keep(home: Workspace, side: str) -> None:
    """Write down which clip a side uses, so that it can be offered again."""
    clips = {name: path for name, path in _kept(home).items() if name in SIDES and name != side}
    if side in home.elsewhere:
        clips[side] = str(home.elsewhere[side])
    with suppress(InputError, OSError):  # it is only for convenience
        file = _file(home)
        file.parent.mkdir(exist_ok=True)
        write_json(file, {"version": 1, **clips})


def _file(home: Workspace) -> Path:
    return no_link(no_link(home.folder / FOLDER) / EARLIER)


def _known_kind(takes: str) -> str:
    if takes not in TAKES:
        raise UsageError(f"takes: Expected one of {', '.join(TAKES)}. Received: {takes}")
    return takes
