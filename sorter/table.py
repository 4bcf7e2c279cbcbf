"""`util list-faces`: one table of all faces of a folder, as JSON, for pages and other programs.

It is kept as `faces.json` in the folder `.sort`. While no face was added or changed, the next call
takes the rows from there and reads no face: a row belongs to a file's number, size and date, which
renaming does not change. docs/file-formats.md describes the columns.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from facelib.review import REASONS, TWICE
from sorter.checks import folder_of
from sorter.options import ListFacesOptions
from sorter.rename import groups, state_dir
from utils.console import Report
from utils.errors import InputError
from utils.files import is_image, natural_key, write_bytes
from utils.records import holds, read_record

FILE, KIND, VERSION = "faces.json", "table of faces", 1
IDENTITIES = "identity-*.npz"
"""The cache of recognized people."""

Table = dict[str, Any]
"""What the file holds."""
Stamps = Mapping[str, str]
"""What identifies the state of each image, by its place in the folder (see `sorter.places`)."""


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
    stamps = _stamps_of(folder)
    table = None if options.by else _from_last(store, stamps, options.people)
    if table is None:
        measured_table = import_module("sorter.measured_table")  # not at the top: loads NumPy
        table = measured_table.make(folder, stamps, options)
    file = options.output or store / FILE
    write_bytes(file, json.dumps(table, separators=(",", ":")).encode())
    left = [name for _, name in table["skipped"]]
    return Report({"faces listed": len(table["columns"]["name"])}, {"left out": left}, made=[file])


def _stamps_of(folder: Path) -> Stamps:
    """Return the images of a folder and its groups, in natural order of their names."""
    found = []
    for source in (folder, *groups(folder)):
        group = "" if source == folder else f"{source.name}/"
        with os.scandir(source) as entries:
            found += [(entry, group) for entry in entries if is_image(Path(entry.name))]
    found.sort(key=lambda item: natural_key(item[0].name))
    return {group + entry.name: _stamp_of(entry) for entry, group in found if entry.is_file()}


def _stamp_of(entry: os.DirEntry[str]) -> str:
    state = entry.stat()
    return f"{state.st_ino:x}-{state.st_size:x}-{state.st_mtime_ns:x}"


def _from_last(store: Path, stamps: Stamps, people: bool) -> Table | None:
    """Return the table from its last state, in order of the names; None if that lacks anything."""
    file = store / FILE
    if not file.is_file() or not holds(_check, old := _read(file)):
        return None
    if people and not old["recognized"]:
        return None
    written = file.stat().st_mtime
    if any(vectors.stat().st_mtime > written for vectors in store.glob(IDENTITIES)):
        return None  # more people are known now
    rows = {stamp: row for row, stamp in enumerate(old["columns"]["stamp"])}
    skipped = dict(old["skipped"])
    faces = {name: rows[stamp] for name, stamp in stamps.items() if stamp in rows}
    left = [(stamp, skipped[stamp]) for stamp in stamps.values() if stamp in skipped]
    if not faces or len(faces) + len(left) < len(stamps):
        return None
    columns = {
        name: [values[row] for row in faces.values()] for name, values in old["columns"].items()
    }
    columns["name"] = list(faces)
    _forget_lone_twins(columns)
    return old | {"columns": columns, "by": None, "order": None, "skipped": left}


def _forget_lone_twins(columns: dict[str, list[Any]]) -> None:
    """Take back that two faces are in one place where only one of them is left."""
    bit = 1 << REASONS.index(TWICE)
    frames = list(zip(columns["source"], columns["frame_index"], strict=True))
    twins = Counter(
        frame for frame, bits in zip(frames, columns["review"], strict=True) if bits & bit
    )
    columns["review"] = [
        bits & ~bit if twins[frame] == 1 else bits
        for frame, bits in zip(frames, columns["review"], strict=True)
    ]


def _read(file: Path) -> Table:
    try:
        return read_record(file, KIND, VERSION)
    except InputError:  # it is made again
        return {}


def _check(table: Table) -> None:
    """Raise an error unless a table can have been written here."""
    columns = table["columns"]
    lengths = {len(values) for values in columns.values() if isinstance(values, list)}
    if len(lengths) != 1 or not {"name", "stamp", "key"} <= columns.keys():
        raise ValueError(table)
    if not all(isinstance(stamp, str) for stamp in columns["stamp"]):
        raise ValueError(table)
    if (
        tuple(table["reasons"]) != REASONS
        or not {"source", "frame_index", "review"} <= columns.keys()
    ):
        raise ValueError(table)  # of an earlier build
    dict(table["skipped"])
