"""Faces on disk: aligned images as PNG, with metadata in a chunk of its own; and folders of them.

Metadata is read by walking from chunk to chunk and skipping the pixels, so thousands of files open
in a second. Files are untrusted: nothing is read before its length is known.
"""

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar, overload

import numpy as np

from facelib.faceinfo import MAX_SIDE, FaceInfo, from_json, to_json
from facelib.png import (
    CHUNK,
    SIGNATURE,
    check_sums,
    chunk,
    chunks,
    content,
    fingerprint,
    unreadable,
)
from facelib.types import FaceType
from utils import console, processes
from utils.errors import InputError
from utils.files import list_images, write_bytes
from utils.images import decode_image, encode_image

__all__ = [
    "FaceInfo",
    "Faceset",
    "change_info",
    "embed",
    "extract_info",
    "fingerprint",
    "read_face",
    "read_info",
    "read_pixels",
    "try_each",
    "write_face",
]

R = TypeVar("R")

MAX_PAYLOAD = 1024 * 1024  # bytes; nearly all are of the mask, and of the points drawn

SAME_PLACE = 0.1  # mean distance of the landmarks of one face found twice, in face sizes


def write_face(path: Path, image: np.ndarray, info: FaceInfo) -> None:
    """Write an aligned image (H, W, 3) uint8 BGR with its metadata as PNG, atomically.

    Raises
    ------
    InputError
        If the metadata is invalid or does not fit the image.
    """
    write_bytes(path, embed(encode_image(image, ".png"), info, path.name))


def read_face(path: Path) -> tuple[np.ndarray, FaceInfo]:
    """Read an aligned image (H, W, 3) uint8 BGR and its metadata.

    Raises
    ------
    InputError
        If the file is missing, damaged, or not a face file.
    """
    info = read_info(path)
    return read_pixels(path), info


def read_pixels(path: Path) -> np.ndarray:
    """Read an aligned image (H, W, 3) uint8 BGR without its metadata.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise unreadable(path, problem) from None
    check_sums(data, path.name)
    return decode_image(data, path.name)


def read_info(path: Path) -> FaceInfo:
    """Read the metadata of a face file without its pixels.

    Raises
    ------
    InputError
        If the file is missing, damaged, or not a face file.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f'"{path.name}" is not a file')  # reading a pipe would block
        with path.open("rb", buffering=0) as file:
            return _read(file, path.name)
    except OSError as problem:
        raise unreadable(path, problem) from None


def try_each(read: Callable[[Path], R], paths: Sequence[Path]) -> list[R | str]:
    """Return the result of `read` for each file, or the message of its InputError."""
    found: list[R | str] = []
    for path in paths:
        try:
            found.append(read(path))
        except InputError as problem:
            found.append(str(problem))
    return found


def extract_info(png: bytes, name: str) -> FaceInfo:
    """Read the metadata in the bytes of a face file; `name` is for messages."""
    return _read(io.BytesIO(png), name)


def embed(png: bytes, info: FaceInfo, name: str = "a face") -> bytes:
    """Embed metadata into a PNG, replacing older metadata; no pixel changes.

    Raises
    ------
    InputError
        If the metadata is invalid or does not fit the image, or the bytes are not a PNG.
    """
    payload = to_json(info, name)
    parts = [SIGNATURE]
    for kind, start, length in chunks(io.BytesIO(png), name):
        if kind != CHUNK:
            parts.append(png[start : start + 12 + length])
        if kind == b"IHDR":  # right after the header, where reading finds it first
            parts.append(chunk(CHUNK, payload))
    embedded = b"".join(parts)
    _read(io.BytesIO(embedded), name)
    return embedded


def change_info(path: Path, known: FaceInfo, **changes: Any) -> FaceInfo:  # noqa: ANN401 - fields of FaceInfo
    """Change values in the metadata of a face file as it is now; no pixel changes.

    Parameters
    ----------
    known : FaceInfo
        The face that the file must still hold; what else was changed since it was read stays.
    **changes : object
        The values, by the name in `FaceInfo`.

    Raises
    ------
    InputError
        If the file is gone, or holds another face, because it was sorted or extracted meanwhile.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f'"{path.name}" was moved or deleted meanwhile') from None
    except OSError as problem:
        raise unreadable(path, problem) from None
    info = extract_info(data, path.name)
    if not info.is_same(known):
        raise InputError(f'"{path.name}" is another face since it was read; run this again')
    info = replace(info, **changes)
    write_bytes(path, embed(data, info, path.name))
    return info


def _read(file: BinaryIO, name: str) -> FaceInfo:
    sides = (0, 0)
    payload = None
    for kind, start, length in chunks(file, name):
        if kind == b"IHDR" and length == 13:
            sides = struct.unpack(">II", content(file, start, length, name)[:8])
        if kind != CHUNK:
            continue
        if payload is not None:
            raise InputError(f'"{name}" holds face data twice; extract this face again')
        if length > MAX_PAYLOAD:
            raise InputError(
                f'"{name}" holds more face data than a face has; extract this face again'
            )
        payload = content(file, start, length, name)
    if payload is None:
        raise InputError(
            f'"{name}" holds no face data: extract did not write it, or a program removed it'
        )
    info = from_json(payload, name)
    _check_sides(sides, info, name)
    return info


def _check_sides(sides: tuple[int, ...], info: FaceInfo, name: str) -> None:
    """Refuse an image that another program has scaled or cropped."""
    square = sides[0] == sides[1] or info.face_type is FaceType.MARK_ONLY
    if max(sides) > MAX_SIDE or max(sides) != info.size or min(sides) < 1 or not square:
        raise InputError(
            f'"{name}" is {sides[0]}x{sides[1]} pixels, but its face data is for {info.size}; '
            "extract this face again"
        )


FaceFiles = Sequence[tuple[Path, FaceInfo]]
"""Faces on disk: the path and the metadata of each."""


class Faceset(Sequence[tuple[Path, FaceInfo]]):
    """The faces of a folder in natural order, as paths and metadata; images are read on demand.

    Attributes
    ----------
    folder : Path
        Where the faces are.
    skipped : list of str
        A sentence for each image that is not a readable face file.
    """

    def __init__(
        self, folder: Path, faces: Sequence[tuple[Path, FaceInfo]], skipped: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.skipped = list(skipped)
        self._faces = list(faces)

    @classmethod
    def open(cls, folder: Path) -> "Faceset":
        """Read the metadata of all face files in a folder.

        Raises
        ------
        InputError
            If there is no such folder, or no face in it.
        """
        faces: list[tuple[Path, FaceInfo]] = []
        skipped = []
        paths = list_images(folder)
        if processes.worth_it(len(paths)):
            console.announce(f'reading {len(paths):,} faces of "{folder}"')
        # not in threads: this is pure Python, which they would only slow down
        records = processes.in_chunks(partial(try_each, read_info), paths)
        for path, record in zip(paths, records, strict=True):
            if isinstance(record, FaceInfo):
                faces.append((path, record))
            else:
                skipped.append(record)
        if not faces:
            raise InputError(
                f'"{folder}" holds no face; extract faces into it first ({skipped[0]})'
            )
        return cls(folder, faces, skipped)

    def __len__(self) -> int:
        return len(self._faces)

    @overload
    def __getitem__(self, index: int) -> tuple[Path, FaceInfo]: ...
    @overload
    def __getitem__(self, index: slice) -> "Faceset": ...
    def __getitem__(self, index: int | slice) -> "tuple[Path, FaceInfo] | Faceset":
        if isinstance(index, slice):
            return Faceset(self.folder, self._faces[index])
        return self._faces[index]

    def without_copies(self) -> tuple["Faceset", list[str]]:
        """Return the faces without those whose landmarks another face of the frame has too.

        Returns
        -------
        faces : Faceset
            The first one of each.
        copies : list of str
            A sentence for each of the others.
        """
        frames: dict[str, list[tuple[Path, FaceInfo]]] = {}
        copies = []
        for path, info in self:
            kept = frames.setdefault(PurePosixPath(info.source_name).stem, [])
            same = next((other for other, one in kept if _same_place(one, info)), None)
            if same is None:
                kept.append((path, info))
            else:
                copies.append(f'"{path.name}" shows the same face of a frame as "{same.name}"')
        if not copies:
            return self, []
        chosen = {path for kept in frames.values() for path, _ in kept}
        return Faceset(self.folder, [f for f in self if f[0] in chosen], self.skipped), copies

    def by_frame(self) -> dict[str, list[FaceInfo]]:
        """Return the faces of each frame, keyed by the stem of its name, ordered by face index."""
        frames: dict[str, list[FaceInfo]] = {}
        for _, info in self:
            frames.setdefault(PurePosixPath(info.source_name).stem, []).append(info)
        for faces in frames.values():
            faces.sort(key=lambda info: info.face_index)
        return frames


def _same_place(one: FaceInfo, other: FaceInfo) -> bool:
    """Whether the landmarks of two faces of a frame lie so near that they are of one face."""
    offsets = one.source_landmarks - other.source_landmarks
    size = float(np.ptp(one.source_landmarks, axis=0).max())
    return float(np.hypot(*offsets.T).mean()) < SAME_PLACE * size
