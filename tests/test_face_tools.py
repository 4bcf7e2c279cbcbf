"""The tools that a page on faces needs: list, delete and restore faces, show a frame."""

import io
import json
import shutil
import sys
from contextlib import suppress

import cv2
import numpy as np
import pytest
from support.crash import killed_after
from support.sorting import contents, sort
from support.synthetic import (
    draw_face,
    make_faceset,
    make_frames,
    make_info,
    make_landmarks,
    make_video,
)

from facelib import geometry
from facelib.faceset import Faceset, fingerprint, write_face
from facelib.pose import pose
from facelib.types import Rect
from main import main
from sorter import cache
from sorter.deletion import delete, restore
from sorter.options import DeleteFacesOptions, ListFacesOptions, RestoreFacesOptions
from sorter.rename import PLAN
from sorter.table import run as list_faces
from utils.errors import InputError

NAMES = [f"{number:06d}_0.png" for number in range(6)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    make_faceset(folder, len(NAMES), size=64)
    return folder


@pytest.fixture
def folder(tmp_path, made):
    return shutil.copytree(made, tmp_path / "faces")


def listed(folder, **settings):
    report = list_faces(ListFacesOptions(input_dir=folder, **settings))
    return json.loads((folder / ".sort" / "faces.json").read_text()), report


def delete_named(folder, *names):
    return delete(DeleteFacesOptions(input_dir=folder, names=names))


def undo(folder):
    return restore(RestoreFacesOptions(input_dir=folder))


def everything(folder):
    """Content of the folder and of its trash, by name."""
    trash = folder.with_name(folder.name + "_trash")
    return contents(folder), contents(trash) if trash.is_dir() else {}


def test_the_table_says_of_each_face_what_its_file_says(folder):
    table, report = listed(folder)
    rows = table["columns"]
    assert report.counts == {"faces listed": len(NAMES)}
    assert rows["name"] == NAMES
    for row, (path, info) in enumerate(Faceset.open(folder)):
        gray = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2HSV)
        assert rows["key"][row] == fingerprint(path).hex()
        assert (rows["frame"][row], rows["frame_index"][row]) == (info.source_name, row)
        for name, value in pose(info.landmarks)._asdict().items():
            assert rows[name][row] == pytest.approx(value, abs=0.051)
        assert rows["brightness"][row] == pytest.approx(gray[..., 2].mean(), abs=0.051)
        assert rows["review"][row] == 0
    assert "person" not in rows


def test_doubtful_faces_are_marked_with_the_reasons(folder):
    points = make_landmarks()
    picture = draw_face(points)
    for at, (name, score, quality) in enumerate((("a", 0.5, 4), ("b", 0.9, -1), ("c", 0.5, -1))):
        info = make_info(points, 64, score=score, quality=quality, frame_index=20 + 10 * at)
        write_face(folder / f"{name}.png", geometry.warp_face(picture, info.matrix, 64), info)
    table, _ = listed(folder)
    bits = dict(zip(table["columns"]["name"], table["columns"]["review"], strict=True))
    said = {
        name: {reason for bit, reason in enumerate(table["reasons"]) if bits[name] >> bit & 1}
        for name in ("a.png", "b.png", "c.png")
    }
    low, unsure = "low face score", "landmarks uncertain"
    assert said == {"a.png": {low}, "b.png": {unsure}, "c.png": {low, unsure}}


def test_a_face_found_twice_or_out_of_line_is_doubtful(folder):
    def place(name, frame, rect):
        points = make_landmarks()
        info = make_info(points, 64, source_rect=rect, frame_index=frame, source="clip.mp4")
        picture = draw_face(points)
        write_face(folder / name, geometry.warp_face(picture, info.matrix, 64), info)

    for path in folder.glob("*.png"):
        path.unlink()
    steady, moved = Rect(10, 10, 60, 60), Rect(90, 70, 140, 120)
    for name, frame, rect in [
        ("a.png", 0, steady), ("b.png", 5, moved), ("c.png", 10, steady),  # every fifth frame
        ("d.png", 20, steady), ("e.png", 25, steady), ("f.png", 25, Rect(12, 10, 62, 60)),
        ("g.png", 35, moved),  # the frame before has no face any more
    ]:  # fmt: skip
        place(name, frame, rect)

    def doubts():
        table, _ = listed(folder)
        return {
            name: [reason for bit, reason in enumerate(table["reasons"]) if bits >> bit & 1]
            for name, bits in zip(table["columns"]["name"], table["columns"]["review"], strict=True)
            if bits
        }

    twice, line = ["two faces in one place"], ["face out of line with the neighboring frames"]
    assert doubts() == {"b.png": line, "e.png": twice, "f.png": twice}
    delete_named(folder, "f.png")
    assert doubts() == {"b.png": line}


def test_the_second_table_reads_no_face_and_follows_deletions_and_names(folder, monkeypatch):
    first, _ = listed(folder)
    sort(folder, "brightness")
    delete_named(folder, "00002.png")
    monkeypatch.setattr(cache, "measure", None)  # would fail if it were called
    second, _ = listed(folder)
    rows = second["columns"]
    assert rows["name"] == ["00000.png", "00001.png", "00003.png", "00004.png", "00005.png"]
    assert rows["key"] == [fingerprint(folder / name).hex() for name in rows["name"]]
    assert set(rows["frame"]) < set(first["columns"]["frame"])
    monkeypatch.undo()
    make_faceset(folder, 7, size=64)  # six faces with their old names again, and a new one
    assert len(listed(folder)[0]["columns"]["name"]) == 12


def test_the_order_and_groups_are_those_of_the_sort_method(folder):
    table, _ = listed(folder, by="face-yaw")
    names, groups = table["columns"]["name"], table["order"]["groups"]
    assert sum(count for _, count in groups) == len(names)
    yaws = table["columns"]["yaw"]
    assert yaws == sorted(yaws, reverse=True)
    sort(folder, "face-yaw", group_by="face-yaw")
    grouped, _ = listed(folder)
    keys = dict(zip(grouped["columns"]["name"], grouped["columns"]["key"], strict=True))
    at = 0
    for number, (_, count) in enumerate(groups, 1):
        own = {key for name, key in keys.items() if name.startswith(f"{number:02d}_")}
        assert own == set(table["columns"]["key"][at : at + count])
        at += count


def test_people_are_listed_once_they_are_recognized(folder):
    make_faceset(folder.parent / "other", 3, size=64, identity=5)
    for path in (folder.parent / "other").iterdir():
        shutil.copyfile(path, folder / f"other{path.name}")
    assert "person" not in listed(folder)[0]["columns"]
    people = listed(folder, people=True)[0]["columns"]["person"]
    assert listed(folder)[0]["columns"]["person"] == people
    assert set(people) <= {-1, 0, 1, 2}


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"columns": {"name": [1]}}', b"\xff" * 50])
def test_a_damaged_table_is_made_again(folder, damage):
    before, _ = listed(folder)
    (folder / ".sort" / "faces.json").write_bytes(damage)
    assert listed(folder)[0] == before


def test_an_image_that_is_no_face_is_left_out_and_said(folder):
    cv2.imwrite(str(folder / "photo.png"), np.zeros((8, 8, 3), np.uint8))
    for _ in range(2):
        table, report = listed(folder)
        assert table["columns"]["name"] == NAMES
        assert report.notes["left out"] == ["photo.png"]


def test_deletions_are_taken_back_one_after_the_other(folder):
    before = everything(folder)
    assert delete_named(folder, NAMES[1], NAMES[4]).counts == {"faces moved to the trash": 2}
    after_one = everything(folder)
    assert sorted(after_one[1]) == [NAMES[1], NAMES[4]]
    report = delete_named(folder, NAMES[1], NAMES[0], NAMES[0])
    assert report.counts == {"faces moved to the trash": 1}
    assert report.notes == {"gone already": [NAMES[1]]}
    assert undo(folder).counts == {"faces put back": 1}
    assert everything(folder) == after_one
    undo(folder)
    assert everything(folder) == before
    with pytest.raises(InputError, match="no deletion"):
        undo(folder)


def test_equal_names_in_the_trash_and_in_the_folder_keep_both_faces(folder):
    first = (folder / NAMES[0]).read_bytes()
    delete_named(folder, NAMES[0])
    shutil.copyfile(folder / NAMES[1], folder / NAMES[0])
    delete_named(folder, NAMES[0])
    shutil.copyfile(folder / NAMES[2], folder / NAMES[0])
    undo(folder)
    report = undo(folder)
    assert report.notes["under another name"] == [f"{NAMES[0]} -> {NAMES[0][:-4]}_2.png"]
    assert (folder / f"{NAMES[0][:-4]}_2.png").read_bytes() == first
    assert (folder / NAMES[0]).read_bytes() == (folder / NAMES[2]).read_bytes()
    assert not everything(folder)[1]


def test_a_face_of_a_dissolved_group_comes_back_into_the_folder(folder):
    sort(folder, "face-yaw", group_by="face-yaw")
    name = next(name for name in contents(folder) if "/" in name)
    delete_named(folder, name)
    sort(folder, "brightness")
    undo(folder)
    assert len(contents(folder)) == len(NAMES)
    assert all("/" not in where for where in contents(folder))


@pytest.mark.parametrize("changes", range(8))
@pytest.mark.parametrize("act", ["delete", "restore"])
def test_a_kill_at_any_step_loses_nothing_and_can_be_taken_back(folder, changes, act):
    before = everything(folder)
    if act == "restore":
        delete_named(folder, *NAMES[:3])
    with killed_after(changes) as ended:
        delete_named(folder, *NAMES[:3]) if act == "delete" else undo(folder)
    here, trash = everything(folder)
    kept = [data for name, data in {**here, **trash}.items() if ".faceswap-tmp" not in name]
    assert sorted(kept) == sorted(before[0].values())
    if act == "restore" and ended:
        return
    with suppress(InputError):  # it was stopped before its record was written, or after
        undo(folder)
    assert everything(folder) == before


@pytest.mark.parametrize(
    "name", ["../a.png", "/a.png", ".sort/faces.json", ":trash/a.png", "a/b/c.png", "notes.txt", ""]
)
def test_only_faces_of_the_folder_can_be_named(folder, name):
    (folder / "notes.txt").write_text("mine")
    before = everything(folder)
    with pytest.raises(InputError, match=r"not the name of a face|none of these"):
        delete_named(folder, NAMES[0], name) if name else delete_named(folder, "missing.png")
    assert everything(folder) == before


def test_a_record_that_leads_elsewhere_is_refused(folder):
    delete_named(folder, NAMES[0])
    record = folder / ".sort" / "deleted-000001.json"
    record.write_text(json.dumps({"version": 1, "moves": [["../x.png", f":trash/{NAMES[0]}"]]}))
    with pytest.raises(InputError, match="not the record"):
        undo(folder)


def test_an_interrupted_sort_is_completed_first(folder):
    sort(folder, "brightness")
    shutil.copyfile(folder / ".sort" / "undo-000001.json", folder / ".sort" / PLAN)
    with pytest.raises(InputError, match="interrupted"):
        delete_named(folder, "00000.png")


def test_names_come_from_a_list_or_from_standard_input(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "list").write_bytes(f"{NAMES[0]}\r\n\n{NAMES[1]}".encode())
    command = ["util", "delete-faces", "--input-dir", str(folder), "--names-from"]
    assert main([*command, str(tmp_path / "list")]) == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(NAMES[2].encode())))
    assert main([*command, "-"]) == 0
    assert sorted(contents(folder)) == NAMES[3:]
    assert main(command[:-1]) == 2
    assert "--names-from" in capsys.readouterr().err


def test_the_frame_of_a_face_is_shown_with_its_landmarks(tmp_path):
    frames = make_frames(6)
    make_video(tmp_path / "data_src.mp4", [frame for frame, _ in frames], audio=False)
    frame, points = frames[4]
    folder = tmp_path / "data_src" / "aligned"
    info = make_info(points, 64, source_name="000004.png", frame_index=4, frame_size=(160, 120))
    write_face(folder / "a.png", geometry.warp_face(frame, info.matrix, 64), info)
    command = ["util", "show-frame", "src", "--workspace", str(tmp_path), "--face", "a.png"]
    assert main([*command, "--output", str(tmp_path / "shown.png")]) == 0
    shown = cv2.imread(str(tmp_path / "shown.png"))
    changed = np.abs(shown.astype(int) - frame).max(axis=2) > 60
    assert changed[tuple(np.rint(points[8]).astype(int)[::-1])]  # the chin has its dot
    assert 0.01 < changed.mean() < 0.25  # and most of the picture is this frame


@pytest.mark.parametrize("frame", ["4", "0.19s"])
def test_the_frame_of_a_number_or_a_time_is_shown(tmp_path, frame):
    images = [np.full((64, 96, 3), 20 + 20 * number, np.uint8) for number in range(8)]
    clip = make_video(tmp_path / "clip.mp4", images, audio=False)
    shown = tmp_path / "shown.png"
    command = ["util", "show-frame", "--footage", str(clip), "--output", str(shown)]
    assert main([*command, "--frame", frame]) == 0
    assert abs(cv2.imread(str(shown)).mean() - 100) < 3
    assert main([*command, "--frame", "8"]) == 1


@pytest.mark.parametrize("flags", [[], ["--frame", "1", "--face", "a.png"], ["--face", "a.png"]])
def test_a_frame_to_show_is_named_in_one_way(tmp_path, flags, capsys):
    clip = make_video(tmp_path / "clip.mp4", [np.zeros((64, 96, 3), np.uint8)], audio=False)
    command = ["util", "show-frame", "--footage", str(clip), "--output", str(tmp_path / "x.png")]
    assert main([*command, *flags]) == 2
    assert "--face" in capsys.readouterr().err
