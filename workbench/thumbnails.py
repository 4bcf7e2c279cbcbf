"""Thumbnails of faces, made on demand and kept in an SQLite file, filed under a checksum.

The file is a cache: a damaged one is replaced, and where none can be written, thumbnails
are made each time.
"""

import io
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

from facelib.png import MAX_FILE, fingerprint
from utils.errors import InputError
from utils.files import no_link

FILE = "thumbnails.sqlite"
SIDES = (96, 192)
"""Pixels of the longer side; a page takes the smallest one that is large enough."""
MOST = 250_000
"""Thumbnails in a file: about 800 MB of 96 pixels."""
DROPPED = 25_000
"""Of the oldest ones, whenever there are more."""
QUALITY = 82
MOST_PIXELS = 100_000_000
"""Of a face; a larger image is hostile."""

SCHEMA = """
create table if not exists thumbnails (
  number integer primary key, key blob not null, side integer not null, jpeg blob not null,
  unique (key, side)
)
"""


class Thumbnails:
    """The thumbnails of a folder of faces; used by several threads."""

    def __init__(self, store: Path) -> None:
        self._lock = threading.Lock()
        self._database = _open(store)
        self._count = 0
        if self._database:
            (self._count,) = self._database.execute("select count(*) from thumbnails").fetchone()

    def get(self, path: Path, key: bytes, side: int) -> bytes:
        """Return a thumbnail as JPEG; made if it is not there.

        Raises
        ------
        InputError
            If the face cannot be read, or is no longer the one with this checksum.
        """
        found = self._find(key, side)
        if found is None:
            if fingerprint(path) != key:
                raise InputError(f'"{path.name}" has changed; load the table again')
            found = make(path, side)
            self._keep(key, side, found)
        return found

    def close(self) -> None:
        """Close the file."""
        if self._database:
            self._database.close()

    def _find(self, key: bytes, side: int) -> bytes | None:
        with self._lock, suppress(sqlite3.Error):
            if self._database:
                query = "select jpeg from thumbnails where key = ? and side = ?"
                row = self._database.execute(query, (key, side)).fetchone()
                return bytes(row[0]) if row else None
        return None

    def _keep(self, key: bytes, side: int, jpeg: bytes) -> None:
        """Keep a thumbnail, if the disk lets us."""
        with self._lock, suppress(sqlite3.Error):
            if self._database is None:
                return
            statement = "insert or ignore into thumbnails (key, side, jpeg) values (?, ?, ?)"
            self._database.execute(statement, (key, side, jpeg))
            self._count += 1
            if self._count > MOST:
                self._database.execute(
                    "delete from thumbnails where number in "
                    "(select number from thumbnails order by number limit ?)",
                    (DROPPED,),
                )
                self._count -= DROPPED


def make(path: Path, side: int) -> bytes:
    """Return an image as a JPEG whose longer side is no longer than `side`.

    Raises
    ------
    InputError
        If the image cannot be read.
    """
    from PIL import Image  # not at the top: it slows `--help`

    damaged = InputError(f'"{path.name}" is damaged; extract this face again')
    try:
        if path.stat().st_size > MAX_FILE:
            raise damaged
        with Image.open(path, formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise damaged
            small = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise damaged from None
    small.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    data = io.BytesIO()
    small.save(data, "JPEG", quality=QUALITY)
    return data.getvalue()


def _open(store: Path) -> sqlite3.Connection | None:
    """Open the file, a new one if it is damaged; None if there can be none."""
    file = no_link(store / FILE)
    for _ in range(2):
        try:
            return _connect(file)
        except sqlite3.DatabaseError as problem:
            if isinstance(problem, sqlite3.OperationalError):  # read-only, full, or locked
                return None
            for suffix in ("", "-wal", "-shm"):
                with suppress(OSError):  # Windows keeps one that another server has open
                    file.with_name(file.name + suffix).unlink(missing_ok=True)
        except OSError:
            return None
    return None


def _connect(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(exist_ok=True)
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        with closing(database.cursor()) as cursor:
            cursor.execute("pragma journal_mode = wal")
            cursor.execute("pragma synchronous = off")  # it is only a cache
            cursor.execute(SCHEMA)
            cursor.execute("select key, side, jpeg from thumbnails limit 1").fetchone()
    except sqlite3.Error:
        database.close()
        raise
    return database
