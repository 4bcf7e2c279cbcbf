"""`util list-faces`: one table of all faces of a folder, as JSON, for pages and other programs.

It is kept as `faces.json` in the folder `.sort`. While no face was added or changed, the next call
takes the rows from there and reads no face: a row belongs to a file's number, size and date, which
renaming does not change. docs/file-formats.md describes the columns.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facelib import review
from facelib.faceset import FaceFiles, FaceInfo
from facelib.recognizers import RECOGNIZERS
from sorter import cache, identity
from sorter.checks import folder_of
from sorter.features import IDENTITY, IMAGE_STATS, POSE, RECOGNIZER
from sorter.job import Placed, SortJob
from sorter.options import ListFacesOptions
from sorter.rename import groups, state_dir
from sorter.sort import arrange, open_faces
from utils import processes
from utils.console import Report
from utils.files import is_image, natural_key, write_bytes
from utils.records import holds, read_record

FILE, KIND, VERSION = "faces.json", "table of faces", 1
REASONS = (review.UNCERTAIN, review.UNLIKELY)
"""Bit n of the column `review` is set for reason n."""
TO_TRASH = "to the trash"
"""The group of the faces that `final` would not keep."""

Table = dict[str, Any]
"""What the file holds."""
Column = Sequence[Any] | np.ndarray


def run(options: ListFacesOptions) -> Report:
    """Write the table of a folder of faces.

    Raises
    ------
    InputError
        If the folder is missing or holds no face.
    """
    folder = folder_of(options)
    store = state_dir(folder)
    store.mkdir(exist_ok=True)
    stamps = {path: _identify(path) for path in _images(folder)}
    table = None
    if options.by is None:
        table = _from_last(folder, stamps, options.people)
    if table is None:
        with processes.kept():
            table = _measured(folder, stamps, options)
    data = json.dumps(table, separators=(",", ":")).encode()
    write_bytes(options.output or store / FILE, data)
    left = [name for _, name in table["skipped"]]
    return Report({"faces listed": len(table["columns"]["name"])}, {"left out": left})


def _images(folder: Path) -> list[Path]:
    found = [
        path
        for source in (folder, *groups(folder))
        for path in source.iterdir()
        if is_image(path) and path.is_file()
    ]
    return sorted(found, key=lambda path: natural_key(path.name))


def _identify(path: Path) -> str:
    state = path.stat()
    return f"{state.st_ino:x}-{state.st_size:x}-{state.st_mtime_ns:x}"


def _from_last(folder: Path, stamps: Mapping[Path, str], people: bool) -> Table | None:
    """Return the table from its last state, in order of the names; None if that lacks anything."""
    file = state_dir(folder) / FILE
    if not file.is_file() or not holds(_check, old := _read(file)):
        return None
    if people and not old["recognized"]:
        return None
    vectors = cache.cache_file(state_dir(folder), IDENTITY)
    if vectors.is_file() and vectors.stat().st_mtime > file.stat().st_mtime:
        return None  # more people are known now
    rows = {stamp: row for row, stamp in enumerate(old["columns"]["stamp"])}
    skipped = dict(old["skipped"])
    if not stamps.keys() or not all(s in rows or s in skipped for s in stamps.values()):
        return None
    faces = {path: rows[stamp] for path, stamp in stamps.items() if stamp in rows}
    columns = {
        name: [values[row] for row in faces.values()] for name, values in old["columns"].items()
    }
    columns["name"] = [path.relative_to(folder).as_posix() for path in faces]
    left = [(stamp, skipped[stamp]) for stamp in stamps.values() if stamp in skipped]
    return old | {"columns": columns, "by": None, "order": None, "skipped": left}


def _read(file: Path) -> Table:
    try:
        return read_record(file, KIND, VERSION)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is made again
        return {}


def _check(table: Table) -> None:
    """Raise an error unless a table can have been written here."""
    columns = table["columns"]
    lengths = {len(values) for values in columns.values() if isinstance(values, list)}
    if len(lengths) != 1 or not {"name", "stamp", "key"} <= columns.keys():
        raise ValueError(table)
    if not all(isinstance(stamp, str) for stamp in columns["stamp"]):
        raise ValueError(table)
    dict(table["skipped"])


def _measured(folder: Path, stamps: Mapping[Path, str], options: ListFacesOptions) -> Table:
    """Measure all faces, as far as that was not done before, and return their table."""
    found, _ = open_faces(folder)
    store = state_dir(folder)
    job = SortJob(found, store=store)
    measured = [job.measure(feature) for feature in (IMAGE_STATS, POSE)]
    people = _people(job, store, options.people)
    rows = {path: row for row, (path, _) in enumerate(found)}
    order = [path for path, _ in found]
    arranged: list[Placed] = []
    if options.by:
        arranged = arrange(job, options.by, None)
        order = [placed.path for placed in arranged]
    complete = set.intersection(*({path for path, _ in faces} for faces, _ in measured))
    complete &= stamps.keys()  # without those that were just added
    order = [path for path in order if path in complete]
    columns = _metadata([found[rows[path]] for path in order])
    columns |= _measurements(measured, order)
    if people is not None:
        columns["person"] = [people[path] for path in order]
    columns["name"] = [path.relative_to(folder).as_posix() for path in order]
    columns["key"] = [job.fingerprints.keys[path].hex() for path in order]
    columns["stamp"] = [stamps[path] for path in order]
    skipped = [(stamp, path.name) for path, stamp in stamps.items() if path not in complete]
    return {
        "version": VERSION,
        "by": options.by,
        "reasons": REASONS,
        "recognized": options.people,
        "columns": {name: _plain(values) for name, values in columns.items()},
        "order": _order([placed for placed in arranged if placed.path in complete]),
        "skipped": skipped,
    }


def _people(job: SortJob, store: Path, measure: bool) -> dict[Path, int] | None:
    """Return each face's person, from 0 for the most frequent; -1: seen once, or not recognized.

    None if no face was ever recognized.
    """
    file = cache.cache_file(store, IDENTITY)
    if measure:
        job.measure(IDENTITY)
    elif not file.is_file():
        return None
    paths = [path for path, _ in job.faces]
    keys = [job.fingerprints.keys.get(path, b"") for path in paths]
    vectors, done = cache.recorded(keys, IDENTITY, file)
    people = dict.fromkeys(paths, -1)
    known = np.flatnonzero(done)
    if len(known):
        same_below = RECOGNIZERS.load(RECOGNIZER).same_below
        labels, _ = identity.cluster(vectors["vector"][known], same_below)
        sizes = np.bincount(labels)
        for row, label in zip(known.tolist(), labels.tolist(), strict=True):
            people[paths[row]] = label if sizes[label] > 1 else -1
    return people


def _metadata(faces: FaceFiles) -> dict[str, Column]:
    infos: list[FaceInfo] = [info for _, info in faces]
    bits = [
        sum(1 << REASONS.index(reason) for reason in review.reasons(info.score, info.quality))
        for info in infos
    ]
    return {
        "size": [info.size for info in infos],
        "score": [round(info.score, 3) for info in infos],
        "quality": [round(info.quality, 2) for info in infos],
        "review": bits,
        "source": [info.source for info in infos],
        "frame": [info.source_name for info in infos],
        "frame_index": [info.frame_index for info in infos],
        "face_index": [info.face_index for info in infos],
        "time": [info.time for info in infos],
    }


def _measurements(
    measured: Sequence[tuple[FaceFiles, np.ndarray]], order: Sequence[Path]
) -> dict[str, Column]:
    (_, stats), (_, poses) = measured
    at_stats, at_poses = (
        np.array([row_of[path] for path in order], int)
        for row_of in ({path: row for row, (path, _) in enumerate(faces)} for faces, _ in measured)
    )
    columns: dict[str, Column] = {
        name: poses[name][at_poses].round(1) for name in ("pitch", "yaw", "roll")
    }
    columns |= {
        name: stats[name][at_stats].astype(float).round(digits)
        for name, digits in (("sharpness", 0), ("focus", 3), ("motion", 3), ("brightness", 1))
    }
    return columns


def _order(arranged: Sequence[Placed]) -> Table | None:
    """Return each face's key by the sort method, and the groups: name and number of faces."""
    if not arranged:
        return None
    counts: list[tuple[str, int]] = []
    for placed in arranged:
        name = placed.group if placed.keep else TO_TRASH
        if counts and counts[-1][0] == name:
            counts[-1] = (name, counts[-1][1] + 1)
        else:
            counts.append((name, 1))
    return {"key": [placed.key for placed in arranged], "groups": counts}


def _plain(values: Column) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)
