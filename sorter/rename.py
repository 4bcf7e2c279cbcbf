"""Renaming many files at once so that a crash at any moment loses none.

The plan is written to `.sort.json` first. Then every file gets a name that nobody uses, the plan is
marked, and every file gets its new name; last, the plan is removed. Whatever stops this half-way,
`finish_interrupted` completes it: before the mark a file has its old or its interim name, after it
its interim or its new one, so that no file can be taken for another.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from utils.errors import InputError, Interrupted, UserError
from utils.files import free_name, write_bytes

JOURNAL = ".sort.json"
GATHER, HAND_OUT = "gather", "hand out"


def rename_all(folder: Path, pairs: Sequence[tuple[str, str]]) -> None:
    """Rename files of a folder; old and new names may overlap in any way.

    Parameters
    ----------
    folder : where the files are
    pairs : (old name, new name); no two alike, and no new name that a file outside the plan has

    Raises
    ------
    UserError
        If a file cannot be renamed; every file still exists, and the next sort completes the rest.
    """
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    if not pairs:
        return
    token = _free_token(folder)
    moves = [(old, f"{token}{i:06d}{Path(new).suffix}", new) for i, (old, new) in enumerate(pairs)]
    _write_plan(folder, GATHER, moves)
    try:
        _carry_out(folder, GATHER, moves)
    except (KeyboardInterrupt, Interrupted):
        finish_interrupted(folder)  # it takes a moment; then nobody sees interim names
        raise


def finish_interrupted(folder: Path) -> bool:
    """Complete a renaming that was stopped half-way; return whether there was one.

    Raises
    ------
    InputError
        If the plan in the folder is not one of ours.
    UserError
        If a file cannot be renamed.
    """
    journal = folder / JOURNAL
    if not journal.is_file():
        return False
    phase, moves = _read_plan(journal)
    _carry_out(folder, phase, moves)
    return True


def _carry_out(folder: Path, phase: str, moves: list[tuple[str, str, str]]) -> None:
    if phase == GATHER:
        for old, interim, _ in moves:
            if not (folder / interim).exists():  # or it was moved before the crash
                _move(folder / old, folder / interim)
        _write_plan(folder, HAND_OUT, moves)
    for _, interim, new in moves:
        _move(folder / interim, folder / new)
    _sync_folder(folder)
    (folder / JOURNAL).unlink()


def _move(old: Path, new: Path) -> None:
    """Rename one file; a missing one was moved before the crash, or deleted since."""
    if not old.exists():
        return
    try:
        old.rename(free_name(new))  # free_name: somebody may have put a file there meanwhile
    except OSError as problem:
        raise UserError(
            f'cannot rename "{old.name}" in "{old.parent}": {problem.strerror}; no face is lost, '
            "but some have interim names: close what uses the folder and run the same sort again"
        ) from None


def _write_plan(folder: Path, phase: str, moves: Sequence[tuple[str, str, str]]) -> None:
    _sync_folder(folder)  # what the plan takes as done must be on the disk before it
    # ASCII, because a name on Linux may hold bytes that are no text
    plan = json.dumps({"version": 1, "phase": phase, "moves": moves}, ensure_ascii=True)
    write_bytes(folder / JOURNAL, plan.encode())
    _sync_folder(folder)


def _read_plan(journal: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """Read a plan and believe nothing of it: a name must not lead out of the folder."""
    try:
        plan = json.loads(journal.read_bytes())
        moves = [(str(old), str(interim), str(new)) for old, interim, new in plan["moves"]]
        valid = plan["version"] == 1 and plan["phase"] in (GATHER, HAND_OUT)
    except (ValueError, TypeError, KeyError, RecursionError):
        moves, valid = [], False
    if not valid or not all(_plain(name) for move in moves for name in move):
        raise InputError(f'"{journal}" is not the plan of an interrupted sort; move it away')
    return plan["phase"], moves


def _plain(name: str) -> bool:
    return name not in ("", ".", "..") and Path(name).name == name and "\0" not in name


def _free_token(folder: Path) -> str:
    """Return a prefix that no name in the folder begins with."""
    names = [path.name.casefold() for path in folder.iterdir()]
    number = 0
    while any(name.startswith(f"sorting{number}_") for name in names):
        number += 1
    return f"sorting{number}_"


def _sync_folder(folder: Path) -> None:
    """Flush a folder's names to the disk, where the system can (Windows cannot and need not)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
