"""`util edit-faces --remote`: events go in as lines of JSON, frames and faces come out."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from support.marking import SIZE, extract, face_at, make_frames

from extractor import checks
from extractor.manual import app
from extractor.manual.edit import run
from extractor.manual.remote import events_of
from extractor.options import EditFacesOptions, FrameFilter
from facelib import geometry
from facelib.faceset import Faceset
from facelib.types import FaceType, LocatedFace
from utils import events
from utils.errors import InputError, UsageError, UserError
from utils.files import trash_dir
from utils.window import Mouse

FACES = [
    [face_at(80, 90)],
    [],
    [face_at(70, 80), face_at(170, 90, 50)],
    [face_at(120, 90, score=0.4)],
]


class Landmarker:
    """Puts the same face wherever it is asked."""

    def locate(self, _, detections):
        centers = [detection.rect.center for detection in detections]
        return [LocatedFace(face_at(*center, 50.0).landmarks, 8.0) for center in centers]


@pytest.fixture
def frames(tmp_path, monkeypatch):
    monkeypatch.setattr(app.LANDMARKERS, "load", lambda _: Landmarker)
    monkeypatch.setenv(events.VARIABLE, "util edit-faces")
    make_frames(tmp_path / "frames", len(FACES))
    return tmp_path / "frames"


@pytest.fixture
def out(frames, tmp_path):
    extract(frames, tmp_path / "aligned", FACES)
    return tmp_path / "aligned"


@pytest.fixture
def edit(frames, out, monkeypatch, capsys):
    """Give events to the command; return what it told."""

    def edit(*given, frames=frames, show=FrameFilter.ALL, out=out):
        lines = [line if isinstance(line, str) else json.dumps(line) for line in given]
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        capsys.readouterr()
        run(EditFacesOptions(input_dir=frames, output_dir=out, frames=show, remote=True))
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return edit


def told(events, name):
    return [event for event in events if event["event"] == name]


def mouse(what, x, y, scale=1.0, **more):
    return {"mouse": what, "x": x, "y": y, "scale": scale, **more}


def drag(start, end, scale, **more):
    return (mouse("left down", *start, scale, **more), mouse("move", *end, scale, **more),
            mouse("left up", *end, scale, **more))  # fmt: skip


def on_disk(out):
    found = {}
    for path, info in Faceset.open(out):
        found.setdefault(info.source_name, []).append((path, info))
    return found


def test_the_frame_and_its_faces_are_told(edit, frames):
    said = edit({"go": 2})
    rows = told(said, "frames")[0]["rows"]
    assert [row[:3] for row in rows] == [
        ["000.png", 1, False],
        ["001.png", 0, False],
        ["002.png", 2, False],
        ["003.png", 1, False],
    ]
    assert "score" in rows[3][3]
    frame = told(said, "frame")[1]
    assert (frame["name"], frame["width"], frame["height"]) == ("002.png", *SIZE)
    shown = Image.open(io.BytesIO(base64.b64decode(frame["jpeg"])))
    with Image.open(frames / "002.png") as image:
        original = image.convert("RGB")
    assert np.abs(np.asarray(shown, float) - np.asarray(original)).mean() < 4


def test_a_landmark_is_dragged_on_an_enlarged_frame_and_written_at_once(edit, out):
    (_, before), scale = on_disk(out)["000.png"][0], 3.0
    at = (before.source_landmarks[30] + 0.5) * scale - 0.5
    to = at + np.array([12, -6])
    said = edit(*drag(at.tolist(), to.tolist(), scale), {"key": "enter"})
    assert told(said, "saved") == [
        {"event": "saved", "stage": "util edit-faces", "name": "000.png", "faces": 1}
    ]
    ((path, after),) = on_disk(out)["000.png"]
    moved = after.source_landmarks - before.source_landmarks
    np.testing.assert_allclose(moved[30], (4, -2), atol=0.02)
    np.testing.assert_allclose(np.delete(moved, 30, 0), 0, atol=1e-4)
    with Image.open(path) as face:
        assert face.size == (64, 64)  # as it was extracted
    assert after.detector == "manual"


def test_shift_drags_the_whole_face(edit, out):
    (_, before), scale = on_disk(out)["000.png"][0], 2.0
    edit(*drag((20, 20), (50, 30), scale, shift=True), {"key": "enter"})
    ((_, after),) = on_disk(out)["000.png"]
    moved = after.source_landmarks - before.source_landmarks
    np.testing.assert_allclose(moved, np.tile((15, 5), (68, 1)), atol=0.02)


def test_a_second_face_is_added_where_the_pointer_is(edit, out):
    scale = 2.0
    point = (170, 100)
    there = [(value + 0.5) * scale - 0.5 for value in point]
    edit({"key": "a"}, mouse("move", *there, scale), {"key": "enter"})
    edit({"key": "a"}, mouse("move", *there, scale), mouse("left down", *there, scale),
         mouse("left up", *there, scale), {"key": "enter"})  # fmt: skip
    centers = {
        tuple(round(c) for c in info.source_rect.center) for _, info in on_disk(out)["001.png"]
    }
    assert centers == {point}
    assert len(on_disk(out)["000.png"]) == 1  # it was not locked


def test_looking_at_frames_changes_nothing(edit, out):
    before = {path: path.read_bytes().rstrip() for path in out.iterdir()}
    said = edit({"key": "right"}, {"go": 3}, {"go": 400}, {"key": "left"}, {"key": "left"})
    names = [event["name"] for event in told(said, "frame")]
    assert names == ["000.png", "001.png", "003.png", "003.png", "002.png", "001.png"]
    assert not told(said, "saved")
    assert {path: path.read_bytes().rstrip() for path in out.iterdir()} == before


def test_no_face_moves_the_old_one_to_the_trash_and_the_next_run_goes_on_behind_it(edit, out):
    edit({"key": "space"})
    assert "000.png" not in on_disk(out)
    assert len(list(trash_dir(out).glob("*.png"))) == 1
    said = edit()
    assert told(said, "frame")[0]["name"] == "001.png"
    assert told(said, "frames")[0]["rows"][0] == ["000.png", 0, True, ""]


def test_the_faces_of_the_previous_frame_are_copied(edit, out):
    edit({"go": 1}, {"key": "c"}, {"key": "enter"})
    (_, copied), (_, original) = on_disk(out)["001.png"][0], on_disk(out)["000.png"][0]
    np.testing.assert_allclose(copied.source_landmarks, original.source_landmarks, atol=1e-3)


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        (FrameFilter.FACELESS, ["001.png"]),
        (FrameFilter.DOUBTFUL, ["003.png"]),
        (FrameFilter.MULTI, ["002.png"]),
    ],
)
def test_only_some_frames_are_shown(edit, show, expected):
    said = edit({"key": "right"}, show=show)
    assert [event["name"] for event in told(said, "frame")] == expected
    assert [row[0] for row in told(said, "frames")[0]["rows"]] == expected


def test_decided_frames_are_shown_again_if_there_are_no_others(edit):
    edit({"key": "enter"}, show=FrameFilter.MULTI)
    said = edit(show=FrameFilter.MULTI)
    assert told(said, "frame")[0]["name"] == "002.png"


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "[]", "null", "1e999", '{"key": "z"}', '{"key": ["enter"]}', '{"go": -1}',
        '{"go": true}', '{"mouse": "move", "x": 1%s, "y": 1, "scale": 1}' % ("0" * 400),
        '{"mouse": "move"}', '{"mouse": "move", "x": "1", "y": 1, "scale": 1}', "[" * 9000,
        '{"mouse": "move", "x": NaN, "y": 1, "scale": 1}',
        '{"mouse": "fly", "x": 1, "y": 1, "scale": 1}',
        '{"mouse": "move", "x": 1, "y": 1, "scale": 1e999}',
    ],
)  # fmt: skip
def test_what_is_no_event_is_said_and_skipped(line, capsys):
    assert events_of(line) == []
    assert "event" in capsys.readouterr().err


def test_numbers_are_kept_in_bounds():
    _, event = events_of('{"mouse": "move", "x": -5, "y": 1e300, "scale": 0, "wheel": 9}')
    assert event == Mouse("move", 0.0, 1e6, 1)


def test_what_is_missing_is_said(edit, frames, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="has no extraction to correct; run extract first"):
        edit(out=tmp_path / "nothing")
    make_frames(tmp_path / "other", 1)
    with pytest.raises(InputError, match="was extracted with other settings"):
        edit(frames=tmp_path / "other")
    monkeypatch.delenv(events.VARIABLE)
    options = {"input_dir": frames, "output_dir": tmp_path}
    with pytest.raises(UsageError, match="--progress json"):
        checks.check_edit(EditFacesOptions(**options, remote=True))
    monkeypatch.setattr(checks, "available", lambda: False)
    with pytest.raises(UserError, match="workbench"):
        checks.check_edit(EditFacesOptions(**options))


def test_heads_of_an_earlier_build_are_corrected_with_the_cut_of_today(edit, frames, tmp_path):
    out = tmp_path / "heads"
    extract(frames, out, FACES, face_type=FaceType.HEAD)
    journal = out / ".extract.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    header = json.loads(lines[0])
    del header["header"]["head"]  # it is the wider one of 2019 that such a build cut
    journal.write_text(json.dumps(header) + "\n" + "".join(lines[1:]), encoding="utf-8")
    (_, before), scale = on_disk(out)["000.png"][0], 3.0
    at = (before.source_landmarks[30] + 0.5) * scale - 0.5
    edit(*drag(at.tolist(), (at + np.array([12, -6])).tolist(), scale), {"key": "enter"}, out=out)
    after = on_disk(out)["000.png"][0][1]
    assert not np.array_equal(after.source_landmarks, before.source_landmarks)
    expected = geometry.crop_matrix(after.source_landmarks, after.size, FaceType.HEAD)
    np.testing.assert_allclose(after.matrix, expected, atol=1e-6)
