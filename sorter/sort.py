"""The `sort` stage: orders the faces of a folder and renames them so that the order shows.

Sorted faces are called `00000.png`, `00001.png`, ... whatever they were called before; nothing is
lost, because each carries the name of its frame inside, and `--by origname` gives every face back
the name that extract gave it. Files that are no faces keep their names, and no face takes one that
is in use.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from facelib.faceset import FaceInfo, Faceset
from sorter import METHODS
from sorter.options import SortOptions
from sorter.rename import finish_interrupted, rename_all
from utils import console
from utils.console import Report

FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]' if os.name == "nt" else r"[/\x00]")
LONGEST_STEM = 240  # bytes: with the face's number it is within the usual 255


def run(options: SortOptions) -> Report:
    """Sort a folder of faces.

    Raises
    ------
    InputError
        If the folder is missing or holds no face.
    UserError
        If a file cannot be renamed.
    """
    folder = options.input_dir
    if finish_interrupted(folder):
        console.say("completed an earlier sort that was interrupted")
    faces = Faceset.open(folder)
    report = Report()
    order = [path for path, _ in METHODS.load(options.by)(faces, report)]
    in_use = {path.name for path in folder.iterdir()} - {path.name for path in order}
    if options.by == "origname":
        info_of = dict(faces)
        names = original_names([info_of[path] for path in order], in_use)
    else:
        names = numbered_names(len(order), in_use)
    rename_all(folder, [(path.name, name) for path, name in zip(order, names, strict=True)])
    report.counts = {"faces sorted": len(order), "other files left alone": len(faces.skipped)}
    report.remarks = {"left alone": list(faces.skipped)}
    return report


def numbered_names(count: int, in_use: Iterable[str]) -> list[str]:
    """Return `count` names 00000.png, 00001.png, ..., leaving out those in use."""
    taken = {name.casefold() for name in in_use}  # some file systems do not tell case apart
    digits = max(5, len(str(count + len(taken))))
    numbers = (f"{number:0{digits}d}.png" for number in range(count + len(taken)))
    return [name for name in numbers if name not in taken][:count]


def original_names(infos: Sequence[FaceInfo], in_use: Iterable[str]) -> list[str]:
    """Return the names that extract gave, `<frame stem>_<face index>.png`.

    Where two faces claim one name (sets of two videos in one folder), or a file that is no face has
    it, the first claim counts and the others become `<name>_1.png`, `<name>_2.png`, ...
    """
    taken = {name.casefold() for name in in_use}
    wanted = [f"{_file_stem(info.source_name)}_{info.face_index}" for info in infos]
    names: list[str | None] = []
    for stem in wanted:
        free = f"{stem}.png".casefold() not in taken
        taken.add(f"{stem}.png".casefold())
        names.append(f"{stem}.png" if free else None)
    return [name or _claim(stem, taken) for name, stem in zip(names, wanted, strict=True)]


def _claim(stem: str, taken: set[str]) -> str:
    number = 1
    while (name := f"{stem}_{number}.png").casefold() in taken:
        number += 1
    taken.add(name.casefold())
    return name


def _file_stem(source_name: str) -> str:
    """Return the stem of a name from metadata, which may come from anywhere, as a file name."""
    data = Path(source_name).stem.encode(errors="replace")[:LONGEST_STEM]
    return FORBIDDEN.sub("_", data.decode(errors="ignore")) or "face"
