"""The session file, and conversion with its settings, with and without a window."""

import json
import re
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from support.conversion import INVERT, make_predictor, options, read_folder, write_footage
from support.synthetic import make_frames, make_video

from converters import convert
from converters.footage import Footage
from converters.interactive import session_file
from converters.interactive.autosave import Autosave
from converters.interactive.session_file import SavedSession, session_path
from converters.interactive.state import EditorState, FootageIndex
from converters.look import Look
from converters.look_timeline import LookTimeline
from utils.errors import InputError, UsageError, UserError
from utils.files import list_images

if sys.platform != "win32":
    import resource

RED = Look(mode="raw", raw_mode="mask")
NAMES = [f"{index:06d}.png" for index in range(6)]
TIMELINE = LookTimeline({0: Look(), 2: RED, 4: Look(erode_modifier=60), 5: Look()})


def write_session(folder, timeline=TIMELINE, output="result", at=3, footage="frames", names=NAMES):
    path = session_path(folder / output)
    session_file.save(path, SavedSession(timeline, at), footage, names)
    return path


def number_of(name):
    return NAMES.index(name) if name in NAMES else None


def test_a_saved_session_is_loaded_unchanged(tmp_path):
    path = write_session(tmp_path)
    assert path.name == "result.session.json"
    assert session_file.load(path, "frames", number_of) == SavedSession(TIMELINE, 3)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_missing_frames_are_named_and_the_rest_is_kept(tmp_path):
    path = write_session(tmp_path, names=["gone.png", *NAMES[1:]])
    saved = session_file.load(path, "frames", number_of)
    assert saved.missing == ("gone.png",)
    assert saved.timeline == LookTimeline({0: RED, 2: RED, 4: TIMELINE.at(4), 5: Look()})


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
def test_an_invalid_session_is_an_error_that_names_the_file(change, tmp_path):
    path = write_session(tmp_path)
    path.write_text(CHANGES[change](path.read_text()))
    with pytest.raises(InputError, match=r"result\.session\.json"):
        session_file.load(path, "frames", number_of)


def test_an_invalid_current_frame_is_ignored(tmp_path):
    path = write_session(tmp_path)
    path.write_text(path.read_text().replace('"at": "000003.png"', '"at": 7'))
    assert session_file.load(path, "frames", number_of).frame == 0


def test_each_frame_is_rendered_with_its_settings(tmp_path, capsys):
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
    unchanged = [np.array_equal(a, b) for a, b in zip(results, plain, strict=True)]
    assert unchanged == [True, True, False, False, False, True]
    assert all(image.shape == frame.shape for image, frame in zip(results, frames, strict=True))


def test_only_frames_whose_settings_changed_are_rendered_again(tmp_path):
    write_footage(tmp_path)
    path = write_session(tmp_path)
    convert.run(options(tmp_path), INVERT)
    before = {file.name: file.stat().st_mtime_ns for file in list_images(tmp_path / "result")}
    assert convert.run(options(tmp_path), INVERT).counts["frames"] == 0
    write_session(tmp_path, TIMELINE.only_here(1, RED))
    report = convert.run(options(tmp_path), INVERT)
    assert report.counts["frames"] == 1
    after = {file.name: file.stat().st_mtime_ns for file in list_images(tmp_path / "result")}
    assert [name for name in NAMES if before[name] != after[name]] == ["000001.png"]
    path.unlink()
    with pytest.raises(InputError, match="--overwrite"):  # without a session it is another run
        convert.run(options(tmp_path), INVERT)


def test_a_video_is_rendered_with_a_named_session(tmp_path):
    write_footage(tmp_path, video="clip.mp4")
    path = write_session(tmp_path, output="elsewhere", footage="clip.mp4")
    clip = tmp_path / "clip.mp4"
    chosen = options(tmp_path, "result.mp4", input_dir=clip, session=path)
    convert.run(chosen, INVERT)
    result = tmp_path / "result.mp4"
    again = options(
        tmp_path, "images", input_dir=result, use_session=False, check_faces=False
    )  # negatives
    convert.run(again, make_predictor())
    dark = [image.mean() < 60 for image in read_folder(tmp_path / "images")]
    assert dark == [False, False, True, True, False, False]


def test_a_session_the_output_format_cannot_hold_is_refused(tmp_path):
    write_footage(tmp_path)
    timeline = LookTimeline({0: Look(), 3: Look(mode="raw", raw_mode="rgb+mask")})
    write_session(tmp_path, timeline, output="result.mp4")
    with pytest.raises(UsageError, match="alpha"):
        convert.run(options(tmp_path, "result.mp4"), INVERT)
    assert not (tmp_path / "result.mp4").exists()


def test_a_named_session_must_exist(tmp_path):
    write_footage(tmp_path)
    with pytest.raises(InputError, match=r"no session .*gone"):
        convert.run(options(tmp_path, session=tmp_path / "gone"), INVERT)


def test_frame_names_of_a_video_give_frame_numbers(tmp_path):
    make_video(tmp_path / "a.mp4", [image for image, _ in make_frames(3)])
    number = Footage.open(tmp_path / "a.mp4").number_of
    names = ("000002.png", "1234567.png", "x.png", "12.png")
    assert [number(name) for name in names] == [2, 1234567, None, None]


@contextmanager
def full_disk():
    """Every write fails, as on a full disk."""
    if sys.platform == "win32":
        pytest.skip("Windows has no limit of file sizes")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


STATE = EditorState(FootageIndex(6, ()), LookTimeline.all_alike(Look()))
CHANGED = replace(STATE, frame=3, timeline=STATE.timeline.from_here(3, Look(mode="seamless")))


def load(path):
    return session_file.load(path, "frames", number_of)


def test_a_full_disk_is_reported_and_loses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "result.session.json"
    autosave = Autosave(path, "frames", NAMES)
    autosave.update(STATE)
    with full_disk():
        autosave.update(CHANGED)
    assert re.fullmatch(
        r'the session ".*result.session.json" cannot be written: .+', autosave.problem
    )
    assert list(tmp_path.iterdir()) == [path]
    assert load(path).timeline == STATE.timeline, "the earlier session is still there"
    monkeypatch.setattr("converters.interactive.autosave.RETRY_SECONDS", 0)
    autosave.update(replace(CHANGED, frame=2))  # there is room again
    autosave.update(CHANGED)
    assert not autosave.problem
    assert load(path) == SavedSession(CHANGED.timeline, 3)


def test_a_session_that_cannot_be_saved_goes_to_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "file").touch()  # where a folder should be
    autosave = Autosave(tmp_path / "file" / "result.session.json", "frames", NAMES)
    with pytest.raises(UserError, match=r"cannot be written: .* instead: .*--session"):
        autosave.finish(replace(CHANGED, outcome="quit"))
    assert load(tmp_path / "result.session.json") == SavedSession(CHANGED.timeline, 3)


def test_everything_is_rendered_even_if_the_session_cannot_be_saved(tmp_path, capsys):
    autosave = Autosave(tmp_path / "result.session.json", "frames", NAMES)
    with full_disk():
        autosave.finish(replace(CHANGED, outcome="render"))
        with pytest.raises(UserError, match="cannot be written"):
            autosave.finish(replace(CHANGED, outcome="quit"))
    assert "cannot be written" in capsys.readouterr().err
