"""Renaming that is stopped anywhere, by an exception, by Ctrl-C and by kill -9."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sorting import contents, sort
from support.synthetic import make_faceset

from sorter.rename import PLAN, STATE, finish_interrupted, rename_all, undo
from utils.errors import InputError

ROOT = Path(__file__).parent.parent

NAMES = ["a.png", "b.png", "c.png", "d.png", "e.png"]
PLANS = {
    "in a circle": ["b.png", "c.png", "d.png", "e.png", "a.png"],
    "to new names": ["00000.png", "00001.png", "00002.png", "00003.png", "00004.png"],
    "some to old ones": ["00000.png", "a.png", "c.png", "b.png", "00001.png"],
}


def texts(folder):
    return {name: data.decode() for name, data in contents(folder).items()}


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
            held = texts(tmp_path).values()
            assert sorted(held) == [f"was {name}" for name in NAMES]
            (tmp_path / "other.txt").write_text("made in between")
    finish_interrupted(tmp_path)
    assert not finish_interrupted(tmp_path)
    (tmp_path / "other.txt").unlink(missing_ok=True)
    assert texts(tmp_path) == {new: f"was {old}" for old, new in pairs}


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
    assert texts(tmp_path) == dict(zip(PLANS["in a circle"], NAMES, strict=True))


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
    assert sorted(texts(tmp_path)) == PLANS["to new names"]


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
        assert texts(folder) == {new: old.removesuffix(".png") for old, new in pairs}


@pytest.mark.parametrize("file", [PLAN, "undo-000001.json"])
@pytest.mark.parametrize(
    "plan",
    [
        "",
        "[]",
        '{"version": 1}',
        '{"version": 9, "phase": "gather", "moves": []}',
        '{"version": 1, "phase": "gather", "moves": [["a", "b"]]}',
        '{"version": 1, "phase": "hand out", "moves": [["a", "b.png", "../stolen.png"]]}',
        '{"version": 1, "phase": "gather", "undoes": "x", "moves": []}',
        '{"version": 1, "phase": "gather", "undoes": null, "moves": [["a/b/c", "b.png", "c.png"]]}',
        '{"version": 1, "phase": "gather", "undoes": null, "moves": [["../x", "b.png", "c.png"]]}',
        '{"version": 1, "phase": "gather", "undoes": null, "moves": [[":trash/..", "b", "c"]]}',
        '{"version": 1, "phase": "gather", "undoes": null, "moves": [["/etc/hosts", "b", "c"]]}',
        "[" * 100_000,
    ],
)
def test_a_plan_that_is_not_ours_is_refused(plan, file, tmp_path):
    folder = tmp_path / "faces"
    make_faceset(folder, count=2)
    (folder / "b.png").write_text("x")
    (folder / STATE).mkdir()
    (folder / STATE / file).write_text(plan)
    before = contents(folder)
    with pytest.raises(InputError, match="interrupted sort"):
        sort(folder, "blur")
    assert contents(folder) == before


SORT_FOREVER = """
import sys
from itertools import count
from pathlib import Path
from sorter.places import place
from sorter.rename import finish_interrupted, rename_all, undo
from sorter.rename import _undo_numbers
folder = Path(sys.argv[1])
finish_interrupted(folder)
for turn in count():
    print("sorting", flush=True)
    if len(_undo_numbers(folder)) > 3:
        while _undo_numbers(folder):
            undo(folder)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    new = [[f"{i:05d}.png", f"group {i % 3}/{i:05d}.png"][turn % 2] for i in range(len(names))]
    new = new[7:] + new[:7]
    if turn % 4 == 3:
        new[:20] = [f":trash/{turn}-{i}.png" for i in range(20)]
    rename_all(folder, list(zip(names, new)))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_9_loses_nothing(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    names = {f"{number:05d}.png" for number in range(300)}
    for name in names:
        (folder / name).write_text(name)
    interim = 0
    for attempt in range(20):
        if interim and attempt > 5:
            break
        process = subprocess.Popen(
            [sys.executable, "-c", SORT_FOREVER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE
        )
        process.stdout.readline()
        time.sleep(0.003 + 0.023 * attempt % 0.09)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        held = {**texts(folder), **texts(folder.with_name("faces_trash"))}
        interim += sum("sorting" in name for name in held)
        assert sorted(held.values()) == sorted(names)
    finish_interrupted(folder)
    while list((folder / STATE).glob("undo-*")):
        undo(folder)
    assert texts(folder) == {name: name for name in names}
    assert not (folder / "group 0").exists()
    assert interim, "no kill hit the renaming"


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_9_in_the_middle_of_the_stage_can_be_undone(tmp_path):
    folder = tmp_path / "faces"
    make_faceset(folder, count=5)
    for path in sorted(folder.iterdir()):
        for copy in range(1, 60):
            shutil.copy(path, path.with_stem(f"{path.stem}_{copy}"))
    before = contents(folder)
    command = [sys.executable, "main.py", "sort", "--input-dir", folder, "--by", "final"]
    process = subprocess.Popen([*command, "--target", "100", "--no-ask"], cwd=ROOT)
    while not (folder / STATE / PLAN).exists():
        assert process.poll() is None, "it ended before it could be killed"
    time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    trash = folder.with_name("faces_trash")
    assert sorted([*contents(folder).values(), *contents(trash).values()]) == sorted(
        before.values()
    )
    sort(folder, undo=True)
    assert contents(folder) == before
    assert not contents(trash)


@pytest.mark.parametrize("failing", [1, 2])
def test_a_full_disk_while_the_plan_is_written_loses_nothing(failing, tmp_path, monkeypatch):
    for name in NAMES:
        (tmp_path / name).write_text(name)
    fsync, calls = os.fsync, []

    def full(handle):
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            calls.append(handle)
            if len(calls) == failing:
                raise OSError(28, "No space left on device")
        return fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            rename_all(tmp_path, list(zip(NAMES, PLANS["in a circle"], strict=True)))
    assert sorted(texts(tmp_path).values()) == NAMES
    assert finish_interrupted(tmp_path) == ("sort" if failing == 2 else "")
    new = NAMES if failing == 1 else PLANS["in a circle"]
    assert texts(tmp_path) == dict(zip(new, NAMES, strict=True))


def test_an_undo_that_was_stopped_is_completed_and_not_another_one_begun(tmp_path, monkeypatch):
    folder = tmp_path / "faces"
    make_faceset(folder, count=3)
    before = contents(folder)
    sort(folder, "blur")
    between = contents(folder)
    sort(folder, "brightness")
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        with pytest.raises(Stopped):
            sort(folder, undo=True)
    sort(folder, undo=True)
    assert contents(folder) == between
    sort(folder, undo=True)
    assert contents(folder) == before


def test_undo_files_do_not_pile_up(tmp_path):
    (tmp_path / "a.png").write_text("x")
    for number in range(14):
        rename_all(tmp_path, [("ab"[number % 2] + ".png", "ba"[number % 2] + ".png")])
    kept = sorted(path.name for path in (tmp_path / STATE).iterdir())
    assert kept == [f"undo-{number:06d}.json" for number in range(5, 15)]


def test_a_trash_on_another_disk_is_reached_by_copying(tmp_path, monkeypatch):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "a.png").write_text("x")
    rename = Path.rename

    def other_disk(path, target):
        if "faces_trash" in str(target):
            raise OSError(18, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", other_disk)
    rename_all(tmp_path / "faces", [("a.png", ":trash/a.png")])
    assert texts(tmp_path) == {"faces_trash/a.png": "x"}
