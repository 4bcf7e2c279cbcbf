"""Which name and which subfolder each sorted face gets; no face takes a name that is in use."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from facelib.faceset import FaceInfo
from sorter.job import Placed
from sorter.places import TRASH, claim
from utils.files import short_stem, trash_dir

FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]' if os.name == "nt" else r"[/\x00]")


def new_places(
    folder: Path, order: Sequence[Placed], infos: Mapping[Path, FaceInfo] | None, grouped: bool
) -> list[tuple[str, str]]:
    """Return (old place, new place) of every face, in order; see `sorter.places`.

    Parameters
    ----------
    folder : Path
        The folder of faces.
    order : sequence of Placed
        All sorted faces.
    infos : mapping of Path to FaceInfo, or None
        The metadata of each face, to restore the original names; None to number the faces.
    grouped : bool
        Whether groups become subfolders.
    """
    kept = [item for item in order if item.keep]
    dropped = [item for item in order if not item.keep]
    folders = group_folders([item.group for item in kept] if grouped else [])
    faces = {item.path for item in order}
    inside = [folder, *(folder / name for name in folders.values())]
    in_use = [path.name for path in _content(inside) if path not in faces]
    if infos is None:
        names = numbered_names(len(kept), in_use)
    else:
        names = original_names([infos[item.path] for item in kept], in_use)
    taken = {path.name.casefold() for path in _content([trash_dir(folder)])}
    new = [
        f"{folders[item.group]}/{name}" if grouped else name
        for item, name in zip(kept, names, strict=True)
    ]
    new += [f"{TRASH}/{claim(item.path.stem, item.path.suffix, taken)}" for item in dropped]
    old = [item.path.relative_to(folder).as_posix() for item in (*kept, *dropped)]
    return list(zip(old, new, strict=True))


def group_folders(groups: Sequence[str]) -> dict[str, str]:
    """Return a folder name for each group, numbered in order."""
    names = list(dict.fromkeys(groups))
    digits = max(2, len(str(len(names))))
    return {
        name: f"{number:0{digits}d}_{FORBIDDEN.sub('_', name).replace(' ', '_')}"
        for number, name in enumerate(names, 1)
    }


def numbered_names(count: int, in_use: Iterable[str]) -> list[str]:
    """Return `count` names 00000.png, 00001.png, ..., skipping those in use."""
    taken = {name.casefold() for name in in_use}  # some file systems ignore case
    digits = max(5, len(str(count + len(taken))))
    numbers = (f"{number:0{digits}d}.png" for number in range(count + len(taken)))
    return [name for name in numbers if name not in taken][:count]


def original_names(infos: Sequence[FaceInfo], in_use: Iterable[str]) -> list[str]:
    """Return the names that extract gave, `<frame stem>_<face index>.png`.

    Where two faces claim one name (of two videos in one folder), or another file has it, the first
    claim counts and the others become `<name>_1.png`, `<name>_2.png`, ...
    """
    taken = {name.casefold() for name in in_use}
    wanted = [f"{_file_stem(info.source_name)}_{info.face_index}" for info in infos]
    names: list[str | None] = []
    for stem in wanted:
        free = f"{stem}.png".casefold() not in taken
        taken.add(f"{stem}.png".casefold())
        names.append(f"{stem}.png" if free else None)
    return [name or claim(stem, ".png", taken) for name, stem in zip(names, wanted, strict=True)]


def _content(folders: Iterable[Path]) -> list[Path]:
    return [path for folder in folders if folder.is_dir() for path in folder.iterdir()]


def _file_stem(source_name: str) -> str:
    """Return the stem of a name from untrusted metadata as a file name, which is not hidden."""
    stem = Path(source_name).stem.lstrip(".").encode(errors="replace").decode()
    return FORBIDDEN.sub("_", short_stem(stem)) or "face"
