"""Measurements of faces, made once, on all cores, and kept beside the faces.

A measurement belongs to a content, not to a name or a date: renaming keeps it and a changed picture
is measured anew. The file is data that anybody may have made, so a file that is not exactly what
is expected counts as none.
"""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelib.faceset import FaceInfo, each, fingerprint
from sorter.features import FEATURES, Feature
from utils import console, parallel, processes
from utils.errors import UserError
from utils.files import write_atomic

KEY = np.dtype("V16")


def measure(
    faces: Sequence[tuple[Path, FaceInfo]], feature: Feature, store: Path | None
) -> tuple[np.ndarray, dict[Path, str]]:
    """Measure a feature of every face.

    Parameters
    ----------
    faces : (path, record) of each
    feature : what to measure
    store : folder that measurements are kept in, None to keep nothing

    Returns
    -------
    table : (n,) of the feature's dtype, a record for each face that could be measured
    failures : path -> sentence, for the others
    """
    failures: dict[Path, str] = {}
    keys = _fingerprints(faces, failures) if store else {}
    file = store / f"{feature.name}.npz" if store else None
    rows = _load(file, feature.dtype) if file else _nothing(feature.dtype)
    place = {bytes(key): number for number, key in enumerate(rows[0])}
    table = np.zeros(len(faces), feature.dtype)
    known = np.array([place.get(keys.get(path, b""), -1) for path, _ in faces], int)
    done = known >= 0
    table[done] = rows[1][known[done]]
    missing = [i for i in range(len(faces)) if not done[i] and faces[i][0] not in failures]
    try:
        for index, result in _computed(faces, missing, feature):
            if isinstance(result, parallel.Failure):
                failures[faces[index][0]] = str(result.error)
            else:
                table[index], done[index] = result, True
    finally:  # also when stopped: what is measured need not be measured again
        if file and missing:
            _save(file, [keys[faces[i][0]] for i in range(len(faces)) if done[i]], table[done])
    return table[done], failures


def _fingerprints(
    faces: Sequence[tuple[Path, FaceInfo]], failures: dict[Path, str]
) -> dict[Path, bytes]:
    """Return the content's key of every face; what cannot be read goes to `failures`."""
    paths = [path for path, _ in faces]
    # not in threads: it is the interpreter's own work
    found = processes.in_chunks(partial(each, fingerprint), paths)
    keys = {}
    for path, key in zip(paths, found, strict=True):
        if isinstance(key, bytes):
            keys[path] = key
        else:
            failures[path] = key
    return keys


def _computed(
    faces: Sequence[tuple[Path, FaceInfo]], indices: Sequence[int], feature: Feature
) -> Iterator[tuple[int, object]]:
    """Yield (index, record or Failure) in order."""
    if not indices:
        return
    caption = f"Measuring {feature.name}"
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # every core has a face of its own: OpenCV's threads would be in the way
    try:
        results = _results([faces[index] for index in indices], feature)
        measured = console.progress(results, len(indices), caption, "face")
        yield from zip(indices, measured, strict=True)
    finally:
        cv2.setNumThreads(threads)


def _results(faces: Sequence[tuple[Path, FaceInfo]], feature: Feature) -> Iterator[object]:
    """Yield the record or Failure of each face."""
    if processes.worth_it(len(faces)):
        return processes.in_chunks(partial(_measured, feature.name), faces)
    compute = feature.prepare()
    return parallel.ordered_map(lambda face: compute(*face), faces, workers=parallel.cores())


def _measured(name: str, faces: Sequence[tuple[Path, FaceInfo]]) -> list[object]:
    """Measure some faces, in a process of its own."""
    cv2.setNumThreads(1)
    compute, results = _prepared(name), []
    for face in faces:
        try:
            results.append(compute(*face))
        except UserError as problem:
            results.append(parallel.Failure(face, problem))
    return results


@cache
def _prepared(name: str) -> Callable[[Path, FaceInfo], Any]:
    return FEATURES[name].prepare()


def _nothing(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(0, KEY), np.zeros(0, dtype)


def _load(file: Path, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    try:
        # a zip: its checksums are verified; a pickle is refused
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as saved:
            keys, table = saved["keys"], saved["table"]
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, MemoryError):
        return _nothing(dtype)
    if keys.dtype != KEY or table.dtype != dtype or keys.shape != table.shape or keys.ndim != 1:
        return _nothing(dtype)
    return keys, table


def _save(file: Path, keys: Sequence[bytes], table: np.ndarray) -> None:
    """Write the measurements; where that is impossible they are simply made again next time."""
    try:
        with write_atomic(file) as temporary, temporary.open("wb") as opened:
            np.savez(opened, keys=np.array(keys, KEY), table=table)
    except OSError as problem:
        console.warn(f'cannot keep the measurements in "{file}": {problem.strerror}')
