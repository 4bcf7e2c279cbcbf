"""`util draw-masks`: a person says on faces where they are visible, on another program's screen.

Events come as JSON lines on stdin, and what is to be shown goes out on stdout (docs/progress.md).
The workbench's page *Masks* is that program.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from facelib import mask_png
from facelib.faceset import FaceFiles, Faceset
from facelib.types import FaceType
from models.mask_predictor import MaskPredictor
from tools.mask.editor import MaskEditor, Row
from tools.mask.options import DrawMasksOptions, FaceFilter
from utils import console, events, program
from utils.console import Report
from utils.errors import UsageError, UserError, sentence
from utils.files import remove_leftovers
from utils.images import encode_image
from utils.records import read_record, reading

LONGEST_LINE = 1 << 20  # characters: a stroke has many points
QUALITY = 92  # JPEG: to look at
TO_LABEL = "to_label.json"
FACE = ("source", "frame_index", "face_index")  # in that list


def run(options: DrawMasksOptions, given: TextIO | None = None) -> Report:
    """Show faces, and write what the person draws.

    Raises
    ------
    InputError
        If there is no such folder or no face in it.
    ModelError
        If the model folder holds no usable mask model.
    """
    faces = Faceset.open(options.input_dir)
    remove_leftovers(options.input_dir)
    rows = chosen(options.faces, faces, options.model_dir)
    report = Report(failures=faces.skipped, made=[options.input_dir])
    console.tell("faces", {"rows": [_row(row) for row in rows], "of": len(faces)})
    if rows:
        predict = MaskPredictor(options.model_dir) if options.model_dir is not None else None
        editor = MaskEditor(rows, predict)
        _converse(editor, sys.stdin if given is None else given)
        report.counts = {"masks drawn": editor.written}
    return report


def check(options: DrawMasksOptions) -> None:
    """Refuse to draw where no other program shows the faces.

    Raises
    ------
    UsageError
    """
    if not (options.remote and events.wanted()):
        raise UsageError(
            f'masks are drawn on the page Masks of "{program.command("workbench")}"; other '
            "programs add --remote --progress json (docs/progress.md)"
        )


def chosen(which: FaceFilter, faces: FaceFiles, model_dir: Path | None) -> list[Row]:
    """Return the faces to show, those that a model is unsure of first where it says which."""
    doubts = _doubts(model_dir)
    rows = [
        Row.of(path, info, doubts.get((info.source, info.frame_index, info.face_index), 0.0))
        for path, info in faces
        if info.face_type is not FaceType.MARK_ONLY
    ]
    if which is FaceFilter.LABELED:
        return [row for row in rows if row.labeled]
    if which is FaceFilter.SUGGESTED:
        wanted = [row for row in rows if row.doubt or row.moved]
        return sorted(wanted, key=lambda row: -row.doubt)
    return rows


def _doubts(model_dir: Path | None) -> dict[tuple[object, ...], float]:
    """Return how unsure the model was of faces, by source, frame and face: files are renamed."""
    if model_dir is None or not (model_dir / TO_LABEL).is_file():
        return {}
    record = read_record(model_dir / TO_LABEL, "list of faces to label", 1)
    with reading(model_dir / TO_LABEL, "list of faces to label"):
        return {tuple(each[key] for key in FACE): float(each["doubt"]) for each in record["faces"]}


def _converse(editor: MaskEditor, given: TextIO) -> None:
    """Tell what is to be shown, and do what is asked for, until there is no more."""
    shown: tuple[object, ...] = ()
    _tell_face(editor)
    _tell_state(editor)
    for event in _events(given):
        before, written, position = editor.info, editor.written, editor.position
        try:
            editor.act(event)
        except (UserError, OSError) as problem:  # a full disk, too: what is drawn stays
            editor.message = sentence(problem)
        if editor.written > written:
            console.tell("saved", {"position": position, "row": _row(editor.rows[position])})
        if editor.info is not before:
            _tell_face(editor)
        state = (editor.drawing, editor.info, editor.message)
        if state != shown:
            shown = state
            _tell_state(editor)


def _events(given: TextIO) -> Iterator[dict[str, Any]]:
    while line := given.readline(LONGEST_LINE):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict):
            yield event
        else:
            console.warn(f"this is no event: {console.quoted(line.strip())}")


def _tell_face(editor: MaskEditor) -> None:
    row, info = editor.rows[editor.position], editor.info
    facts = {
        "position": editor.position,
        "name": row.path.name,
        "frame": info.source_name,
        "size": info.size,
        "landmarks": _rounded(info.landmarks),
        "row": _row(row),
    }
    console.tell("face", facts, encode_image(editor.image, ".jpg", QUALITY))
    suggestion = editor.suggestion()
    if suggestion is not None:
        console.tell("suggestion", {}, mask_png.encode(suggestion))


def _tell_state(editor: MaskEditor) -> None:
    drawing = editor.drawing
    scale = float(np.sqrt(np.linalg.det(editor.info.matrix[:, :2])))
    shapes = [
        {
            "kind": shape.kind,
            "include": shape.include,
            "points": _rounded(editor.on_image(shape.points)),
            "width": round(shape.width * scale, 2),
        }
        for shape in drawing.shapes
    ]
    corners = np.array(drawing.corners, np.float64).reshape(-1, 2)
    state = {
        "shapes": shapes,
        "corners": _rounded(editor.on_image(corners)),
        "include": drawing.include,
        "undo": bool(drawing.past or drawing.corners),
        "redo": bool(drawing.future),
        "changed": editor.changed,
        "source": editor.source,
        "message": editor.message,
        "row": _row(editor.rows[editor.position]),
        "position": editor.position,
    }
    console.tell("state", state, mask_png.encode(editor.mask()))


def _row(row: Row) -> list[Any]:
    return [row.path.name, row.labeled, row.moved, row.doubt]


def _rounded(points: np.ndarray) -> list[Sequence[float]]:
    found: list[Sequence[float]] = np.asarray(points, float).round(2).tolist()
    return found
