"""Archives whose bytes depend on nothing but the names and the content of the files."""

import hashlib
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MOMENT = (1980, 1, 1, 0, 0, 0)
"""The date of every file: the first that a zip archive can hold."""
SECONDS = 315532800
"""The same, as Unix counts."""
LEVEL = {".zip": 6, ".tar.zst": 10}
BLOCK = 1 << 20


def pack(folder: Path, archive: Path) -> None:
    """Pack a folder, by its name, into a `.zip` or a `.tar.zst` archive."""
    if archive.name.endswith(".zip"):
        _zip(folder, archive)
    else:
        _tar(folder, archive)


def files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files and the empty folders below a folder, in the order of their names.

    Yields
    ------
    name : str
        Relative to the folder, with slashes; of a folder with one at its end.
    path : Path
        Where it is.
    """
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir():
            found.append((name, path))
        elif not any(path.iterdir()):
            found.append((f"{name}/", path))
    yield from sorted(found)


def mode(path: Path) -> int:
    """Return the permissions of a file in an archive: they do not follow the builder's umask."""
    return 0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _zip(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL[".zip"]) as out:
        for name, path in files_in(folder):
            entry = zipfile.ZipInfo(f"{folder.name}/{name}", MOMENT)
            entry.create_system = 3  # Unix, on whatever system this runs
            entry.external_attr = (mode(path) | (0o40000 if path.is_dir() else 0o100000)) << 16
            if path.is_dir():
                out.writestr(entry, b"")
                continue
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, out.open(entry, "w") as target:
                while block := source.read(BLOCK):
                    target.write(block)


def _tar(folder: Path, archive: Path) -> None:
    import zstandard  # not at the top: only the builder of this archive needs it

    packer = zstandard.ZstdCompressor(level=LEVEL[".tar.zst"], threads=2, write_checksum=True)
    with archive.open("wb") as file, packer.stream_writer(file) as stream:
        write_tar(folder, stream)


def write_tar(folder: Path, stream: BinaryIO) -> None:
    """Write a folder, by its name, into a stream."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as out:
        for name, path in files_in(folder):
            entry = tarfile.TarInfo(f"{folder.name}/{name.rstrip('/')}")
            entry.mtime, entry.mode = SECONDS, mode(path)
            if path.is_dir():
                entry.type = tarfile.DIRTYPE
                out.addfile(entry)
                continue
            entry.size = path.stat().st_size
            with path.open("rb") as source:
                out.addfile(entry, source)
