"""Measurements of faces, made once, on all cores, and cached beside the faces.

A measurement belongs to a file's content, not to its name or date: it survives renaming, and a
changed image is measured again. The cache file is not trusted: one that is not exactly as expected
is ignored.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from facelib.faceset import FaceInfo, fingerprint, try_each
from sorter.features import FEATURES, Feature
from utils import console, parallel, processes
from utils.errors import InputError, UserError
from utils.files import write_atomic
from utils.records import read_arrays

KEY = np.dtype("V16")


class Fingerprints(NamedTuple):
    """What identifies the content of each face file.

    Attributes
    ----------
    keys : dict of Path to bytes
        As `facelib.faceset.fingerprint` returns it.
    failures : dict of Path to str
        A sentence for each file that cannot be read.
    """

    keys: dict[Path, bytes]
    failures: dict[Path, str]


def measure(
    faces: Sequence[tuple[Path, FaceInfo]],
    feature: Feature,
    store: Path | None,
    prints: Fingerprints | None = None,
) -> tuple[np.ndarray, dict[Path, str]]:
    """Measure a feature of every face.

    Parameters
    ----------
    faces : sequence of (Path, FaceInfo)
        The faces to measure.
    feature : Feature
        What to measure.
    store : Path or None
        Folder of the cache; None to cache nothing.
    prints : Fingerprints or None
        Of these faces, if they are known already.

    Returns
    -------
    table : (n,) of the feature's dtype
        A record for each face that could be measured.
    failures : dict of Path to str
        A sentence for each of the others.
    """
    none = Fingerprints({}, {})
    keys, unreadable = (prints or fingerprints(faces)) if store else none
    failures = dict(unreadable)
    file = cache_file(store, feature) if store else None
    table, done = recorded([keys.get(path, b"") for path, _ in faces], feature, file)
    missing = [i for i in range(len(faces)) if not done[i] and faces[i][0] not in failures]
    try:
        for index, result in _computed(faces, missing, feature):
            if isinstance(result, parallel.Failure):
                failures[faces[index][0]] = str(result.error)
            else:
                table[index], done[index] = result, True
    finally:  # also when interrupted: nothing is measured twice
        if file and missing:
            _save(file, [keys[faces[i][0]] for i in range(len(faces)) if done[i]], table[done])
    return table[done], failures


def cache_file(store: Path, feature: Feature) -> Path:
    """Return where the measurements of a feature are kept."""
    return store / f"{feature.name}.npz"


def recorded(
    keys: Sequence[bytes], feature: Feature, file: Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a cache holds of some faces, without measuring anything.

    Returns
    -------
    table : (n,) of the feature's dtype
        The record of each face; zeros if there is none.
    done : (n,) bool
        Whether there is one.
    """
    cached = _load(file, feature) if file else _empty(feature.dtype)
    row_of = {bytes(key): number for number, key in enumerate(cached[0])}
    known = np.array([row_of.get(key, -1) for key in keys], int)
    table, done = np.zeros(len(keys), feature.dtype), known >= 0
    table[done] = cached[1][known[done]]
    return table, done


def fingerprints(faces: Sequence[tuple[Path, FaceInfo]]) -> Fingerprints:
    """Return the fingerprint of every face file."""
    paths = [path for path, _ in faces]
    # not in threads: this is pure Python and would not run in parallel
    found = processes.in_chunks(partial(try_each, fingerprint), paths)
    result = Fingerprints({}, {})
    for path, key in zip(paths, found, strict=True):
        if isinstance(key, bytes):
            result.keys[path] = key
        else:
            result.failures[path] = key
    return result


def _computed(
    faces: Sequence[tuple[Path, FaceInfo]], indices: Sequence[int], feature: Feature
) -> Iterator[tuple[int, object]]:
    """Yield (index, record or Failure) in order."""
    if not indices:
        return
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # every core measures a face already: more threads would only compete
    try:
        results = _results([faces[index] for index in indices], feature)
        measured = console.progress(results, len(indices), "Measuring", "face")
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
    """Measure some faces, in a process of their own."""
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


def _empty(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(0, KEY), np.zeros(0, dtype)


def _load(file: Path, feature: Feature) -> tuple[np.ndarray, np.ndarray]:
    """Return the keys and records of a cache; those that cannot have been measured are left out."""
    dtype = feature.dtype
    try:
        saved = read_arrays(file, "cache of measurements")
    except InputError:  # measured again
        return _empty(dtype)
    keys, table = (saved.get(name, np.zeros(0)) for name in ("keys", "table"))
    if keys.dtype != KEY or table.dtype != dtype or keys.shape != table.shape or keys.ndim != 1:
        return _empty(dtype)
    possible = np.ones(len(table), bool)
    for column in [table[name] for name in dtype.names] if dtype.names else [table]:
        values = column.reshape(len(table), -1)
        possible &= ((values >= feature.low) & (values <= feature.high)).all(axis=1)
    return keys[possible], table[possible]


def _save(file: Path, keys: Sequence[bytes], table: np.ndarray) -> None:
    """Write the cache; where that is impossible, faces are simply measured again next time."""
    try:
        with write_atomic(file) as temporary, temporary.open("wb") as opened:
            np.savez(opened, keys=np.array(keys, KEY), table=table)
    except OSError as problem:
        console.warn(f'cannot keep the measurements in "{file}": {problem.strerror}')
