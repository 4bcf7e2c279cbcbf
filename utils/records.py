"""Reading records and archives that anyone may have damaged or made up.

Whatever such a file makes its reader raise becomes one InputError: see `reading`.
"""

import json
import lzma
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.errors import InputError, UserError

if TYPE_CHECKING:
    import numpy as np

LARGEST_RECORD = 100_000_000
"""Bytes; a larger JSON file is not one of ours."""

RESTORE = "restore a copy of it, or move it away"

DAMAGE = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,  # nested too deeply, encrypted, or packed in an unknown way
    MemoryError,
    EOFError,
    SyntaxError,
    tokenize.TokenError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
)
"""What the readers of JSON, zip, npy and npz files raise because of the content of a file."""

ENCRYPTED = 1
"""A flag of an entry in a zip archive."""

NUMBER = re.compile(r"-?[0-9]{1,30}([/.][0-9]{1,30})?")
"""An exact number; "1e999999999" would take hours to read."""


@contextmanager
def reading(path: Path, kind: str, *, damaged: str = "", remedy: str = RESTORE) -> Iterator[None]:
    """Turn everything that a file can cause while it is read into an InputError.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        What it is, for error messages: "session".
    damaged : str
        What to say of a damaged file, if the usual sentence does not fit.
    remedy : str
        What the usual sentence advises.
    """
    try:
        yield
    except FileNotFoundError:
        raise InputError(f'there is no {kind} "{path}"; check its name') from None
    except OSError as problem:
        if problem.errno is None:  # from a decompressor, not from the system
            raise InputError(damaged or f'the {kind} "{path}" is damaged; {remedy}') from None
        raise InputError(
            f'cannot read the {kind} "{path}": {problem.strerror}; check its permissions'
        ) from None
    except DAMAGE:
        raise InputError(damaged or f'the {kind} "{path}" is damaged; {remedy}') from None


def read_record(
    path: Path, kind: str, version: int | None, *, remedy: str = RESTORE
) -> dict[str, Any]:
    """Read a JSON object from a file that anyone may have edited.

    Parameters
    ----------
    kind : str
        What the file is, for error messages: "session".
    version : int or None
        The newest format known, None to leave the check to the caller. A file that states none is
        of the first.
    remedy : str
        What the errors advise.

    Raises
    ------
    InputError
        If the file is missing, unreadable, damaged, or of a newer format.
    """
    what = f'the {kind} "{path}"'
    with reading(path, kind, damaged=f"{what} is damaged: it is not JSON; {remedy}"):
        if path.stat().st_size > LARGEST_RECORD:
            raise InputError(f'"{path}" is too large to be a {kind}; {remedy}')
        record = json.loads(path.read_bytes())
    if not isinstance(record, dict):
        raise InputError(f"{what} is damaged: it is not a JSON object; {remedy}")
    if version is not None:
        _check_version(record, what, version, remedy)
    return record


def _check_version(record: dict[str, Any], what: str, version: int, remedy: str) -> None:
    found = record.get("version", 1)
    if type(found) is not int or found < 1:  # `type`, because True is an int too
        raise InputError(f"{what} is damaged: its version is not a number from 1; {remedy}")
    if found > version:
        raise InputError(f"{what} was written by a newer version of this program; update it")


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a file that has one on each line, and pass over damaged lines."""
    with path.open(encoding="utf-8", errors="replace") as file:
        while line := file.readline(LARGEST_RECORD):
            try:
                record = json.loads(line)
            except DAMAGE:
                continue
            if isinstance(record, dict):
                yield record


def holds(check: Callable[[Any], object], value: object) -> bool:
    """Whether a check of a value from a file raises nothing."""
    try:
        check(value)
    except (*DAMAGE, UserError):
        return False
    return True


def fraction(value: object) -> Fraction:
    """Return the exact number that a record states, such as "1001/30000".

    Raises
    ------
    ValueError
        If it states none.
    """
    if type(value) not in (str, int, float) or not NUMBER.fullmatch(str(value)):
        raise ValueError(value)
    return Fraction(str(value))


def stored_entries(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """Return the entries of an archive that holds nothing compressed.

    Raises
    ------
    ValueError
        If an entry is compressed or encrypted, or they would unpack to more than the file holds.
    """
    entries = archive.infolist()
    stored = all(
        entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & ENCRYPTED
        for entry in entries
    )
    # overlapping entries would unpack to more than the file holds
    if not stored or sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise ValueError(path)
    return entries


def read_arrays(
    path: Path,
    kind: str,
    wanted: Callable[[str], bool] = lambda name: True,
    *,
    remedy: str = RESTORE,
) -> dict[str, "np.ndarray"]:
    """Read the arrays of an `.npz` file, as `numpy.savez` writes it, by name.

    Raises
    ------
    InputError
        If the file is missing, unreadable or damaged.
    """
    import numpy as np  # not at the top: slows `--help`

    # opened here, because NumPy leaves a damaged archive open
    with reading(path, kind, remedy=remedy), path.open("rb") as file:
        with zipfile.ZipFile(file) as archive:
            stored_entries(archive, path)
        file.seek(0)
        with np.load(file, allow_pickle=False) as saved:
            return {name: np.asarray(saved[name]) for name in saved.files if wanted(name)}
