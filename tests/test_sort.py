"""Sorting: what every method keeps, names that are in use, groups, the trash, undo and dry run."""

import shutil

import cv2
import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sorting import contents, frames_in_order, names_by, order_of, sort, write
from support.synthetic import draw_face, make_faceset, make_landmarks

import main
from facelib.faceset import Faceset
from sorter import GROUPINGS, METHODS
from utils.errors import ExitStatus, InputError, UsageError

READS_PICTURES = sorted(
    set(METHODS) - {"face", "face-dissim", "face-yaw", "face-pitch", "origname", "oneface",
                    "source-size"}
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "nine"
    make_faceset(folder, count=9)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """Nine faces under the names that extract gives, in a folder whose name is not plain ASCII."""
    return shutil.copytree(made, tmp_path / "gesichter ä ☃")


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Four different faces, three files of each: a_0.png, a_1.png, ... d_2.png."""
    folder = tmp_path_factory.mktemp("copies")
    for number, path in enumerate(make_faceset(folder / "made", count=4)):
        for copy in range(3):
            shutil.copy(path, folder / f"{'abcd'[number]}_{copy}.png")
    return folder


# ---------------------------------------------------------------- every method keeps the contract


@pytest.mark.parametrize("by", METHODS)
@given(data=st.data())
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_method_returns_each_face_once_and_equal_ones_as_they_came(by, data, copies):
    everything = list(Faceset.open(copies))
    faces = data.draw(st.lists(st.sampled_from(everything), min_size=1, unique_by=lambda f: f[0]))
    order = order_of(by, faces, store=copies / ".sort")
    came, went = [path.name for path, _ in faces], [item.path.name for item in order]
    assert sorted(went) == sorted(came)
    for letter in "abcd":
        assert [n for n in went if n[0] == letter] == [n for n in came if n[0] == letter]
    assert order_of(by, faces, store=copies / ".sort") == order


@pytest.mark.parametrize("by", METHODS)
def test_origname_and_undo_reverse_every_method(by, folder):
    before = contents(folder)
    report = sort(folder, by)
    assert report.counts["faces sorted"] == 9
    assert report.status is ExitStatus.DONE
    if by != "origname":
        assert sorted(contents(folder)) == [f"{number:05d}.png" for number in range(9)]
    if by != "origname":
        assert sort(folder, undo=True).counts == {"faces put back": 9}
        assert contents(folder) == before
        sort(folder, by)
    sort(folder, "origname")
    assert contents(folder) == before


# hist-blur walks from the face that is first, and that is another one after it has sorted
@pytest.mark.parametrize("by", sorted(set(METHODS) - {"hist-blur"}))
def test_sorting_twice_changes_nothing_more(by, folder):
    sort(folder, by)
    once = contents(folder)
    sort(folder, by)
    assert contents(folder) == once


@pytest.mark.parametrize("by", METHODS)
def test_a_damaged_picture_costs_only_itself(by, folder):
    victim = folder / "000004_0.png"
    data = bytearray(victim.read_bytes())
    data[-100] ^= 0xFF  # in the pixels: the record is still whole
    victim.write_bytes(data)
    report = sort(folder, by)
    damaged = [path for path in folder.glob("*.png") if path.read_bytes() == bytes(data)]
    assert len(damaged) == 1
    if by in READS_PICTURES:
        assert damaged == [victim]
        assert len(report.failures) == 1
        assert "000004_0.png" in report.failures[0]
        assert report.counts["faces sorted"] == 8
        assert report.status is ExitStatus.FAILED


@pytest.mark.parametrize("by", METHODS)
def test_one_face_alone_and_only_damaged_ones(by, made, tmp_path):
    alone = shutil.copy(made / "000000_0.png", tmp_path)
    assert names_by(by, tmp_path) == ["000000_0.png"]
    data = bytearray((tmp_path / "000000_0.png").read_bytes())
    data[-100] ^= 0xFF
    (tmp_path / "000000_0.png").write_bytes(data)
    report = sort(tmp_path, by)
    assert report.counts["faces sorted"] == (by not in READS_PICTURES)
    assert len(contents(tmp_path)) == 1, alone


# ---------------------------------------------------------------------------- names that are in use


def test_foreign_files_keep_their_names_and_content(folder):
    foreign = {
        "00001.png": cv2.imencode(".png", np.full((5, 5, 3), 7, np.uint8))[1].tobytes(),
        "00003.PNG": b"not a picture at all",
        "notes.txt": b"keep me",
    }
    for name, data in foreign.items():
        (folder / name).write_bytes(data)
    (folder / "00005.png").mkdir()
    faces = sorted(path.read_bytes() for path in folder.glob("0000*_0.png"))
    for by in ("hist", "blur", "origname", "final"):
        report = sort(folder, by)
        assert report.counts == {"faces sorted": 9, "other files left alone": 3}
        assert any("00001.png" in sentence for sentence in report.notes["left alone"])
        assert (folder / "00005.png").is_dir()
        found = contents(folder)
        assert {name: found.pop(name) for name in foreign} == foreign
        assert sorted(found.values()) == faces
    sort(folder, "blur")
    names = set(contents(folder)) - set(foreign)
    assert names == {f"{number:05d}.png" for number in [0, 2, 4, 6, 7, 8, 9, 10, 11]}


def test_two_faces_that_claim_one_name_both_live(tmp_path):
    landmarks = make_landmarks(center=(64, 64), width=70)
    for number in range(3):
        write(tmp_path, f"{number}.png", np.full((128, 128, 3), number * 9, np.uint8), landmarks,
              source_name="000007.png", source=f"clip {number}.mp4")  # fmt: skip
    (tmp_path / "000007_0_1.png").write_bytes(b"foreign")
    sort(tmp_path, "origname")
    assert sorted(contents(tmp_path)) == [
        "000007_0.png", "000007_0_1.png", "000007_0_2.png", "000007_0_3.png",
    ]  # fmt: skip
    assert (tmp_path / "000007_0_1.png").read_bytes() == b"foreign"


@pytest.mark.parametrize(
    "source_name", ["x" * 251 + ".png", "ä" * 120 + ".png", ".png", "nul:b.png", ".clip.mp4"]
)
def test_awkward_source_names_become_file_names(source_name, tmp_path):
    landmarks = make_landmarks(center=(64, 64), width=70)
    write(tmp_path, "1.png", np.zeros((128, 128, 3), np.uint8), landmarks, source_name=source_name)
    report = sort(tmp_path, "origname")
    assert report.status is ExitStatus.DONE
    assert [name.endswith("_0.png") for name in contents(tmp_path)] == [True]
    sort(tmp_path, undo=True)  # which takes back no hidden names
    assert list(contents(tmp_path)) == ["1.png"]


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")])
def test_a_folder_without_faces_is_one_sentence(make, tmp_path):
    make(tmp_path / "faces")
    with pytest.raises(InputError, match="faces"):
        sort(tmp_path / "faces", "blur")


# -------------------------------------------------------------- groups, trash, undo and dry run


def test_groups_become_sub_folders_sorted_inside(tmp_path):
    folder = tmp_path / "faces"
    for number, yaw in enumerate([30, 0, -30] * 3):
        landmarks = make_landmarks(yaw, center=(64, 64), width=70)
        picture = draw_face(landmarks, (128, 128), blur=number // 3)
        write(folder, f"{number}.png", picture, landmarks, source_name=f"{number}.png")
    before = contents(folder)
    report = sort(folder, "blur", group_by="face-yaw")
    assert report.counts["groups"] == 3
    groups = ["01_yaw_+30", "02_yaw_+0", "03_yaw_-30"]
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == groups
    found = {group: frames_in_order(folder / group) for group in groups}
    assert found == {
        "01_yaw_+30": ["0.png", "3.png", "6.png"],
        "02_yaw_+0": ["1.png", "4.png", "7.png"],
        "03_yaw_-30": ["2.png", "5.png", "8.png"],
    }
    # another sort finds the faces in the groups and takes them out; undo twice goes all the way
    sort(folder, "origname")
    assert sorted(contents(folder)) == [f"{number}_0.png" for number in range(9)]
    assert not (folder / "01_yaw_+30").exists()
    sort(folder, undo=True)
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == groups
    sort(folder, undo=True)
    assert contents(folder) == before
    with pytest.raises(InputError, match="no sort to undo"):
        sort(folder, undo=True)


@pytest.mark.parametrize("group_by", GROUPINGS)
def test_every_grouping_can_be_undone(group_by, folder):
    before = contents(folder)
    report = sort(folder, "brightness", group_by=group_by)
    assert report.counts["groups"] == len([p for p in folder.iterdir() if p.name != ".sort"])
    assert sorted(contents(folder).values()) == sorted(before.values())
    sort(folder, undo=True)
    assert contents(folder) == before


def test_final_moves_to_the_trash_and_keeps_what_is_there(folder):
    before = contents(folder)
    trash = folder.with_name(folder.name + "_trash")
    trash.mkdir()
    for name in before:
        (trash / name).write_bytes(b"thrown away long ago")
    report = sort(folder, "final", target=4)
    assert report.counts["faces sorted"] == 4
    assert report.counts["faces moved to the trash"] == 5
    assert len(contents(trash)) == 14
    assert sorted(contents(folder)) == [f"{number:05d}.png" for number in range(4)]
    thrown = [data for data in contents(trash).values() if len(data) > 100]
    assert sorted([*contents(folder).values(), *thrown]) == sorted(before.values())
    assert sort(folder, undo=True).counts == {"faces put back": 9}
    assert contents(folder) == before
    assert set(contents(trash).values()) == {b"thrown away long ago"}


def test_undo_leaves_alone_what_was_deleted_and_what_came(folder):
    before = contents(folder)
    sort(folder, "blur")
    gone = folder / "00003.png"
    lost = gone.read_bytes()
    gone.unlink()
    (folder / "000001_0.png").write_bytes(b"came in between")
    assert sort(folder, undo=True).counts == {"faces put back": 8, "gone since": 1}
    after = contents(folder)
    assert after.pop("000001_0.png") == b"came in between"
    assert sorted([*after.values(), lost]) == sorted(before.values())


def test_a_dry_run_renames_nothing_and_says_what_would_be(folder, tmp_path):
    before = contents(tmp_path)
    report = sort(folder, "final", target=4, dry_run=True)
    assert contents(tmp_path) == before
    (lines,) = [names for what, names in report.notes.items() if "would" in what]
    sort(folder, "final", target=4)
    for line in lines:
        old, new = line.split(" -> ")
        place = folder.with_name(folder.name + "_trash") if ":trash/" in new else folder
        assert (place / new.removeprefix(":trash/")).read_bytes() == contents_of(before, old)


def contents_of(before, name):
    (data,) = [data for path, data in before.items() if path.endswith(name)]
    return data


def test_two_sorts_of_one_folder_do_not_meet(folder):
    before = contents(folder)
    sort(folder, "blur", dry_run=True)
    with FileLock(folder / ".sort" / "lock"), pytest.raises(InputError, match="another sort"):
        sort(folder, "blur")
    assert contents(folder) == before


def test_a_folder_without_faces_is_left_as_it_was(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="holds no image"):
        sort(tmp_path, "blur")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_trash_of_a_folder_with_dots_is_beside_it(folder):
    (folder / "inside").mkdir()
    sort(folder / "inside" / "..", "final", target=4)
    assert len(contents(folder.with_name(folder.name + "_trash"))) == 5


@pytest.mark.parametrize(
    "settings",
    [
        {"by": "hist", "target": 5},
        {"dry_run": True, "undo": True},
        {"contact_sheet": "sheet.gif"},
        {"page": "page.jpg"},
    ],
)
def test_senseless_settings_are_refused_before_anything_moves(settings, folder):
    before = contents(folder)
    words = [f"--{name.replace('_', '-')}" for name in settings]
    values = [[] if value is True else [str(value)] for value in settings.values()]
    argv = [part for word, value in zip(words, values, strict=True) for part in (word, *value)]
    assert main.main(["sort", "--input-dir", str(folder), *argv]) == ExitStatus.USAGE
    assert contents(folder) == before
    assert UsageError.status is ExitStatus.USAGE
