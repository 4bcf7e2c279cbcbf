"""What is refused before a sort asks or does anything."""

import os
from pathlib import Path

from sorter import rename
from sorter.options import (
    DeleteFacesOptions,
    ListFacesOptions,
    RestoreFacesOptions,
    SortOptions,
)
from utils.errors import InputError, UsageError

FacesOptions = SortOptions | ListFacesOptions | DeleteFacesOptions | RestoreFacesOptions
SHEETS, PAGES = (".jpg", ".jpeg", ".png"), (".html", ".htm")


def check(options: SortOptions) -> None:
    """Refuse what could only fail after the work.

    Raises
    ------
    UsageError
        If options contradict each other, or a name has a wrong ending.
    InputError
        If an earlier sort must be completed first, or there is none to undo.
    """
    for flag, path, suffixes in (
        ("--contact-sheet", options.contact_sheet, SHEETS),
        ("--page", options.page, PAGES),
    ):
        if path and path.suffix.lower() not in suffixes:
            raise UsageError(
                f"{flag}: Expected a name ending in {', '.join(suffixes)}. Received: {path}"
            )
    if options.target is not None and options.by != "final":
        raise UsageError("--target: only --by final selects faces. Expected --by final")
    if options.dry_run and options.undo:
        raise UsageError("--dry-run: Expected to be without --undo. Received: both")
    folder = folder_of(options)
    interrupted = rename.interrupted(folder)
    if options.dry_run and interrupted:
        raise InputError(
            f'an earlier sort of "{folder}" was interrupted; '
            "sort without --dry-run, or with --undo, to complete it first"
        )
    if options.undo and not interrupted:
        rename.check_undo(folder)


def folder_of(options: FacesOptions) -> Path:
    """Return the folder of faces, without ".." because the trash is named after it."""
    return Path(os.path.normpath(options.input_dir.absolute()))
