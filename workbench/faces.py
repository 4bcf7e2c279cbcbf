"""The view *Faces*: the table of a side's faces, thumbnails, frames, deletion and its undo.

    /api/faces/SIDE/list             POST: measure what is not measured yet, write the table
    /api/faces/SIDE/progress         how far that is
    /api/faces/SIDE/table            the table, as `util list-faces` wrote it
    /api/faces/SIDE/thumbnail/KEY    a thumbnail; ?name= is the face, ?side= its pixels
    /api/faces/SIDE/thumbnails       POST side and faces: thumbnails of many, one after the other
    /api/faces/SIDE/image            a face; ?name=
    /api/faces/SIDE/frame            the frame that a face was found in; ?name=
    /api/faces/SIDE/delete           POST names: move faces to the trash
    /api/faces/SIDE/restore          POST: take the last deletion back

What changes files, or needs more than Pillow, is a command in a process of its own.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from facelib.png import fingerprint
from utils import program
from utils.errors import ExitStatus, InputError, UsageError, UserError
from utils.files import no_link
from utils.workspace import SORTED, Workspace
from workbench import forms, progress
from workbench.faces_watch import changed_at
from workbench.paths import served
from workbench.requests import body_of, json_object, side_of
from workbench.runner import apart
from workbench.thumbnails import SIDES as THUMBNAIL_SIDES
from workbench.thumbnails import Thumbnails

TABLE = "faces.json"
FRAMES, MOST_FRAMES = "frames", 200
LONGEST_LINE = 1 << 20
"""Bytes of an event."""
LARGEST_LIST = 32 << 20
"""Bytes of the names to delete."""
MOST_THUMBNAILS = 256
"""In one answer."""
NAMES_SHOWN = 20
"""Names in a command line that is shown; more of them come from a list."""
KEPT = {"Cache-Control": "private, max-age=31536000, immutable"}
"""For what is filed under a checksum."""


Events = dict[str, dict[str, Any]]
"""The last event of each name that a command told, see docs/progress.md."""


class FacesView:
    """Answers the requests of the view on one workspace."""

    def __init__(self, home: Workspace) -> None:
        self.home = home
        self._thumbnails: dict[str, Thumbnails] = {}
        self._moving: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._listing: dict[tuple[str, ...], tuple[int, asyncio.Task[Events]]] = {}
        self._framing = asyncio.Lock()
        self._running: dict[str, Events] = {}

    def routes(self) -> list[BaseRoute]:
        """Return the addresses of the view."""
        base = "/api/faces/{side}"
        return [
            Route(f"{base}/list", self.make_table, methods=["POST"]),
            Route(f"{base}/progress", self.progress),
            Route(f"{base}/table", self.send_table),
            Route(f"{base}/thumbnail/{{key}}", self.thumbnail),
            Route(f"{base}/thumbnails", self.many_thumbnails, methods=["POST"]),
            Route(f"{base}/image", self.image),
            Route(f"{base}/frame", self.frame),
            Route(f"{base}/delete", self.delete, methods=["POST"]),
            Route(f"{base}/restore", self.restore, methods=["POST"]),
        ]

    async def make_table(self, request: Request) -> Response:
        """Write the table; two pages that ask at once wait for the same command."""
        side = side_of(request)
        asked = json_object(await body_of(request))
        words = ["util", "list-faces", side]
        if by := asked.get("by"):
            words += ["--by", str(by)]
        if asked.get("people"):
            words += ["--people"]
        forms.read_flags(words)  # refuses other methods
        async with self._moving[side]:  # not while faces are deleted
            begun, task = self._listing.get(tuple(words), (0, None))
            if task is None or task.done():
                with suppress(OSError):  # which the command then says
                    self._store(side).mkdir(exist_ok=True)  # before the folder is looked at
                begun, task = (
                    changed_at(self.home.faces(side)),
                    asyncio.create_task(self._run(words)),
                )
                self._listing[tuple(words)] = begun, task
        return self._answer(await asyncio.shield(task), words, begun)

    async def progress(self, request: Request) -> Response:
        """Answer how far the command is that was started last."""
        return JSONResponse(self._running.get(side_of(request), {}).get("progress", {}))

    async def send_table(self, request: Request) -> Response:
        """Send the table."""
        file = self._store(side_of(request)) / TABLE
        if not file.is_file():
            raise InputError("there is no table of these faces yet")
        return FileResponse(file, media_type="application/json")

    async def thumbnail(self, request: Request) -> Response:
        """Send a thumbnail."""
        side, pixels = side_of(request), _pixels(request.query_params.get("side", ""))
        key = _checksum(request.path_params["key"])
        jpeg = await asyncio.to_thread(self._thumbnail, side, _name(request), key, pixels)
        return Response(jpeg, media_type="image/jpeg", headers=KEPT)

    async def many_thumbnails(self, request: Request) -> Response:
        """Send thumbnails, each after its length in four bytes; 0: there is none."""
        asked = json_object(await body_of(request))
        side, pixels, faces = side_of(request), _pixels(asked.get("side")), asked.get("faces")
        if (
            not isinstance(faces, list)
            or len(faces) > MOST_THUMBNAILS
            or not all(map(_is_face, faces))
        ):
            raise UsageError("Expected pairs of checksum and name")
        wanted = [(name, _checksum(key)) for key, name in faces]
        jpegs = await asyncio.to_thread(self._thumbnails_of, side, wanted, pixels)
        body = b"".join(len(jpeg).to_bytes(4) + jpeg for jpeg in jpegs)
        return Response(body, media_type="application/octet-stream")

    async def image(self, request: Request) -> Response:
        """Send a face as it is."""
        path = await asyncio.to_thread(self._face, side_of(request), _name(request))
        return FileResponse(path, media_type="image/png")

    async def frame(self, request: Request) -> Response:
        """Send the frame of a face; the last ones are kept."""
        side, name = side_of(request), _name(request)
        path = await asyncio.to_thread(self._face, side, name)
        key = await asyncio.to_thread(fingerprint, path)
        file = no_link(self._store(side) / FRAMES) / f"{key.hex()}.jpg"
        async with self._framing:
            if not file.is_file():
                words = ["util", "show-frame", side, f"--face={name}", "--output", str(file)]
                await self._run(forms.with_footage(words, self.home))
                await asyncio.to_thread(_drop_oldest, file.parent)
        return FileResponse(file, media_type="image/jpeg")

    async def delete(self, request: Request) -> Response:
        """Move faces to the trash."""
        side = side_of(request)
        names = json_object(await body_of(request, LARGEST_LIST)).get("names")
        if not isinstance(names, list) or not names or not all(map(_is_name, names)):
            raise UsageError("Expected the names of faces")
        words = ["util", "delete-faces", side]
        shown = ["--names", *names] if len(names) <= NAMES_SHOWN else ["--names-from", "-"]
        async with self._moving[side]:
            listed = "\n".join(names).encode()
            told = await self._run([*words, "--names-from", "-"], listed)
            self._listing.clear()  # a table that was begun before has them still
        return self._answer(told, [*words, *shown])

    async def restore(self, request: Request) -> Response:
        """Take the last deletion back."""
        words = ["util", "restore-faces", side := side_of(request)]
        async with self._moving[side]:
            told = await self._run(words)
            self._listing.clear()
        return self._answer(told, words)

    def _answer(self, told: Events, words: Sequence[str], of: int | None = None) -> Response:
        """Answer how a command ended, how it is typed, and of when the faces are, now or `of`."""
        end = told.get("end", {})
        typed = forms.typed(words, self.home)
        if words[-1] == "-":
            typed += "   # the names on standard input"
        return JSONResponse({
            "command": typed,
            "counts": end.get("counts", {}),
            "notes": end.get("notes", {}),
            "stamp": changed_at(self.home.faces(words[2])) if of is None else of,
        })

    async def _run(self, words: Sequence[str], given: bytes | None = None) -> Events:
        """Run a command to its end, also when the page is closed meanwhile.

        Raises
        ------
        UserError
            If it fails, with what it said.
        """
        process = await asyncio.create_subprocess_exec(
            *program.start(),
            *forms.in_workspace([*words, "--progress", "json"], self.home),
            stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.home.folder,
            limit=LONGEST_LINE,
            **apart(),
        )
        if process.stdin and given:
            process.stdin.write(given)
            await process.stdin.drain()
            process.stdin.close()
        latest = self._running[words[2]] = {}
        while process.stdout and (line := await process.stdout.readline()):
            event = progress.event(line.decode("utf-8", "replace"))
            latest[event["event"]] = event
        if await process.wait() != ExitStatus.DONE:
            said = latest.get("error") or latest.get("message") or {}
            raise UserError(said.get("text") or f"{words[1]} ended with {process.returncode}")
        return latest

    def _thumbnails_of(
        self, side: str, faces: Sequence[tuple[str, bytes]], pixels: int
    ) -> list[bytes]:
        found = []
        for name, key in faces:
            try:
                found.append(self._thumbnail(side, name, key, pixels))
            except UserError:  # deleted meanwhile, or damaged
                found.append(b"")
        return found

    def _thumbnail(self, side: str, name: str, key: bytes, pixels: int) -> bytes:
        path = self._face(side, name)
        if side not in self._thumbnails:
            self._thumbnails[side] = Thumbnails(self._store(side))
        return self._thumbnails[side].get(path, key, pixels)

    def _face(self, side: str, name: str) -> Path:
        """Return the file of a face; InputError if the page may not see it."""
        relative = self.home.faces(side).relative_to(self.home.folder) / name
        path = served(self.home, str(relative))
        if path.suffix.lower() != ".png" or not path.is_relative_to(
            self.home.faces(side).resolve()
        ):
            raise InputError("there is no such face")
        return path

    def _store(self, side: str) -> Path:
        return no_link(self.home.faces(side) / SORTED)


def _name(request: Request) -> str:
    return request.query_params.get("name", "")


def _pixels(value: Any) -> int:  # noqa: ANN401 - JSON
    if str(value) not in map(str, THUMBNAIL_SIDES):
        raise UsageError(f"side: Expected one of {THUMBNAIL_SIDES}. Received: {value}")
    return int(value)


def _checksum(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise UsageError("Expected a checksum") from None


def _is_face(value: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value)


def _is_name(value: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(value, str) and bool(value) and "\n" not in value


def _drop_oldest(folder: Path) -> None:
    files = sorted(folder.glob("*.jpg"), key=lambda file: file.stat().st_mtime)
    for file in files[:-MOST_FRAMES]:
        file.unlink(missing_ok=True)
