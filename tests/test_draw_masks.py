"""`util draw-masks`: drawing by events, what is written, and what another program is told."""

import dataclasses
import errno
import io
import json
import shutil
import sys
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from support.synthetic import draw_face, make_info, make_landmarks

from facelib import face_mask, geometry, mask_png
from facelib.faceset import Faceset, read_face, read_info, write_face
from facelib.mask_label import MaskLabel, Shape
from facelib.types import FaceType
from tools.mask import draw
from tools.mask.drawing import Drawing, carried, outlined
from tools.mask.editor import MaskEditor
from tools.mask.options import DrawMasksOptions, FaceFilter
from utils.errors import InputError, UsageError

SIZE = 128
BOX = [(40, 60), (90, 60), (90, 100), (40, 100)]


class Disc(NamedTuple):
    """Stands for a trained model: a disc is visible, with a hole."""

    face_type: FaceType = FaceType.FULL
    side: int = 256

    def __call__(self, crops):
        mask = np.zeros((256, 256), np.uint8)
        cv2.circle(mask, (128, 128), 80, 255, -1)
        cv2.circle(mask, (128, 150), 20, 0, -1)
        return np.float32([mask / 255 for _ in crops])


@pytest.fixture(scope="module")
def _folder(tmp_path_factory):
    faces = tmp_path_factory.mktemp("faces")
    for index in range(3):
        landmarks = make_landmarks(center=(150 + 20 * index, 140), width=110)
        frame = draw_face(landmarks, (300, 360), identity=1, blur=1)
        info = make_info(landmarks, SIZE, source_name=f"{index:06d}.png", frame_index=index)
        face = geometry.warp_face(frame, info.matrix, SIZE)
        write_face(faces / f"{index:06d}_0.png", face, info)
    return faces


@pytest.fixture
def folder(_folder, tmp_path):
    """Three faces, each elsewhere in its frame."""
    return shutil.copytree(_folder, tmp_path / "faces")


@pytest.fixture
def editor(folder):
    return MaskEditor(draw.chosen(FaceFilter.ALL, Faceset.open(folder), None))


def act(editor, *events):
    for event in events:
        editor.act(event)


def corners(points):
    return [{"do": "corner", "x": x, "y": y} for x, y in points]


def info_of(folder, number):
    return read_info(folder / f"{number:06d}_0.png")


def box_mask(side=256):
    """What BOX, drawn on the image, leaves of a mask of ones."""
    scale = side / SIZE
    mask = np.ones((side, side), np.float32)
    (left, top), _, (right, bottom), _ = (np.array(each) + 0.5 for each in BOX)
    mask[round(top * scale) : round(bottom * scale), round(left * scale) : round(right * scale)] = 0
    return mask


def test_a_polygon_is_written_in_pixels_of_the_frame_and_the_next_face_is_shown(editor, folder):
    hull = face_mask.face_mask(editor.info, 256)
    act(editor, *corners(BOX), {"do": "close"})
    shown = editor.mask()
    np.testing.assert_allclose(shown, hull * box_mask(), atol=0.6)
    assert np.abs(shown - hull * box_mask()).mean() < 0.005
    act(editor, {"do": "keep"})
    assert (editor.position, editor.written) == (1, 1)
    info = info_of(folder, 0)
    np.testing.assert_allclose(face_mask.face_mask(info, 256), shown, atol=1e-3)
    on_image = info.mask_label.shapes[0].points @ info.matrix[:, :2].T + info.matrix[:, 2]
    np.testing.assert_allclose(on_image, BOX, atol=0.01)
    assert info_of(folder, 1).mask_label is None


def test_pixels_stay_and_an_empty_drawing_says_that_nothing_hides_the_face(editor, folder):
    before, _ = read_face(folder / "000000_0.png")
    act(editor, {"do": "keep"})
    after, info = read_face(folder / "000000_0.png")
    np.testing.assert_array_equal(after, before)
    assert info.mask_label.shapes == ()
    assert face_mask.source_of(info) == face_mask.LABEL
    act(editor, {"do": "show", "position": 0}, {"do": "forget"})
    assert info_of(folder, 0).mask_label is None


def test_points_are_dragged_added_and_removed_and_each_is_one_step_of_undo(editor):
    act(editor, *corners(BOX), {"do": "close"})
    whole = editor.mask()
    drag = {"do": "move", "shape": 0, "point": 0}
    act(editor, drag | {"x": 35, "y": 60})
    act(editor, *(drag | {"x": x, "y": 60, "continues": True} for x in (30, 20, 15)))
    moved = editor.on_image(editor.drawing.shapes[0].points)
    np.testing.assert_allclose(moved[0], (15, 60), atol=0.01)
    act(editor, {"do": "undo"})
    np.testing.assert_array_equal(editor.mask(), whole)
    act(editor, {"do": "redo"})
    np.testing.assert_allclose(editor.on_image(editor.drawing.shapes[0].points), moved)
    act(editor, {"do": "divide", "shape": 0, "point": 1, "x": 95, "y": 80})
    assert len(editor.drawing.shapes[0].points) == 5
    act(editor, *[{"do": "remove", "shape": 0, "point": 0}] * 3)
    assert editor.drawing.shapes == ()
    act(editor, *[{"do": "undo"}] * 5)
    assert editor.drawing.past == () or len(editor.drawing.shapes) <= 1


def test_a_click_on_the_first_corner_closes_the_polygon(editor):
    reach = {"do": "corner", "reach": 4}
    act(editor, *({**reach, "x": x, "y": y} for x, y in BOX), reach | {"x": 46, "y": 60})
    assert len(editor.drawing.corners) == 5
    act(editor, {"do": "undo"}, reach | {"x": 42, "y": 62})
    assert editor.drawing.corners == ()
    assert len(editor.drawing.shapes[0].points) == 4


def test_enter_closes_a_polygon_and_then_keeps_the_label(editor, folder):
    act(editor, *corners(BOX), {"do": "enter"})
    assert (len(editor.drawing.shapes), editor.written) == (1, 0)
    act(editor, {"do": "enter"})
    assert len(info_of(folder, 0).mask_label.shapes) == 1


def test_a_polygon_in_the_making_is_dropped_and_shapes_stay(editor):
    act(editor, *corners(BOX), {"do": "close"}, *corners(BOX[:2]), {"do": "drop"}, {"do": "drop"})
    assert (editor.drawing.corners, len(editor.drawing.shapes)) == ((), 1)


def test_undo_takes_back_corner_by_corner_and_says_when_there_is_nothing(editor):
    act(editor, *corners(BOX[:3]), {"do": "undo"})
    assert len(editor.drawing.corners) == 2
    act(editor, {"do": "close"})
    assert editor.drawing.shapes == ()
    assert "three corners" in editor.message
    act(editor, {"do": "undo"})
    assert editor.message == "nothing to undo"


def test_a_brush_paints_what_it_covers(editor):
    hull = face_mask.face_mask(editor.info, 256)
    stroke = {"do": "stroke", "points": [[50, 64], [80, 64]], "width": 20}
    act(editor, stroke)
    mask = editor.mask()
    assert mask[128, 130] == 0
    removed = (hull - mask).sum() / 4
    assert removed == pytest.approx(30 * 20 + np.pi * 100, rel=0.08)
    act(editor, {"do": "include", "value": True}, stroke | {"width": 10})
    assert editor.mask()[128, 130] == 1
    act(editor, {"do": "turn", "shape": 1})
    assert editor.mask()[128, 130] == 0


def test_the_last_label_is_copied_to_where_the_next_face_is(editor):
    act(editor, *corners(BOX), {"do": "close"})
    shown = editor.mask()
    act(editor, {"do": "keep"}, {"do": "copy"})
    np.testing.assert_allclose(editor.mask(), shown, atol=0.05)
    first, second = (editor._copied[0].source_landmarks, editor.info.source_landmarks)
    assert not np.allclose(first, second)
    moved = carried(editor._copied[1], first, second)
    np.testing.assert_allclose(moved[0].points - editor._copied[1][0].points, [(20, 0)] * 4, 0, 0.1)


def test_copying_before_anything_was_kept_is_a_sentence(editor):
    act(editor, {"do": "copy"})
    assert "nothing was kept" in editor.message


def test_a_suggestion_becomes_polygons_that_draw_it(folder):
    editor = MaskEditor(draw.chosen(FaceFilter.ALL, Faceset.open(folder), None), Disc())
    suggested = editor.suggestion()
    assert 0.1 < suggested.mean() < 0.9
    act(editor, {"do": "accept"})
    kinds = [shape.include for shape in editor.drawing.shapes]
    assert kinds == [True, False]
    mask = editor.mask()
    assert (np.minimum(mask, suggested).sum() / np.maximum(mask, suggested).sum()) > 0.97
    act(editor, {"do": "keep"})
    assert face_mask.source_of(info_of(folder, 0)) == face_mask.LABEL


def test_without_a_model_the_applied_mask_is_suggested_and_else_a_sentence(folder):
    rows = draw.chosen(FaceFilter.ALL, Faceset.open(folder), None)
    editor = MaskEditor(rows)
    act(editor, {"do": "accept"})
    assert "no trained mask model" in editor.message
    path = folder / "000000_0.png"
    image, info = read_face(path)
    half = np.zeros((256, 256), np.uint8)
    half[:, :128] = 255
    write_face(path, image, dataclasses.replace(info, mask=mask_png.encode(half)))
    editor = MaskEditor(rows)
    act(editor, {"do": "accept"})
    assert np.abs(editor.mask() - half / 255).mean() < 0.01


def test_an_outline_does_not_shift(folder):
    info = info_of(folder, 0)
    square = np.zeros((256, 256), np.float32)
    square[64:192, 64:192] = 1
    drawn = dataclasses.replace(info, mask_label=MaskLabel(outlined(square, info)))
    mask = face_mask.face_mask(drawn, 256)
    rows, columns = np.indices(mask.shape)
    middle = ((rows * mask).sum() / mask.sum(), (columns * mask).sum() / mask.sum())
    np.testing.assert_allclose(middle, (127.5, 127.5), atol=0.1)
    assert mask.sum() == pytest.approx(square.sum(), rel=0.02)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"do": "fly"},
        {"do": ["keep"]},
        {"do": "corner", "x": 1},
        {"do": "corner", "x": float("nan"), "y": 2},
        {"do": "corner", "x": True, "y": 2},
        {"do": "corner", "x": 1e30, "y": 2},
        {"do": "move", "shape": 0, "point": 0, "x": 1, "y": 1},
        {"do": "remove", "shape": -1},
        {"do": "stroke", "points": [], "width": 3},
        {"do": "stroke", "points": [[1]], "width": 3},
        {"do": "stroke", "points": [[1, 2]] * 10_001, "width": 3},
        {"do": "stroke", "points": "all", "width": 3},
        {"do": "show", "position": 1.5},
    ],
)
def test_an_event_that_is_wrong_is_a_sentence_and_changes_nothing(editor, event):
    before = editor.drawing
    with pytest.raises((UsageError, InputError)):
        editor.act(event)
    assert editor.drawing is before


def test_too_many_points_are_refused_before_the_file_would(editor):
    stroke = {"do": "stroke", "points": [[1, 2]] * 5_000, "width": 3}
    act(editor, stroke, stroke)
    with pytest.raises(InputError, match="10,000 points"):
        editor.act(stroke)


def test_the_other_metadata_is_as_it_is_when_it_is_written(editor, folder):
    path = folder / "000000_0.png"
    image, info = read_face(path)
    write_face(path, image, dataclasses.replace(info, mask=mask_png.encode(np.zeros((8, 8)))))
    act(editor, *corners(BOX), {"do": "close"}, {"do": "keep"})
    assert info_of(folder, 0).mask is not None


# ---------------------------------------------------------------------- to another program


class Told(list):
    """The events on stdout, with what follows them."""

    def __init__(self, data):
        stream = io.BytesIO(data)
        while line := stream.readline():
            event = json.loads(line)
            self.append((event, stream.read(event.get("bytes", 0))))

    def named(self, name):
        return [(event, data) for event, data in self if event["event"] == name]


def converse(folder, *events, **options):
    output, sys.stdout = sys.stdout, io.TextIOWrapper(io.BytesIO(), write_through=True)
    try:
        lines = "".join(json.dumps(event) + "\n" for event in events)
        chosen = DrawMasksOptions(input_dir=folder, side=None, remote=True, **options)
        report = draw.run(chosen, io.StringIO(lines))
        return report, Told(sys.stdout.buffer.getvalue())
    finally:
        sys.stdout = output


@pytest.fixture
def in_json(monkeypatch):
    monkeypatch.setenv("FACESWAP_PROGRESS", "util draw-masks")


def test_another_program_is_told_faces_states_and_masks(folder, in_json):
    report, told = converse(
        folder, *corners(BOX), {"do": "close"}, {"do": "keep"}, {"do": "fly"}, {"do": "clear"}
    )
    assert report.counts == {"masks drawn": 1}
    [(saved, _)] = told.named("saved")
    assert (saved["position"], saved["row"][:2]) == (0, ["000000_0.png", True])
    [(rows, _)] = told.named("faces")
    assert [row[0] for row in rows["rows"]] == [f"{n:06d}_0.png" for n in range(3)]
    faces = told.named("face")
    assert [event["position"] for event, _ in faces] == [0, 1]
    picture = cv2.imdecode(np.frombuffer(faces[0][1], np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (SIZE, SIZE, 3)
    states = told.named("state")
    np.testing.assert_allclose(states[4][0]["corners"], BOX, atol=0.02)
    assert states[5][0]["shapes"][0]["kind"] == "polygon"
    mask = cv2.imdecode(np.frombuffer(states[5][1], np.uint8), cv2.IMREAD_GRAYSCALE)
    assert mask.shape == (256, 256)
    assert mask[160, 130] == 0
    assert "Expected one of" in states[-2][0]["message"] + states[-1][0]["message"]


def test_suggested_faces_come_first_and_those_to_check(folder, tmp_path, in_json):
    model = tmp_path / "mask_model"
    model.mkdir()
    source = info_of(folder, 0).source
    same = {"source": source, "face_index": 0}
    listed = [same | {"frame_index": 2, "doubt": 0.5}, same | {"frame_index": 1, "doubt": 0.7}]
    listed.append(same | {"frame_index": 0, "source": "of the other person", "doubt": 0.9})
    (model / "to_label.json").write_text(json.dumps({"version": 1, "faces": listed}))
    image, info = read_face(folder / "000000_0.png")
    label = MaskLabel((Shape("stroke", False, np.float64([(1, 2)]), 3.0),), moved=True)
    write_face(folder / "000000_0.png", image, dataclasses.replace(info, mask_label=label))
    rows = draw.chosen(FaceFilter.SUGGESTED, Faceset.open(folder), model)
    assert [row.path.name[:6] for row in rows] == ["000001", "000002", "000000"]
    assert [row.doubt for row in rows] == [0.7, 0.5, 0]
    assert rows[2].moved
    labeled = draw.chosen(FaceFilter.LABELED, Faceset.open(folder), None)
    assert [row.path.name for row in labeled] == ["000000_0.png"]


def test_it_is_refused_at_a_terminal_with_the_way_out(folder):
    with pytest.raises(UsageError, match="workbench"):
        draw.check(DrawMasksOptions(input_dir=folder, side=None))


def test_a_face_that_is_deleted_can_be_kept_when_it_is_back(editor, folder):
    act(editor, *corners(BOX), {"do": "close"})
    path = folder / "000000_0.png"
    path.rename(folder.parent / path.name)
    with pytest.raises(InputError, match="deleted"):
        editor.act({"do": "keep"})
    assert len(editor.drawing.shapes) == 1
    (folder.parent / path.name).rename(path)
    act(editor, {"do": "keep"})
    assert len(info_of(folder, 0).mask_label.shapes) == 1


def test_a_label_lands_in_its_face_though_a_sort_gave_its_name_to_another(editor, folder):
    act(editor, *corners(BOX), {"do": "close"})
    (folder / "000000_0.png").rename(folder / "aside.png")
    (folder / "000001_0.png").rename(folder / "000000_0.png")
    (folder / "aside.png").rename(folder / "000001_0.png")
    act(editor, {"do": "keep"})
    other, own = info_of(folder, 0), info_of(folder, 1)
    assert (own.frame_index, len(own.mask_label.shapes)) == (0, 1)
    assert (other.frame_index, other.mask_label) == (1, None)


def test_two_who_draw_on_one_face_do_not_replace_each_other_unawares(editor, folder):
    rows = draw.chosen(FaceFilter.ALL, Faceset.open(folder), None)
    other = MaskEditor(rows)
    act(other, *corners(BOX), {"do": "close"}, {"do": "keep"})
    stroke = {"do": "stroke", "points": [[50, 64], [80, 64]], "width": 20}
    act(editor, stroke)
    with pytest.raises(InputError, match="someone else has drawn"):
        editor.act({"do": "keep"})
    assert info_of(folder, 0).mask_label.shapes[0].kind == "polygon"
    act(editor, {"do": "keep"})
    assert [shape.kind for shape in info_of(folder, 0).mask_label.shapes] == ["stroke"]
    act(other, {"do": "show", "position": 0})
    assert other.drawing.shapes[0].kind == "stroke"


def test_a_face_that_cannot_be_read_is_passed_over_and_never_gets_another_ones_label(
    editor, folder
):
    path = folder / "000001_0.png"
    path.write_bytes(path.read_bytes()[:-40] + bytes(28) + path.read_bytes()[-12:])
    assert info_of(folder, 1).mask_label is None, "its metadata is sound"
    with pytest.raises(InputError):
        editor.act({"do": "show", "position": 1})
    assert editor.position == 0
    act(editor, {"do": "keep"})
    assert editor.position == 2
    assert info_of(folder, 1).mask_label is None
    path.rename(folder / "000000_0.png")
    assert MaskEditor(draw.chosen(FaceFilter.ALL, Faceset.open(folder), None)).position == 1


def test_what_was_removed_from_the_file_comes_back_by_undo(editor, folder):
    act(editor, *corners(BOX), {"do": "close"}, {"do": "keep"}, {"do": "show", "position": 0})
    act(editor, {"do": "forget"})
    assert info_of(folder, 0).mask_label is None
    act(editor, {"do": "undo"}, {"do": "keep"})
    assert len(info_of(folder, 0).mask_label.shapes) == 1


def test_a_full_disk_is_said_and_what_is_drawn_stays(folder, in_json, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("facelib.faceset.write_bytes", full)
    report, told = converse(folder, *corners(BOX), {"do": "close"}, {"do": "keep"})
    last, _ = told.named("state")[-1]
    assert "the disk is full" in last["message"]
    assert (len(last["shapes"]), report.counts) == (1, {"masks drawn": 0})


def test_a_drawing_starts_with_what_was_drawn():
    shape = Shape("stroke", True, np.float64([(1, 2)]), 3.0)
    assert Drawing.of(MaskLabel((shape,))).label.shapes == (shape,)
    assert Drawing.of(None).shapes == ()
