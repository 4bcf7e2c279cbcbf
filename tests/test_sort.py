"""Sorting: methods against plain loops, names that collide, and renaming stopped anywhere."""

import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import draw_face, make_faceset, make_info, make_landmarks

from facelib import landmarks as lm
from facelib.faceset import Faceset, read_face, read_info, write_face
from facelib.types import FaceType
from sorter import METHODS, similarity
from sorter.keys import sharpness
from sorter.options import SortOptions
from sorter.rename import JOURNAL, finish_interrupted, rename_all
from sorter.sort import run
from utils.console import Report
from utils.errors import ExitStatus, InputError

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path):
    """Nine faces under the names that extract gives, in a folder whose name is not plain ASCII."""
    made = tmp_path / "gesichter ä ☃"
    make_faceset(made, count=9)
    return made


def sort(folder, by):
    return run(SortOptions(input_dir=folder, by=by))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def frames_in_order(folder):
    return [info.source_name for _, info in Faceset.open(folder)]


def write(folder, name, picture, landmarks, **facts):
    info = make_info(landmarks, picture.shape[0], FaceType.FULL, landmarks=landmarks, **facts)
    write_face(folder / name, picture, info)


# ---------------------------------------------------------------- every method keeps the contract


@pytest.mark.parametrize("by", METHODS)
def test_every_method_returns_each_face_once_and_always_the_same_order(by, faceset):
    report = Report()
    order = METHODS.load(by)(faceset, report)
    assert sorted(path for path, _ in order) == sorted(path for path, _ in faceset)
    assert METHODS.load(by)(faceset, Report()) == order
    assert not report.failures


@pytest.mark.parametrize("by", METHODS)
def test_every_method_leaves_equal_faces_in_the_order_they_came(by, tmp_path):
    landmarks = make_landmarks(center=(64, 64), width=70)
    picture = draw_face(landmarks, (128, 128))
    for name in ("c.png", "a.png", "b.png"):
        write(tmp_path, name, picture, landmarks)
    order = METHODS.load(by)(Faceset.open(tmp_path), Report())
    assert [path.name for path, _ in order] == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("by", METHODS)
def test_origname_undoes_every_method(by, folder):
    before = contents(folder)
    report = sort(folder, by)
    assert report.counts["faces sorted"] == 9
    assert report.status is ExitStatus.DONE
    if by != "origname":
        assert sorted(contents(folder)) == [f"{number:05d}.png" for number in range(9)]
    sort(folder, "origname")
    assert contents(folder) == before


@pytest.mark.parametrize("by", METHODS)
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
    damaged = [path for path in folder.iterdir() if path.read_bytes() == bytes(data)]
    assert len(damaged) == 1
    if by in ("blur", "hist"):
        assert damaged == [victim]
        assert "000004_0.png" in report.failures[0]
        assert report.counts["faces sorted"] == 8
        assert report.status is ExitStatus.FAILED


# ------------------------------------------------------------------------------ methods, one by one


def test_sharpness_is_what_plain_loops_add_up(faceset):
    for path, info in faceset[:2]:
        image = read_face(path)[0]
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(int)
        grey *= lm.hull_mask(info.landmarks, grey.shape)[..., 0].astype(int)
        height, width = grey.shape
        total = 0
        for y in range(height):
            for x in range(width):
                if x + 1 < width:
                    total += abs(int(grey[y, x + 1]) - int(grey[y, x]))
                if y + 1 < height:
                    total += abs(int(grey[y + 1, x]) - int(grey[y, x]))
        assert sharpness(image, info.landmarks) == total


def test_blur_puts_the_sharpest_first(tmp_path):
    landmarks = make_landmarks(center=(64, 64), width=70)
    picture = draw_face(landmarks, (128, 128))
    for name, sigma in {"a.png": 4, "b.png": 1, "c.png": 0, "d.png": 2}.items():
        blurred = cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture
        write(tmp_path, name, blurred, landmarks, source_name=name)
    sort(tmp_path, "blur")
    assert frames_in_order(tmp_path) == ["c.png", "b.png", "d.png", "a.png"]


def test_face_yaw_goes_from_image_left_to_image_right(tmp_path):
    for index, yaw in enumerate([-35, 40, 0, 15, -10]):
        landmarks = make_landmarks(yaw, center=(64, 64), width=70)
        write(tmp_path, f"{index}.png", np.zeros((128, 128, 3), np.uint8), landmarks,
              source_name=f"{yaw}.png")  # fmt: skip
    sort(tmp_path, "face-yaw")
    assert frames_in_order(tmp_path) == ["40.png", "15.png", "0.png", "-10.png", "-35.png"]
    first = read_info(tmp_path / "00000.png").landmarks
    to_jaw = np.linalg.norm(first[[0, 16]] - first[30], axis=1)
    assert to_jaw[0] < to_jaw[1], "positive yaw: the nose is nearer to the image-left jaw"


def test_origname_is_by_number_and_not_by_letter(tmp_path):
    landmarks = make_landmarks(center=(64, 64), width=70)
    picture = np.zeros((128, 128, 3), np.uint8)
    places = [("frame10.jpg", 0), ("frame9.jpg", 1), ("frame9.jpg", 0), ("frame100.jpg", 0)]
    for number, (source_name, index) in enumerate(places):
        write(tmp_path, f"{number:05d}.png", picture, landmarks, source_name=source_name,
              face_index=index)  # fmt: skip
    order = METHODS.load("origname")(Faceset.open(tmp_path), Report())
    assert [path.name for path, _ in order] == ["00002.png", "00001.png", "00000.png", "00003.png"]
    sort(tmp_path, "origname")
    assert sorted(contents(tmp_path)) == [
        "frame100_0.png", "frame10_0.png", "frame9_0.png", "frame9_1.png",
    ]  # fmt: skip


def pair_loop(histograms):
    """The chain as the definition says it: one comparison of two histograms at a time."""
    left = list(range(1, len(histograms)))
    order = [0]
    while left:
        distances = [
            sum(
                cv2.compareHist(a, b, cv2.HISTCMP_BHATTACHARYYA)
                for a, b in zip(histograms[order[-1]], histograms[other], strict=True)
            )
            for other in left
        ]
        order.append(left.pop(int(np.argmin(distances))))
    return order


def colours_of(images):
    return np.stack([
        [cv2.calcHist([im], [c], None, [256], [0, 256]).ravel() for c in range(3)] for im in images
    ])


@pytest.mark.parametrize("fits", [True, False], ids=["matrix", "row by row"])
def test_hist_walks_as_a_loop_over_pairs_does(fits, astronaut, monkeypatch):
    if not fits:
        monkeypatch.setattr(similarity, "MATRIX_FACES", 0)
    rng = np.random.default_rng(5)
    images = []
    for _ in range(60):
        x, y, side = *rng.integers(0, 400, 2), rng.integers(40, 110)
        images.append(astronaut[y : y + side, x : x + side])
    images += [
        np.clip(image * rng.uniform(0.9, 1.1) + 0.5, 0, 255).astype(np.uint8) for image in images
    ]
    images += images[:10]  # distances of exactly 0
    histograms = colours_of(images)
    order, steps = similarity.chain(histograms, similarity.bhattacharyya)
    assert order == pair_loop(histograms)
    assert steps[1:] == [
        similarity.bhattacharyya(histograms[a], histograms[b]) for a, b in pairwise(order)
    ]


def test_hist_chains_neighbours_of_a_gradient(tmp_path):
    landmarks = make_landmarks(center=(32, 32), width=40)
    noise = np.random.default_rng(0).normal(0, 12, (64, 64, 3))
    levels = random.Random(1).sample(range(60, 200, 10), 14)
    levels = [40, *levels]
    for number, level in enumerate(levels):
        picture = np.clip(noise + level, 0, 255).astype(np.uint8)
        write(tmp_path, f"{number}.png", picture, landmarks, source_name=f"{level:03d}.png")
    sort(tmp_path, "hist")
    assert frames_in_order(tmp_path) == [f"{level:03d}.png" for level in sorted(levels)]


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
    for by in METHODS:
        report = sort(folder, by)
        assert report.counts == {"faces sorted": 9, "other files left alone": 3}
        assert any("00001.png" in sentence for sentence in report.remarks["left alone"])
        assert (folder / "00005.png").is_dir()
        assert {name: (folder / name).read_bytes() for name in foreign} == foreign
        others = set(foreign) | {"00005.png"}
        assert sorted(p.read_bytes() for p in folder.iterdir() if p.name not in others) == faces
    sort(folder, "blur")
    names = {path.name for path in folder.iterdir()} - set(foreign) - {"00005.png"}
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
    "source_name", ["x" * 251 + ".png", "ä" * 120 + ".png", ".png", "nul:b.png"]
)
def test_awkward_source_names_become_file_names(source_name, tmp_path):
    landmarks = make_landmarks(center=(64, 64), width=70)
    write(tmp_path, "1.png", np.zeros((128, 128, 3), np.uint8), landmarks, source_name=source_name)
    report = sort(tmp_path, "origname")
    assert report.status is ExitStatus.DONE
    assert [path.name.endswith("_0.png") for path in tmp_path.iterdir()] == [True]


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")])
def test_a_folder_without_faces_is_one_sentence(make, tmp_path):
    make(tmp_path / "faces")
    with pytest.raises(InputError, match="faces"):
        sort(tmp_path / "faces", "blur")


# ------------------------------------------------------------------------- renaming that is stopped

NAMES = ["a.png", "b.png", "c.png", "d.png", "e.png"]
PLANS = {
    "in a circle": ["b.png", "c.png", "d.png", "e.png", "a.png"],
    "to new names": ["00000.png", "00001.png", "00002.png", "00003.png", "00004.png"],
    "some to old ones": ["00000.png", "a.png", "c.png", "b.png", "00001.png"],
}


class Stopped(BaseException):
    """Stands for the end of the process: nothing in the program catches it."""


def stop_after(count, monkeypatch):
    """Let `count` renamings through; the next one does not happen. Files are whole at any time."""
    rename, done = Path.rename, []

    def limited(path, target):
        if len(done) == count:
            raise Stopped
        done.append(path)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", limited)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("count", range(2 * len(NAMES)))
def test_a_stop_between_any_two_renamings_loses_nothing(plan, count, tmp_path, monkeypatch):
    for name in NAMES:
        (tmp_path / name).write_text(f"was {name}")
    pairs = list(zip(NAMES, PLANS[plan], strict=True))
    with monkeypatch.context() as patch:
        stop_after(count, patch)
        try:
            rename_all(tmp_path, pairs)
        except Stopped:
            held = [path.read_text() for path in tmp_path.iterdir() if path.name != JOURNAL]
            assert sorted(held) == [f"was {name}" for name in NAMES]
            (tmp_path / "other.txt").write_text("made in between")
    finish_interrupted(tmp_path)
    assert not finish_interrupted(tmp_path)
    (tmp_path / "other.txt").unlink(missing_ok=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        new: f"was {old}" for old, new in pairs
    }


def finish_or_begin(folder):
    if not finish_interrupted(folder):
        rename_all(folder, list(zip(NAMES, PLANS["in a circle"], strict=True)))


def test_a_second_stop_while_finishing_loses_nothing(tmp_path, monkeypatch):
    for name in NAMES:
        (tmp_path / name).write_text(name)
    for count in (3, 2, 2, 1, 0):
        with monkeypatch.context() as patch:
            stop_after(count, patch)
            with pytest.raises(Stopped):
                finish_or_begin(tmp_path)
    finish_interrupted(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict(
        zip(PLANS["in a circle"], NAMES, strict=True)
    )


def test_ctrl_c_finishes_the_renaming_first(tmp_path, monkeypatch):
    for name in NAMES:
        (tmp_path / name).write_text(name)
    rename, calls = Path.rename, []

    def interrupted_once(path, target):
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        rename_all(tmp_path, list(zip(NAMES, PLANS["to new names"], strict=True)))
    assert sorted(path.name for path in tmp_path.iterdir()) == PLANS["to new names"]


@given(st.permutations(range(6)), st.lists(st.booleans(), min_size=6, max_size=6))
@settings(max_examples=25, deadline=None)
def test_any_renaming_is_a_permutation(order, to_new):
    with TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(6):
            (folder / f"{number}.png").write_text(str(number))
        pairs = [
            (f"{old}.png", f"new{new}.png" if fresh else f"{new}.png")
            for old, (new, fresh) in enumerate(zip(order, to_new, strict=True))
        ]
        rename_all(folder, pairs)
        assert {path.name: path.read_text() for path in folder.iterdir()} == {
            new: old.removesuffix(".png") for old, new in pairs
        }


@pytest.mark.parametrize(
    "plan",
    [
        "",
        "[]",
        '{"version": 1}',
        '{"version": 9, "phase": "gather", "moves": []}',
        '{"version": 1, "phase": "gather", "moves": [["a", "b"]]}',
        '{"version": 1, "phase": "hand out", "moves": [["a", "b.png", "../stolen.png"]]}',
        '{"version": 1, "phase": "gather", "moves": [["/etc/hosts", "b.png", "c.png"]]}',
        "[" * 100_000,
    ],
)
def test_a_plan_that_is_not_ours_is_refused(plan, folder):
    (folder / "b.png").write_text("x")
    (folder / JOURNAL).write_text(plan)
    before = contents(folder)
    with pytest.raises(InputError, match="interrupted sort"):
        sort(folder, "blur")
    assert contents(folder) == before


SORT_FOREVER = """
import sys
from itertools import cycle
from pathlib import Path
from sorter.rename import finish_interrupted, rename_all
folder = Path(sys.argv[1])
finish_interrupted(folder)
for shift in cycle([7, 31]):
    names = sorted(path.name for path in folder.glob("*.png"))
    print("sorting", flush=True)
    rename_all(folder, list(zip(names, names[shift:] + names[:shift])))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_9_loses_nothing(tmp_path):
    names = {f"{number:05d}.png" for number in range(400)}
    for name in names:
        (tmp_path / name).write_text(name)
    interim = 0
    for attempt in range(20):
        if interim and attempt > 3:
            break
        process = subprocess.Popen(
            [sys.executable, "-c", SORT_FOREVER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
        )
        process.stdout.readline()
        time.sleep(0.003 + 0.013 * attempt % 0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        interim += len({path.name for path in tmp_path.glob("*.png")} - names)
        assert {path.read_text() for path in tmp_path.glob("*.png")} == names
    finish_interrupted(tmp_path)
    assert {path.name for path in tmp_path.glob("*.png")} == names
    assert {path.read_text() for path in tmp_path.glob("*.png")} == names
    assert interim, "no kill hit the renaming"
