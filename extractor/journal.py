"""The journal of an extraction: what is finished, and what happens to an earlier run's output.

`<output-dir>/.extract.jsonl` lists every finished frame with the faces found in it. Its first line
holds the options that determine what a face file looks like: a run with the same ones continues,
others are refused unless `--overwrite` starts over. A frame counts as finished once its faces are
on disk, so faces that are sorted, renamed or deleted afterwards are not extracted again.

What `--overwrite` discards goes to `<output-dir>_trash`: the face files whose metadata names the
same source, whatever their names are by now, and their debug images. Nothing else is touched. What
people drew on the faces is kept for those that take their place (`labels.py`).
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from extractor import labels
from extractor.checks import check_output_dir
from extractor.options import ExtractOptions, debug_dir
from extractor.tracking import gap_of
from facelib.faceset import FaceInfo, Faceset
from facelib.review import FaceSummary
from facelib.types import Face, FaceType, Rect
from utils.console import one_line
from utils.errors import InputError
from utils.files import Manifest, move_to_trash, no_link, remove_leftovers
from utils.lock import EXTRACT_LOCK, locked_folder
from utils.options import to_json
from utils.records import read_lines
from utils.video.source import FrameSource

JOURNAL, LOCK = ".extract.jsonl", EXTRACT_LOCK
HEAD, GAP = "head", "frames-per-search"
END = "*"  # not a possible frame name
DECISIVE = (
    "face_type",
    "image_size",
    "every",
    "detector",
    "landmarker",
    "smooth",
    "min_score",
    "rotated_search",
    "min_face_size",
    "max_faces",
    "debug",
)
REFERENCES = ("person", "not_person")  # decisive is what these images show, not where they are

Header = dict[str, object]
"""The first line of a journal: which run it belongs to."""


def header(options: ExtractOptions, source: FrameSource) -> Header:
    """Return what identifies an extraction: its source and the options that shape its faces."""
    values = to_json(options)
    # of a folder only the name: frames may be added to it and extracted by another run
    size = source.path.stat().st_size if source.is_video else 0
    decisive = {name.replace("_", "-"): values[name] for name in DECISIVE}
    for name in REFERENCES:
        decisive[name.replace("_", "-")] = [_signature(path) for path in getattr(options, name)]
    if options.face_type is FaceType.HEAD:  # earlier versions cut the wider one of 2019
        decisive[HEAD] = "that of 2020"
    if source.stretch is not None:  # earlier versions searched such footage as it is
        decisive["pixel-aspect"] = str(source.stretch)
    if not _was_searched_whole(options) and (gap := gap_of(options, source)) > 1:
        decisive[GAP] = gap
    return {"version": 1, "source": source.path.name, "bytes": size, **decisive}


def gap_in(header: Header) -> int:
    """Return how many frames there are from one search to the next."""
    return int(str(header.get(GAP, 1)))


def _was_searched_whole(options: ExtractOptions) -> bool:
    """Whether a run that searched every frame, as earlier versions did, is to be continued."""
    old = None if options.overwrite else header_in(options.output_dir)
    return old is not None and GAP not in old


@contextmanager
def opened(folder: Path, header: Header, source: Path, *, overwrite: bool) -> Iterator[Manifest]:
    """Yield the journal to write to: a new one, or that of an interrupted run to continue.

    Meanwhile no other run can write into the folder.

    Parameters
    ----------
    folder : Path
        The output folder.
    header : dict
        As `header` returns it.
    source : Path
        The folder of frames or the video.
    overwrite : bool
        Whether an earlier extraction in the folder is discarded.

    Raises
    ------
    InputError
        If the output folder belongs to another extraction and `overwrite` is not set, or one is
        running there.
    """
    path = no_link(folder / JOURNAL)
    check_output_dir(folder, source)
    with locked_folder(folder, LOCK, "extract"):
        if overwrite:
            _discard(folder, path, {str(header["source"])})
        else:
            check_header(folder, header)
        for each in (folder, debug_dir(folder)):
            remove_leftovers(each)
        with Manifest(path, header, _faces) as manifest:
            yield manifest


def _signature(path: Path) -> str:
    """Return an image's name and the beginning of its SHA-256."""
    return f"{path.name} ({hashlib.sha256(path.read_bytes()).hexdigest()[:8]})"


def check_header(folder: Path, header: Header) -> None:
    """Raise InputError if the folder holds another extraction than `header` describes."""
    remedy = "choose another --output-dir, or start over with --overwrite"
    old = header_in(folder)
    if old is None:
        if any(faces_of(folder, {str(header["source"])})):
            raise InputError(
                f'"{folder}" holds faces from "{header["source"]}", but no record of the run that '
                f"extracted them; {remedy}"
            )
        return
    changed = [
        one_line(f"{name} is now {header.get(name)}, it was {old.get(name)}")
        for name in {**old, **header}
        if header.get(name) != old.get(name)
    ]
    if changed:
        raise InputError(
            f'"{folder}" was extracted with other settings ({"; ".join(changed)}); {remedy}'
        )


def _discard(folder: Path, path: Path, sources: set[str]) -> None:
    """Move the output of an earlier run to the trash."""
    frames: set[str] = set()
    old = header_in(folder)
    if old is not None:
        sources = sources | {str(old.get("source"))}
        frames = set(Manifest(path, old).done)
    faces = list(faces_of(folder, sources))
    labels.keep(folder, [info for _, info in faces])
    if path.exists():
        # first: without it, a half-emptied folder is not mistaken for a finished one
        move_to_trash(path)
    for face, info in faces:
        frames.add(info.source_name)
        move_to_trash(face)
    for stem in {Path(name).stem for name in frames}:
        image = debug_dir(folder) / f"{stem}.jpg"
        if image.is_file():
            move_to_trash(image)


def faces_of(folder: Path, sources: set[str]) -> Iterator[tuple[Path, FaceInfo]]:
    """Yield the face files in a folder that come from the given sources, with their metadata."""
    try:
        faces = Faceset.open(folder)
    except InputError:  # no folder, or no face in it
        return
    for path, info in faces:
        if info.source in sources:
            yield path, info


def header_in(folder: Path) -> Header | None:
    """Return the header of a folder's journal; None if a crash left it without one, or none is."""
    path = no_link(folder / JOURNAL)
    if not path.is_file():
        return None
    header = next(read_lines(path), {}).get("header")
    return header if isinstance(header, dict) else None


def record(
    manifest: Manifest, name: str, faces: Iterable[FaceSummary], *, manual: bool = False
) -> None:
    """Record a finished frame; of each face left, top, right, bottom, score and quality."""
    rows = [[*face.rect, face.score, face.quality] for face in faces]
    facts: dict[str, object] = {"by_hand": True} if manual else {}
    manifest.add(name, faces=[[round(float(value), 3) for value in row] for row in rows], **facts)


def summaries(faces: Iterable[Face]) -> list[FaceSummary]:
    """Return what the journal records of some faces."""
    return [FaceSummary(face.rect, face.score, face.quality) for face in faces]


def manual_frames(manifest: Manifest) -> set[str]:
    """Return the names of the frames that a person has decided on."""
    return {name for name, row in manifest.done.items() if row.get("by_hand") is True}


def frames_of(manifest: Manifest) -> list[tuple[str, list[FaceSummary]]]:
    """Return name and faces of every finished frame."""
    return [(name, _faces(row)) for name, row in manifest.done.items() if name != END]


def _faces(row: dict[str, Any]) -> list[FaceSummary]:
    """Return the faces of a finished frame; any error means that the record is damaged."""
    if row["item"] == END:
        return []
    faces = [[float(value) for value in face] for face in row["faces"]]
    if not all(math.isfinite(value) for face in faces for value in face):
        raise ValueError(row)
    return [FaceSummary(Rect(*face[:4]), *face[4:]) for face in faces]


def mark_complete(manifest: Manifest) -> None:
    """Record that the video is finished, so that it need not be decoded to find out."""
    if END not in manifest:
        manifest.add(END)


def complete(manifest: Manifest) -> bool:
    """Whether `mark_complete` was called, now or in an earlier run."""
    return END in manifest
