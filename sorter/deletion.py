"""`util delete-faces` and `util restore-faces`: faces go to the folder's trash, and come back.

A record of what goes where is written to `.sort` before the first file moves, under names that are
free in the trash. A deletion that is stopped anywhere thus needs no completion: what was moved can
be restored, the rest is where it was. Interrupted sorts have to be completed first, because their
faces have interim names.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from sorter.checks import folder_of
from sorter.exclusive import exclusive
from sorter.options import DeleteFacesOptions, RestoreFacesOptions
from sorter.places import TRASH, claim, is_place, place
from sorter.rename import interrupted, move_file, state_dir
from utils.console import Report, quoted
from utils.errors import InputError, UsageError, UserError
from utils.files import free_name, is_image, no_link, sync_folder, trash_dir, write_bytes
from utils.records import read_record, reading

RECORD = re.compile(r"deleted-([0-9]{6}|[1-9][0-9]{6,8})\.json")
KEPT = 100
"""Deletions that can be taken back; the faces of older ones stay in the trash."""
LONGEST_LIST = 100_000_000
"""Bytes of a list of names."""

Discarded = list[tuple[str, str]]
"""Place of each face, and its place in the trash; see `sorter.places`."""


def check(options: DeleteFacesOptions) -> None:
    """Refuse a deletion without names, and one that names faces in two ways."""
    if bool(options.names) == (options.names_from is not None):
        raise UsageError("Expected either --names or --names-from")


def delete(options: DeleteFacesOptions) -> Report:
    """Move faces to the trash; names that are gone already are reported.

    Raises
    ------
    InputError
        If the list cannot be read, a name is not that of a face, or none of them is there.
    UserError
        If a file cannot be moved.
    """
    names = list(dict.fromkeys(options.names or _read_names(str(options.names_from))))
    wrong = [name for name in names if not _is_face(name)]
    if wrong:
        raise InputError(
            f"{quoted(wrong[0])} is not the name of a face in the folder or in one of its groups; "
            "nothing was deleted"
        )
    folder = folder_of(options)
    with exclusive(folder):
        _require_names(folder)
        present = [name for name in names if _holds(folder, name)]
        gone = sorted(set(names) - set(present))
        if not present:
            raise InputError(f'none of these {len(names)} names is in "{folder}"; check the names')
        _move_to_trash(folder, present)
    return Report({"faces moved to the trash": len(present)}, {"gone already": gone})


def restore(options: RestoreFacesOptions) -> Report:
    """Move the faces of the last deletion back; one whose name is in use gets another.

    Raises
    ------
    InputError
        If there is no deletion to take back, or its record is damaged.
    UserError
        If a file cannot be moved.
    """
    folder = folder_of(options)
    with exclusive(folder):
        _require_names(folder)
        records = _records(folder)
        if not records:
            raise InputError(f'there is no deletion to take back in "{folder}"')
        return _take_back(folder, records[-1])


def _move_to_trash(folder: Path, names: Sequence[str]) -> None:
    trash = trash_dir(folder)
    trash.mkdir(exist_ok=True)
    taken = {path.name.casefold() for path in trash.iterdir()}
    moves = []
    for name in names:
        path = PurePosixPath(name)
        moves.append((name, f"{TRASH}/{claim(path.stem, path.suffix, taken)}"))
    _write_record(folder, moves)
    for number, (name, where) in enumerate(moves):
        try:
            move_file(place(folder, name), place(folder, where))
        except FileNotFoundError:  # another program was faster
            continue
        except OSError as problem:
            raise UserError(
                f'cannot move "{name}" to "{trash}": {problem.strerror}; {number} faces were '
                "moved, and util restore-faces takes that back"
            ) from None
    _sync(folder, names)


def _take_back(folder: Path, record: Path) -> Report:
    report = Report({"faces put back": 0})
    renamed, missing, names = [], [], []
    for name, where in _read_record(record):
        source, target = place(folder, where), _home(folder, name)
        if not source.is_file():
            if not target.is_file():  # else it was never moved, or is back already
                missing.append(source.name)
            continue
        free = free_name(target)
        try:
            move_file(source, free)
        except OSError as problem:
            raise UserError(
                f'cannot move "{source}" back: {problem.strerror}; free its way and run this again'
            ) from None
        report.counts["faces put back"] += 1
        names.append(free.relative_to(folder).as_posix())
        if names[-1] != name:
            renamed.append(f"{name} -> {names[-1]}")
    _sync(folder, names)
    record.unlink()
    report.notes = {"under another name": renamed, "not in the trash any more": missing}
    return report


def _home(folder: Path, name: str) -> Path:
    """Return where a face belongs: not into a group that a later sort has dissolved."""
    home = place(folder, name)
    return home if home.parent.is_dir() else folder / home.name


def _require_names(folder: Path) -> None:
    if interrupted(folder):
        raise InputError(
            f'an earlier sort of "{folder}" was interrupted, so its faces have interim names; '
            "complete it by another sort, or by sort --undo"
        )


def _read_names(source: str) -> list[str]:
    """Read names, one on each line, from a file or from standard input."""
    if source == "-":
        data = sys.stdin.buffer.read(LONGEST_LIST)
    else:
        path = Path(source).expanduser()
        with reading(path, "list of names"), path.open("rb") as file:
            data = file.read(LONGEST_LIST)
    names = [os.fsdecode(line.rstrip(b"\r")) for line in data.split(b"\n")]
    return [name for name in names if name]


def _is_face(name: str) -> bool:
    return is_place(name) and not name.startswith(TRASH) and is_image(Path(name))


def _holds(folder: Path, name: str) -> bool:
    path = place(folder, name)
    if path.parent != folder:
        no_link(path.parent)
    return path.is_file()


def _records(folder: Path) -> list[Path]:
    """Return the records of deletions, oldest first."""
    found = [path for path in state_dir(folder).iterdir() if RECORD.fullmatch(path.name)]
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _write_record(folder: Path, moves: Discarded) -> None:
    records = _records(folder)
    last = int(RECORD.fullmatch(records[-1].name)[1]) if records else 0  # type: ignore[index]
    path = state_dir(folder) / f"deleted-{last + 1:06d}.json"
    # ASCII, because a name on Linux may hold bytes that are not valid text
    write_bytes(path, json.dumps({"version": 1, "moves": moves}).encode())
    sync_folder(path.parent)
    for old in records[: -(KEPT - 1)]:
        old.unlink()


def _read_record(path: Path) -> Discarded:
    kind = "record of a deletion"
    record = read_record(path, kind, 1, remedy="move it away")
    with reading(path, kind, damaged=f'"{path}" is not the {kind}; move it away'):
        moves = [(str(name), str(where)) for name, where in record["moves"]]
        if not all(_is_face(name) and _is_trash(where) for name, where in moves):
            raise ValueError(path)
    return moves


def _is_trash(where: str) -> bool:
    return is_place(where) and where.startswith(f"{TRASH}/")


def _sync(folder: Path, names: Sequence[str]) -> None:
    """Flush the folders that faces were moved out of or into."""
    for parent in _parents(folder, names):
        if parent.is_dir():
            sync_folder(parent)


def _parents(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    yield trash_dir(folder)
    yield from dict.fromkeys(place(folder, name).parent for name in names)
