"""Crash-safe renaming of many files at once, and its undo.

Everything is kept in the folder `.sort` inside the folder of faces. The plan is written to
`plan.json` there before the first file moves. Then every file gets an unused interim name, the plan
is marked, and every file moves to its new place; last, the plan becomes the undo file. If this is
interrupted, `finish_interrupted` completes it: before the mark a file has its old or its interim
name, after it its interim or its new one, so no file can be mistaken for another.

How a file's place is written: see `sorter.places`.
"""

import errno
import json
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from sorter.places import is_name, is_place, place
from utils import workspace
from utils.errors import InputError, Interrupted, UserError
from utils.files import (
    free_name,
    no_link,
    patiently,
    sync_folder,
    write_atomic,
    write_bytes,
)
from utils.records import read_record, reading

STATE = workspace.SORTED
PLAN = "plan.json"
GATHER, HAND_OUT = "gather", "hand out"
UNDOABLE = 10  # sorts
UNDO_FILE = re.compile(r"undo-([0-9]{6}|[1-9][0-9]{6,8})\.json")

Moves = list[tuple[str, str, str]]  # old place, interim name, new place


def state_dir(folder: Path) -> Path:
    """Return the sorter's own folder in a folder of faces."""
    return no_link(folder / STATE)


def rename_all(folder: Path, pairs: Sequence[tuple[str, str]], undoes: int | None = None) -> None:
    """Move files of a folder; old and new places may overlap in any way.

    Parameters
    ----------
    folder : Path
        The folder of faces.
    pairs : sequence of (str, str)
        Old and new place of each; all different, and none occupied by a file outside the plan.
    undoes : int or None
        The number of the undo file that these moves consume; None to write a new one.

    Raises
    ------
    UserError
        If a file cannot be moved; every file still exists, and the next sort completes the rest.
    """
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    _parents(folder, (where for pair in pairs for where in pair))  # refuses links, before the plan
    if pairs:
        token = _free_token(folder)
        moves = [
            (old, f"{token}{i:06d}{PurePosixPath(new).suffix}", new)
            for i, (old, new) in enumerate(pairs)
        ]
        _write_plan(folder, GATHER, moves, undoes)
        try:
            _carry_out(folder, GATHER, moves, undoes)
        except (KeyboardInterrupt, Interrupted):
            finish_interrupted(folder)  # takes a moment, and leaves no interim names behind
            raise
    elif undoes is not None:
        _undo_file(folder, undoes).unlink(missing_ok=True)


def interrupted(folder: Path) -> bool:
    """Whether a sort of this folder was interrupted."""
    return (state_dir(folder) / PLAN).is_file()


def finish_interrupted(folder: Path) -> str:
    """Complete an interrupted renaming; return "sort", "undo", or "" for none.

    Raises
    ------
    InputError
        If the plan in the folder is not valid.
    UserError
        If a file cannot be moved.
    """
    if not interrupted(folder):
        return ""
    phase, moves, undoes = _read_plan(state_dir(folder) / PLAN)
    _carry_out(folder, phase, moves, undoes)
    return "sort" if undoes is None else "undo"


def undo(folder: Path) -> tuple[int, int]:
    """Move the files of the last sort back; return how many, and how many are gone since.

    Raises
    ------
    InputError
        If there is no sort to undo, or its undo file is not valid.
    UserError
        If a file cannot be moved.
    """
    check_undo(folder)
    numbers = _undo_numbers(folder)
    _, moves, _ = _read_plan(_undo_file(folder, numbers[-1]))
    pairs = [(new, old) for old, _, new in moves if place(folder, new).is_file()]
    rename_all(folder, pairs, undoes=numbers[-1])
    return len(pairs), len(moves) - len(pairs)


def check_undo(folder: Path) -> None:
    """Raise InputError if there is no sort to undo."""
    if not _undo_numbers(folder):
        raise InputError(f'there is no sort to undo in "{folder}"; --undo takes back a sort there')


def groups(folder: Path) -> list[Path]:
    """Return the subfolders that the last sort made and that still exist."""
    numbers = _undo_numbers(folder)
    if not numbers:
        return []
    _, moves, _ = _read_plan(_undo_file(folder, numbers[-1]))
    parents = _parents(folder, (new for _, _, new in moves))
    return [parent for parent in parents if parent.parent == folder and parent.is_dir()]


def _parents(folder: Path, places: Iterable[str]) -> list[Path]:
    """Return the folders of some places, each once; InputError if one leads elsewhere."""
    heads = dict.fromkeys(where.rpartition("/")[0] for where in places)
    return [no_link(place(folder, head)) if head else folder for head in heads]


def _carry_out(folder: Path, phase: str, moves: Moves, undoes: int | None) -> None:
    emptied = _parents(folder, (old for old, _, _ in moves))
    filled = _parents(folder, (new for _, _, new in moves))
    if phase == GATHER:
        for old, interim, _ in moves:
            if not (folder / interim).exists():  # or it was moved before the crash
                _move(place(folder, old), folder / interim)
        _sync(folder, moves)
        _write_plan(folder, HAND_OUT, moves, undoes)
    _make_folders(filled)
    for _, interim, new in moves:
        _move(folder / interim, place(folder, new))
    _sync(folder, moves)
    _remove_empty(parent for parent in emptied if parent.parent == folder)
    _close(folder, undoes)


def _close(folder: Path, undoes: int | None) -> None:
    """Turn the finished plan into an undo file, or remove it and the one it has undone."""
    plan = state_dir(folder) / PLAN
    if undoes is None:
        numbers = _undo_numbers(folder)
        plan.replace(_undo_file(folder, numbers[-1] + 1 if numbers else 1))
        for number in numbers[: -(UNDOABLE - 1)]:
            _undo_file(folder, number).unlink()
    else:
        _undo_file(folder, undoes).unlink(missing_ok=True)
        plan.unlink()
    sync_folder(state_dir(folder))


def _move(old: Path, new: Path) -> None:
    """Move one file; a missing one was moved before the crash, or deleted since."""
    if not old.exists():
        return
    target = free_name(new)  # another program may have put a file there meanwhile
    try:
        move_file(old, target)
    except OSError as problem:
        raise _stuck(old, problem) from None


def move_file(old: Path, new: Path) -> None:
    """Move a file to a free name, also to another disk, where the trash may be."""
    try:
        patiently(old.rename, new)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        with write_atomic(new) as temporary:
            shutil.copy2(old, temporary)
        old.unlink()


def _make_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        try:
            folder.mkdir(exist_ok=True)
        except OSError as problem:
            raise _stuck(folder, problem) from None


def _stuck(path: Path, problem: OSError) -> UserError:
    return UserError(
        f'cannot move "{path.name}" in "{path.parent}": {problem.strerror}; no face is lost, '
        "but some have interim names: fix the cause and run the same sort again"
    )


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _sync(folder: Path, moves: Moves) -> None:
    """Flush all folders that files were moved out of or into."""
    parents = _parents(folder, (where for old, _, new in moves for where in (old, new)))
    for parent in dict.fromkeys([folder, *parents]):
        if parent.is_dir():
            sync_folder(parent)


def _write_plan(folder: Path, phase: str, moves: Moves, undoes: int | None) -> None:
    plan = {"version": 1, "phase": phase, "undoes": undoes, "moves": moves}
    # ASCII, because a name on Linux may hold bytes that are not valid text
    write_bytes(state_dir(folder) / PLAN, json.dumps(plan, ensure_ascii=True).encode())
    sync_folder(state_dir(folder))
    sync_folder(folder)


def _read_plan(file: Path) -> tuple[str, Moves, int | None]:
    """Read and validate a plan: a place must not lead out of the folder."""
    kind = "plan of an interrupted sort"
    plan = read_record(file, kind, 1)
    with reading(file, kind, damaged=f'"{file}" is not the {kind}; move it away'):
        moves = [(str(old), str(interim), str(new)) for old, interim, new in plan["moves"]]
        phase, undoes = plan["phase"], plan["undoes"]
        valid = plan["version"] == 1 and phase in (GATHER, HAND_OUT)
        valid = valid and (undoes is None or (type(undoes) is int and 0 < undoes < 10**9))
        valid = valid and len({mid for _, mid, _ in moves}) == len(moves)
        valid = valid and all(is_place(a) and is_name(mid) and is_place(b) for a, mid, b in moves)
        if not valid:
            raise ValueError(plan)
    return phase, moves, undoes


def _undo_file(folder: Path, number: int) -> Path:
    return state_dir(folder) / f"undo-{number:06d}.json"


def _undo_numbers(folder: Path) -> list[int]:
    """Return the numbers of the undo files, oldest first."""
    found = (UNDO_FILE.fullmatch(path.name) for path in (state_dir(folder)).glob("undo-*.json"))
    return sorted(int(match[1]) for match in found if match)


def _free_token(folder: Path) -> str:
    """Return a prefix that no name in the folder has."""
    names = [path.name.casefold() for path in folder.iterdir()]
    number = 0
    while any(name.startswith(f"sorting{number}_") for name in names):
        number += 1
    return f"sorting{number}_"
