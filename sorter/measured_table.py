"""The table of `util list-faces`, measured: see `sorter.table`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facelib import review
from facelib.faceset import FaceFiles, FaceInfo
from facelib.recognizers import RECOGNIZERS
from sorter import cache, identity
from sorter.features import IDENTITY, IMAGE_STATS, POSE, RECOGNIZER
from sorter.job import Placed, SortJob
from sorter.options import ListFacesOptions
from sorter.rename import state_dir
from sorter.sort import arrange, open_faces
from sorter.table import VERSION, Stamps, Table
from utils import processes

TO_TRASH = "to the trash"
"""The group of the faces that `final` would not keep."""

Column = Sequence[Any] | np.ndarray


def make(folder: Path, stamps: Stamps, options: ListFacesOptions) -> Table:
    """Measure all faces, as far as that was not done before, and return their table.

    Raises
    ------
    InputError
        If the folder holds no face.
    """
    with processes.kept():
        return _make(folder, {folder / name: stamp for name, stamp in stamps.items()}, options)


def _make(folder: Path, stamps: Mapping[Path, str], options: ListFacesOptions) -> Table:
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
        "reasons": review.REASONS,
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
    doubts = review.reasons_in_clips(
        (
            info.source,
            info.frame_index,
            review.FaceSummary(info.source_rect, info.score, info.quality),
        )
        for info in infos
    )
    bits = [sum(1 << review.REASONS.index(reason) for reason in found) for found in doubts]
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
