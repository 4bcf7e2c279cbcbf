"""What an extraction has finished, and what happens to an earlier one in the same folder.

`<output-dir>/.extract.jsonl` lists every finished frame with what was found in it. Its first line
holds the options that decide what a face file looks like: the same ones continue where the run
stopped, others are refused unless `--overwrite` starts anew. A frame counts as finished once its
faces are on the disk, so that faces sorted, renamed or deleted afterwards are not made again.

What `--overwrite` discards goes to `<output-dir>_trash`: the face files whose metadata names the
same source, whatever they are called by now, and their debug pictures. Nothing else is touched.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from extractor.options import ExtractOptions
from extractor.review import FaceSummary
from facelib.faceset import FaceInfo, Faceset
from facelib.types import Rect
from utils.errors import InputError
from utils.files import Manifest, move_to_trash, remove_leftovers
from utils.options import to_json
from utils.video.source import FrameSource

JOURNAL = ".extract.jsonl"
END = "*"  # no name of a frame
DECISIVE = (
    "face_type", "image_size", "every", "detector", "landmarker", "smooth", "min_score",
    "rotated_search", "min_face_size", "max_faces", "debug",
)  # fmt: skip
PICTURES = ("person", "not_person")  # decisive is what they show, not where they lie


def debug_dir(output_dir: Path) -> Path:
    """Where annotated frames go: beside the faces, so that the folder of faces holds only faces."""
    return output_dir.with_name(output_dir.name + "_debug")


def begin(options: ExtractOptions, source: FrameSource) -> Manifest:
    """Return the journal to work with: a new one, or that of an interrupted run to continue.

    Raises
    ------
    InputError
        If the output folder belongs to another extraction and `overwrite` is not set.
    """
    path = options.output_dir / JOURNAL
    header = _header(options, source)
    if options.output_dir.exists() and not options.output_dir.is_dir():
        raise InputError(f'"{options.output_dir}" is a file; a folder for the faces was expected')
    if options.output_dir == options.input_dir:
        raise InputError(
            f'"{options.output_dir}" holds the frames, and the next run would find faces there; '
            "choose another --output-dir"
        )
    if options.overwrite:
        _discard(options.output_dir, path, {str(header["source"])})
    else:
        _check(options.output_dir, path, header)
    for folder in (options.output_dir, debug_dir(options.output_dir)):
        remove_leftovers(folder)
    return Manifest(path, header)


def _header(options: ExtractOptions, source: FrameSource) -> dict[str, object]:
    values = to_json(options)
    # of a folder only the name: frames may be added to it and extracted by another run
    size = source.path.stat().st_size if source.is_video else 0
    decisive = {name.replace("_", "-"): values[name] for name in DECISIVE}
    for name in PICTURES:
        decisive[name.replace("_", "-")] = [_signature(path) for path in getattr(options, name)]
    return {"version": 1, "source": source.path.name, "bytes": size, **decisive}


def _signature(path: Path) -> str:
    """Return a picture's name and the beginning of its SHA-256."""
    return f"{path.name} ({hashlib.sha256(path.read_bytes()).hexdigest()[:8]})"


def _check(folder: Path, path: Path, header: dict[str, object]) -> None:
    """Raise InputError if the folder holds another extraction than `header` describes."""
    way_out = "choose another --output-dir, or start anew with --overwrite"
    old = _old_header(path)
    if old is None:
        if any(faces_of(folder, {str(header["source"])})):
            raise InputError(
                f'"{folder}" holds faces from "{header["source"]}", but no record of the run that '
                f"made them; {way_out}"
            )
        return
    changed = [
        f"{name} is now {header.get(name)}, it was {old.get(name)}"
        for name in {**old, **header}
        if header.get(name) != old.get(name)
    ]
    if changed:
        raise InputError(
            f'"{folder}" was extracted with other settings ({"; ".join(changed)}); {way_out}'
        )


def _discard(folder: Path, path: Path, sources: set[str]) -> None:
    """Move what an earlier run wrote to the trash."""
    frames: set[str] = set()
    old = _old_header(path)
    if old is not None:
        sources = sources | {str(old.get("source"))}
        frames = set(Manifest(path, old).done)
    if path.exists():
        move_to_trash(
            path
        )  # first: without it, a half-emptied folder is not taken for a finished one
    for face, info in list(faces_of(folder, sources)):
        frames.add(info.source_name)
        move_to_trash(face)
    for stem in {Path(name).stem for name in frames}:
        picture = debug_dir(folder) / f"{stem}.jpg"
        if picture.is_file():
            move_to_trash(picture)


def faces_of(folder: Path, sources: set[str]) -> Iterator[tuple[Path, FaceInfo]]:
    """Yield the face files in a folder that come from the given sources, with their records."""
    try:
        faces = Faceset.open(folder)
    except InputError:  # no folder, or no face in it
        return
    for path, info in faces:
        if info.source in sources:
            yield path, info


def _old_header(path: Path) -> dict[str, object] | None:
    """Return the header of a journal; None if there is none, or a crash left it without one."""
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", errors="replace") as file:
        try:
            record = json.loads(file.readline())
        except (ValueError, RecursionError):
            return None
    header = record.get("header") if isinstance(record, dict) else None
    return header if isinstance(header, dict) else None


def record(
    manifest: Manifest, name: str, marks: Iterable[FaceSummary], *, by_hand: bool = False
) -> None:
    """Record a finished frame; of each face left, top, right, bottom, score and quality."""
    rows = [[*mark.rect, mark.score, mark.quality] for mark in marks]
    facts: dict[str, object] = {"by_hand": True} if by_hand else {}
    manifest.add(name, faces=[[round(float(value), 3) for value in row] for row in rows], **facts)


def by_hand(manifest: Manifest) -> set[str]:
    """Return the names of the frames that a person has decided on."""
    return {name for name, row in manifest.done.items() if row.get("by_hand") is True}


def frames_of(manifest: Manifest) -> list[tuple[str, list[FaceSummary]]]:
    """Return (name, marks of its faces) of every finished frame.

    Raises
    ------
    InputError
        If the journal is damaged.
    """
    return [(name, _marks(row)) for name, row in manifest.done.items() if name != END]


def _marks(row: dict[str, object]) -> list[FaceSummary]:
    try:
        faces = [[float(value) for value in face] for face in row["faces"]]  # type: ignore[attr-defined]
        return [FaceSummary(Rect(*face[:4]), *face[4:]) for face in faces]
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f'the record of frame "{row.get("item")}" in {JOURNAL} is damaged; '
            "start anew with --overwrite"
        ) from None


def mark_complete(manifest: Manifest) -> None:
    """Record that all frames of the video are finished: nobody must decode it to find out."""
    if END not in manifest:
        manifest.add(END)


def complete(manifest: Manifest) -> bool:
    """Whether `mark_complete` was called, now or in an earlier run."""
    return END in manifest
