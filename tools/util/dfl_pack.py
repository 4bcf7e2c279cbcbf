"""Reads `faceset.pak`, in which DeepFaceLab keeps a folder of faces as one file.

It is a list of what is known about each face, pickled, a table of places, and the image files one
after another. Everything else than its name and place is read from the image itself.
"""

import struct
from pathlib import Path, PureWindowsPath
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tools.util import dfl_pickle
from utils.errors import InputError
from utils.images import MAX_BYTES

NAME, SUFFIX = "faceset.pak", ".pak"
VERSION = 1
HEAD = struct.Struct("<QQ")
PLACE = 8  # bytes in the table
SHARE = 20  # bytes in memory for each of the list; landmarks, which are many lists, take up to 16


class PackedFace(NamedTuple):
    """An image in a packed faceset.

    Attributes
    ----------
    pack : Path
        The packed faceset.
    name : str
        The image's, in a faceset of several people "person_name".
    start, stop : int
        Where it lies; anything may stand there.
    """

    pack: Path
    name: str
    start: int
    stop: int

    def read(self) -> bytes:
        """Return the bytes of the image.

        Raises
        ------
        InputError
            If they lie outside of the file, or are too many for an image.
        """
        with self.pack.open("rb") as file:
            end = file.seek(0, 2)
            if not self.start < self.stop <= end:
                raise InputError(f'"{self.name}" is missing in "{self.pack.name}"')
            if self.stop - self.start > MAX_BYTES:
                raise InputError(f'"{self.name}" is too large for an image')
            file.seek(self.start)
            return file.read(self.stop - self.start)


def faces_in(pack: Path) -> list[PackedFace]:
    """Return the images in a packed faceset.

    Raises
    ------
    InputError
        If it is damaged, of another version, or holds anything but data.
    """
    try:
        with pack.open("rb") as file:
            return _faces(file, pack)
    except OSError as problem:
        raise InputError(f'cannot read "{pack}": {problem.strerror}') from None


def _faces(file: BinaryIO, pack: Path) -> list[PackedFace]:
    end = file.seek(0, 2)
    file.seek(0)
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        raise _damaged(pack)
    version, length = HEAD.unpack(head)
    if version != VERSION:
        raise InputError(
            f'"{pack.name}" is no packed faceset that is known (version {version}, not {VERSION}); '
            "unpack it with DeepFaceLab"
        )
    if length > end - HEAD.size:
        raise _damaged(pack)
    if length > dfl_pickle.FACESET.longest:
        raise InputError(f'"{pack.name}" holds too many faces; unpack it with DeepFaceLab')
    # so a small file cannot ask for much
    longest = dfl_pickle.FACE.longest + SHARE * length
    limits = dfl_pickle.FACESET._replace(longest=longest)
    names = _names(dfl_pickle.read(file.read(length), pack.name, limits), pack)
    table = file.read(PLACE * (len(names) + 1))
    if len(table) < PLACE * (len(names) + 1):
        raise _damaged(pack)
    places = np.frombuffer(table, "<u8").tolist()
    begin = file.tell()
    # the last place is DeepFaceLab's length of the whole file, not where the last image ends
    stops = [*(begin + place for place in places[1:-1]), end]
    return [
        PackedFace(pack, name, begin + place, stop)
        for name, place, stop in zip(names, places, stops, strict=False)
    ]


def _names(records: object, pack: Path) -> list[str]:
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise _damaged(pack)
    return [_name(record, pack) for record in records]


def _name(record: dict[Any, Any], pack: Path) -> str:
    name, person = record.get("filename"), record.get("person_name")
    if not isinstance(name, str) or not isinstance(person, (str, type(None))):
        raise _damaged(pack)
    name = PureWindowsPath(name).name
    return name if person is None else f"{PureWindowsPath(person).name}_{name}"


def _damaged(pack: Path) -> InputError:
    return InputError(f'"{pack.name}" is truncated or damaged, or no packed faceset')
