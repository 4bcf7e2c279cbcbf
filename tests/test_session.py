"""The session file, and converting with the settings it holds, with and without a window."""

import json
import re
import resource
import tempfile
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from support.conversion import INVERT, make_predictor, options, read_folder, write_footage
from support.synthetic import make_frames, make_video

from converters import convert
from converters.footage import Footage
from converters.interactive import app, session_file
from converters.interactive.app import Autosave
from converters.interactive.session_file import SavedSession, session_path
from converters.interactive.state import EditorState, FootageIndex
from converters.look import Look
from converters.look_timeline import LookTimeline
from utils.errors import InputError, UsageError, UserError
from utils.files import list_images

RED = Look(mode="raw", raw_mode="mask")
NAMES = [f"{index:06d}.png" for index in range(6)]
LOOKS = LookTimeline({0: Look(), 2: RED, 4: Look(erode_modifier=60), 5: Look()})


def write_session(folder, looks=LOOKS, output="result", at=3, footage="frames", names=NAMES):
    path = session_path(folder / output)
    session_file.save(path, SavedSession(looks, at), footage, names)
    return path


def number_of(name):
    return NAMES.index(name) if name in NAMES else None


def test_what_is_written_is_read_back(tmp_path):
    path = write_session(tmp_path)
    assert path.name == "result.session.json"
    assert session_file.load(path, "frames", number_of) == SavedSession(LOOKS, 3)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_frames_that_are_gone_are_named_and_the_rest_is_kept(tmp_path):
    path = write_session(tmp_path, names=["gone.png", *NAMES[1:]])
    kept = session_file.load(path, "frames", number_of)
    assert kept.lost == ("gone.png",)
    assert kept.looks == LookTimeline({0: RED, 2: RED, 4: LOOKS.at(4), 5: Look()})


CHANGES = {
    "no json": lambda text: text[:50],
    "a list": lambda text: "[]",
    "nested": lambda text: "[" * 100_000,
    "another kind": lambda text: text.replace("interactive conversion", "x"),
    "a newer version": lambda text: text.replace('"version": 1', '"version": 2'),
    "a version in words": lambda text: text.replace('"version": 1', '"version": "one"'),
    "other footage": lambda text: text.replace('"frames"', '"film.mp4"'),
    "an unknown setting": lambda text: text.replace('"mode"', '"mood"'),
    "a wrong value": lambda text: text.replace('"overlay"', '"overlie"'),
    "a wrong type": lambda text: text.replace('"erode_modifier": 60', '"erode_modifier": [60]'),
    "too much": lambda text: text.replace('"erode_modifier": 60', '"erode_modifier": 6000'),
    "no looks": lambda text: json.dumps(json.loads(text) | {"looks": {}}),
    "looks of a wrong type": lambda text: json.dumps(json.loads(text) | {"looks": {"a": 1}}),
    "unknown frames": lambda text: text.replace("0000", "x000"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_wrong_with_a_session_is_one_sentence_with_its_name(change, tmp_path):
    path = write_session(tmp_path)
    path.write_text(CHANGES[change](path.read_text()))
    with pytest.raises(InputError, match=r"result\.session\.json"):
        session_file.load(path, "frames", number_of)


def test_a_frame_that_is_unknown_to_be_the_last_one_is_no_fault(tmp_path):
    path = write_session(tmp_path)
    path.write_text(path.read_text().replace('"at": "000003.png"', '"at": 7'))
    assert session_file.load(path, "frames", number_of).at == 0


def test_each_frame_gets_its_settings(tmp_path, capsys):
    frames = write_footage(tmp_path)
    write_session(tmp_path)
    report = convert.run(options(tmp_path), INVERT)
    assert report.counts["converted faces"] == 6
    assert "result.session.json" in capsys.readouterr().out
    results = read_folder(tmp_path / "result")
    black = [(image == 0).mean() > 0.5 for image in results]
    assert black == [False, False, True, True, False, False]
    convert.run(options(tmp_path, "plain", use_session=False), INVERT)
    plain = read_folder(tmp_path / "plain")
    assert [np.array_equal(a, b) for a, b in zip(results, plain, strict=True)] == [
        True, True, False, False, False, True,
    ]  # fmt: skip
    assert all(image.shape == frame.shape for image, frame in zip(results, frames, strict=True))


def test_only_frames_whose_settings_have_changed_are_made_again(tmp_path):
    write_footage(tmp_path)
    path = write_session(tmp_path)
    convert.run(options(tmp_path), INVERT)
    before = {file.name: file.stat().st_mtime_ns for file in list_images(tmp_path / "result")}
    assert convert.run(options(tmp_path), INVERT).counts["frames"] == 0
    write_session(tmp_path, LOOKS.only_here(1, RED))
    report = convert.run(options(tmp_path), INVERT)
    assert report.counts["frames"] == 1
    after = {file.name: file.stat().st_mtime_ns for file in list_images(tmp_path / "result")}
    assert [name for name in NAMES if before[name] != after[name]] == ["000001.png"]
    path.unlink()
    with pytest.raises(InputError, match="--overwrite"):  # without a session it is another run
        convert.run(options(tmp_path), INVERT)


def test_a_video_is_rendered_with_a_session_that_is_named(tmp_path):
    write_footage(tmp_path, video="clip.mp4")
    path = write_session(tmp_path, output="elsewhere", footage="clip.mp4")
    clip = tmp_path / "clip.mp4"
    chosen = options(tmp_path, "result.mp4", input_dir=clip, session=path)
    convert.run(chosen, INVERT)
    convert.run(options(tmp_path, "pictures", input_dir=tmp_path / "result.mp4",
                        use_session=False), make_predictor())  # fmt: skip
    dark = [image.mean() < 60 for image in read_folder(tmp_path / "pictures")]
    assert dark == [False, False, True, True, False, False]


def test_a_session_that_the_output_cannot_hold_is_refused(tmp_path):
    write_footage(tmp_path)
    write_session(tmp_path, LookTimeline({0: Look(), 3: Look(mode="raw", raw_mode="rgb+mask")}),
                  output="result.mp4")  # fmt: skip
    with pytest.raises(UsageError, match="alpha"):
        convert.run(options(tmp_path, "result.mp4"), INVERT)
    assert not (tmp_path / "result.mp4").exists()


def test_a_session_that_is_named_must_exist(tmp_path):
    write_footage(tmp_path)
    with pytest.raises(InputError, match=r"no session .*gone"):
        convert.run(options(tmp_path, session=tmp_path / "gone"), INVERT)


def test_a_video_of_many_frames_has_names_for_all(tmp_path):
    make_video(tmp_path / "a.mp4", [image for image, _ in make_frames(3)])
    number_of = Footage.open(tmp_path / "a.mp4").number_of
    assert [number_of(name) for name in ("000002.png", "1234567.png", "x.png", "12.png")] == [
        2, 1234567, None, None,
    ]  # fmt: skip


@contextmanager
def full_disk():
    """Nothing that is written has room, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


DESK = EditorState(FootageIndex(6, ()), LookTimeline.all_alike(Look()))
CHANGED = replace(DESK, frame=3, looks=DESK.looks.from_here(3, Look(mode="seamless")))


def kept(path):
    return session_file.load(path, "frames", number_of)


def test_a_full_disk_is_told_and_costs_nothing(tmp_path, monkeypatch):
    path = tmp_path / "result.session.json"
    keeper = Autosave(path, "frames", NAMES)
    keeper.keep(DESK)
    with full_disk():
        keeper.keep(CHANGED)
    assert re.fullmatch(r'the session ".*result.session.json" cannot be written: .+', keeper.alarm)
    assert list(tmp_path.iterdir()) == [path]
    assert kept(path).looks == DESK.looks, "what was there is still there"
    monkeypatch.setattr(app, "RETRY", 0)
    keeper.keep(replace(CHANGED, frame=2))  # there is room again
    keeper.keep(CHANGED)
    assert not keeper.alarm
    assert kept(path) == SavedSession(CHANGED.looks, 3)


def test_settings_that_cannot_be_kept_in_their_place_are_kept_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "file").touch()  # where a folder should be
    keeper = Autosave(tmp_path / "file" / "result.session.json", "frames", NAMES)
    with pytest.raises(UserError, match=r"cannot be written: .* instead: .*--session"):
        keeper.finish(replace(CHANGED, end="quit"))
    assert kept(tmp_path / "result.session.json") == SavedSession(CHANGED.looks, 3)


def test_without_a_place_for_the_session_everything_is_rendered_all_the_same(tmp_path, capsys):
    keeper = Autosave(tmp_path / "result.session.json", "frames", NAMES)
    with full_disk():
        keeper.finish(replace(CHANGED, end="render"))
        with pytest.raises(UserError, match="cannot be written"):
            keeper.finish(replace(CHANGED, end="quit"))
    assert "cannot be written" in capsys.readouterr().err
