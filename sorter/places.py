"""Where a face is, as text, and names that are free.

A file's place is written as its name, as `group/name` for one in a subfolder, and as `:trash/name`
for one in the trash beside the folder.
"""

import os
from pathlib import Path

from utils.files import short_stem, trash_dir

TRASH = ":trash"
LONGEST_NAME = 255  # bytes, in all common file systems


def place(folder: Path, where: str) -> Path:
    """Return the path of a place such as `00001.png`, `group/00001.png` or `:trash/00001.png`."""
    parts = where.split("/")
    if parts[0] == TRASH:
        return trash_dir(folder).joinpath(*parts[1:])
    return folder.joinpath(*parts)


def is_place(where: str) -> bool:
    """Whether a text is a place (see `place`) in the folder, a group of it or the trash."""
    parts = where.split("/")
    if parts[0] == TRASH:
        return len(parts) == 2 and is_name(parts[1])
    return len(parts) <= 2 and all(is_name(part) for part in parts)


def is_name(name: str) -> bool:
    """Whether a name is that of a face or a group: neither leads elsewhere, nor is it hidden.

    The sorter's own folder and the journal of `extract` have hidden names.
    """
    if not name or name.startswith(".") or "\0" in name or Path(name).name != name:
        return False
    return len(os.fsencode(name)) <= LONGEST_NAME


def claim(stem: str, suffix: str, taken: set[str]) -> str:
    """Return a file name that is not among `taken`, which are case-folded, and add it to them."""
    name, number = f"{stem}{suffix}", 0
    while name.casefold() in taken:
        number += 1
        name = f"{short_stem(stem)}_{number}{suffix}"
    taken.add(name.casefold())
    return name
