"""The interactive conversion as a person meets it: a real window, real keys, a real mouse."""

import json
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.conversion import (
    INVERT,
    SIZE,
    make_predictor,
    mean_hull,
    options,
    read_folder,
    write_footage,
)
from support.screen import wait_until

from converters import convert
from converters.interactive import app, keymap
from converters.interactive import screen as content
from converters.interactive.preview import Preview, PreviewRequest, show_alpha, show_mask
from converters.interactive.preview_worker import PreviewWorker
from converters.interactive.session_file import SavedSession, save, session_path
from converters.interactive.state import EditorState, FootageIndex
from converters.look import Look
from converters.look_timeline import LookTimeline
from converters.predictor import Predictor
from facelib.faceset import Faceset
from facelib.types import FaceType
from utils import window
from utils.errors import UserError
from utils.options import options_of
from utils.video.io import open_source
from utils.video.seekable import open_random

ROOT = Path(__file__).parent.parent


def run_convert(screen, folder, until=None):
    """Start `convert --interactive` on footage in a folder, with the negative as its model.

    Pictures are only made once the file `until` is there.
    """
    code = f"""
        import sys, time
        import cv2  # before PyAV, as in the program
        sys.path[:0] = {[str(ROOT), str(ROOT / "tests")]!r}
        from pathlib import Path
        from converters.interactive.preview import Preview
        from test_convert import INVERT, convert, options
        folder, until = Path({str(folder)!r}), Path({str(until or folder)!r})
        at_once = Preview._make
        def make(*args):
            while not until.exists():
                time.sleep(0.05)
            return at_once(*args)
        Preview._make = make
        print(convert.run(options(folder, interactive=True), INVERT))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(command, env=screen.env, stdout=log, stderr=subprocess.STDOUT)


class Kept:
    """The session on the disk, as it is now."""

    def __init__(self, folder):
        self.path = session_path(folder / "result")

    def wait(self, condition, what):
        wait_until(
            lambda: self.path.exists() and condition(json.loads(self.path.read_text())), what
        )


def test_a_person_sets_looks_leaves_comes_back_and_renders(screen, tmp_path):
    write_footage(tmp_path)
    kept = Kept(tmp_path)
    process = run_convert(screen, tmp_path)
    handle = screen.window(app.TITLE, process, 240)
    kept.wait(lambda record: record["at"] == "000000.png", "the session begins")
    for key, at in (("period", "000001.png"), ("period", "000002.png")):
        screen.key(key)
        kept.wait(lambda record, at=at: record["at"] == at, "the key turns a page")
    screen.key("6")  # the third frame: what the model predicted, on black
    kept.wait(
        lambda record: record["looks"].get("000002.png", {}).get("raw_mode") == "predicted",
        "the look is kept",
    )
    screen.click(handle, 300, 300, button=5)  # the wheel goes on a frame
    kept.wait(lambda record: record["at"] == "000003.png", "the wheel turns a page")
    screen.key("b")
    time.sleep(1)
    screen.key("1")  # this one alone is laid over the frame
    kept.wait(lambda record: "000003.png" in record["looks"], "it is kept")
    screen.key("Escape")
    assert process.wait(60) == 0
    assert not (tmp_path / "result").exists()

    process = run_convert(screen, tmp_path)
    screen.window(app.TITLE, process, 240)
    kept.wait(lambda record: record["at"] == "000003.png", "it goes on where it was")
    screen.key("greater")
    time.sleep(1)
    screen.key("greater")
    assert process.wait(120) == 0, (tmp_path / "log").read_text()
    dark = [image.mean() < 60 for image in read_folder(tmp_path / "result")]
    assert dark == [False, False, True, False, True, True]


def test_the_picture_changes_under_the_keys_and_the_mouse(screen, tmp_path):
    write_footage(tmp_path, count=2)
    process = run_convert(screen, tmp_path)
    try:
        handle = screen.window(app.TITLE, process, 240)
        Kept(tmp_path).wait(lambda record: True, "the window is there")

        def middle():
            return screen.picture()[300:500, 400:600].astype(int)

        def stands(other):
            return np.abs(middle() - other).mean() < 2

        wait_until(lambda: middle().std() > 20, "a picture is shown")
        result = middle()
        screen.move(handle, 500, 400)
        screen._do("mousedown", 1)
        wait_until(lambda: np.abs(middle() - result).mean() > 20, "the original is shown")
        original = middle()
        screen._do("mouseup", 1)
        wait_until(lambda: stands(result), "the result is back")
        screen.key("space")
        wait_until(lambda: stands(original), "the key shows the original too")
        screen.key("space")
        wait_until(lambda: stands(result), "and takes it away")
        screen.key("Tab")
        wait_until(lambda: np.median(middle()) < 40, "the help covers the picture")
        screen.close_window(handle)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_keys_count_while_a_picture_is_made(screen, tmp_path):
    write_footage(tmp_path, count=1)
    process = run_convert(screen, tmp_path, until=tmp_path / "go")
    try:
        screen.window(app.TITLE, process, 240)
        kept = Kept(tmp_path)
        for key, name, value in [
            ("w", "erode_modifier", 1), ("e", "blur_modifier", 1), ("3", "mode", "seamless"),
        ]:  # fmt: skip
            screen.key(key)
            kept.wait(
                lambda record, name=name, value=value: record["looks"]["000000.png"][name] == value,
                f"{key} counts",
            )
        assert screen.picture()[300:500, 400:600].std() < 1, "the picture is still to come"
        (tmp_path / "go").touch()
        wait_until(lambda: screen.picture()[300:500, 400:600].std() > 20, "it is shown")
    finally:
        process.kill()
        process.wait()


def test_opencv_is_loaded_before_pyav():
    # the other way round its windows hang: both bring libraries for X11
    code = "import sys, converters.convert; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    loaded = run.stdout.split()
    assert loaded.index("cv2") < loaded.index("av")


def test_without_a_display_it_says_what_to_do(tmp_path, monkeypatch):
    write_footage(tmp_path, count=1)
    monkeypatch.setattr(window, "available", lambda: False)
    with pytest.raises(UserError, match="desktop"):
        convert.run(options(tmp_path, interactive=True), INVERT)


@pytest.fixture
def preview(tmp_path):
    write_footage(tmp_path, faceless=(1,))
    calls = []
    predictor = make_predictor(lambda crops: calls.append(len(crops)) or 1 - crops)
    with open_random(open_source(tmp_path / "frames")) as frames:
        faces = Faceset.open(tmp_path / "aligned").by_frame()
        made = Preview(frames, faces, predictor)
        made.calls = calls
        yield made


def paint(painter, desk, condition=lambda painted: True):
    """Wait until the picture of a state is made, and a condition holds for it."""

    def there():
        painted = painter(PreviewRequest.of(desk))
        return painted.shot == PreviewRequest.of(desk) and condition(painted)

    wait_until(there, "the picture is made")
    return painter(PreviewRequest.of(desk))


def test_the_model_is_asked_once_for_each_frame(preview):
    for erode in (0, 10, 20):
        for frame in (0, 1, 2):
            preview(PreviewRequest(frame, (Look(erode_modifier=erode),), "result"))
            preview(PreviewRequest(frame, (Look(erode_modifier=erode),), "mask"))
            preview(PreviewRequest(frame, (Look(erode_modifier=erode),), "original"))
    assert preview.calls == [1, 1]


def test_a_preview_is_what_rendering_gives(preview, tmp_path):
    look = Look(mode="seamless", blur_modifier=50)
    convert.run(options(tmp_path, **vars(look)), INVERT)
    for index, image in enumerate(read_folder(tmp_path / "result")):
        np.testing.assert_array_equal(
            preview(PreviewRequest(index, (look,), "result")).image, image
        )


def test_a_middle_frame_is_shown_as_it_is_rendered_once_those_before_it_are_ready(tmp_path):
    write_footage(tmp_path)
    hull = mean_hull()

    def swap(crops):  # its mask is another one in each frame
        return 1 - crops, hull * (crops.mean(axis=3, keepdims=True) > 0.5)

    predictor = Predictor(swap, SIZE, FaceType.FULL, 10, 10)
    look = Look(color_transfer="rct", color_frames=4, motion_blur=100)
    later = replace(look, mask_type="hull", color_frames=3)
    looks = LookTimeline({0: look, 3: later})
    with open_random(open_source(tmp_path / "frames")) as frames:
        save(session_path(tmp_path / "result"), SavedSession(looks), "frames", frames.names)
        convert.run(options(tmp_path), predictor)
        rendered = read_folder(tmp_path / "result")[4]
        preview = Preview(frames, Faceset.open(tmp_path / "aligned").by_frame(), predictor)
        still = preview(PreviewRequest(4, (replace(later, motion_blur=0),), "result"))
        desk = EditorState(FootageIndex(6, tuple(range(6))), looks, frame=4)
        with PreviewWorker(preview) as painter:
            first = paint(painter, desk).seen
            whole = paint(painter, desk, lambda painted: not painted.seen.missing).seen
    assert first.missing == (3, 2)
    np.testing.assert_array_equal(whole.image, rendered)
    assert (first.image != rendered).any(), "the masks before it count"
    assert (still.image != first.image).any(), "and so does the movement"


def test_a_frame_that_cannot_be_read_is_not_waited_for(preview, tmp_path):
    (tmp_path / "frames" / "000002.png").write_bytes(b"nothing")
    look = Look(color_transfer="rct", color_frames=4)
    desk = EditorState(FootageIndex(6, (0, 2, 3, 4, 5)), LookTimeline.all_alike(look), frame=3)
    with PreviewWorker(preview) as painter:
        paint(painter, desk, lambda painted: not painted.seen.missing)
        wait_until(
            lambda: painter(PreviewRequest.of(desk)) and preview.ready(4), "the next one is ready"
        )


def test_faces_and_pictures_are_kept_within_bounds(preview):
    preview._most = 2
    for frame in (0, 1, 2, 3, 4, 5, 0):
        preview(PreviewRequest(frame, (Look(),), "result"))
        assert len(preview._jobs) <= 2
        assert len(preview._pictures) <= 4
    assert len(preview.calls) == 6


def test_an_unreadable_frame_is_told_and_costs_that_frame(preview, tmp_path):
    (tmp_path / "frames" / "000002.png").write_bytes(b"nothing")
    desk = EditorState(FootageIndex(6, (0, 2, 3, 4, 5)), LookTimeline.all_alike(Look()), frame=2)
    with PreviewWorker(preview) as painter:
        painted = paint(painter, desk)
    assert painted.seen is None
    assert "000002.png" in painted.trouble
    assert content.draw(None, desk, painted.trouble).shape == (760, 1280, 3)


def test_outside_the_mask_the_frame_is_gray_and_dark():
    frame = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    face_alpha = np.zeros((40, 60), np.uint8)
    face_alpha[:, 30:] = 255
    shown = show_mask(frame, face_alpha)
    np.testing.assert_array_equal(shown[:, 30:], frame[:, 30:])
    assert np.ptp(shown[:, :30], axis=2).max() == 0
    assert shown[:, :30].max() < 60
    assert show_alpha(np.dstack([frame, face_alpha]))[5, 40].tolist() == [200, 100, 50]


@pytest.mark.parametrize("state", [{}, {"help": True}, {"zoomed": True}, {"typed": "12"}])
def test_in_every_state_the_picture_and_the_settings_are_drawn(state, preview):
    desk = EditorState(FootageIndex(6, (0, 2)), LookTimeline.all_alike(Look()), **state)
    drawn = content.draw(preview(PreviewRequest.of(desk)), desk)
    assert drawn.shape == (760, 1280, 3)
    assert drawn[:, -content.SIDE :].max() > 200
    assert drawn[: -content.LOW, : -content.SIDE].std() > 10


def test_the_strip_shows_where_faces_are_and_where_settings_change():
    looks = LookTimeline.all_alike(Look()).from_here(50, Look(mode="seamless"))
    strip = np.zeros((content.FILM, 100, 3), np.uint8)
    content.draw_film(strip, EditorState(FootageIndex(100, tuple(range(20, 40))), looks, frame=70))
    middle = strip[content.FILM // 2]
    shades = {"face": content.FAINT, "change": content.MARK, "here": content.TEXT}
    found = {what: set(np.flatnonzero((middle == shade).all(axis=1)).tolist())
             for what, shade in shades.items()}  # fmt: skip
    assert found["face"] == set(range(20, 40))
    assert found["change"] == {0, 1, 50, 51}
    assert 70 in found["here"]


def test_settings_without_effect_in_a_mode_are_told_apart():
    by_name = {option.name: option for option in options_of(Look)}
    matters = {
        mode: content.matters(by_name["hist_match_threshold"], Look(mode=mode))
        for mode in ("hist-match", "seamless", "raw")
    }
    assert matters == {"hist-match": True, "seamless": False, "raw": False}


def test_the_whole_help_fits_into_the_window():
    place = np.zeros((760 - content.LOW, 1280 - content.SIDE, 3), np.uint8)
    content.draw_help(place)
    assert not place[-4:].any()
    assert not place[:, -4:].any()
    rows = sum(len(rows) for rows in keymap.listed().values())
    lines = cv2.connectedComponents(cv2.dilate((place.max(2) > 60).astype(np.uint8),
                                               np.ones((1, 25), np.uint8)))[0]  # fmt: skip
    assert lines >= rows


def test_all_settings_fit_into_the_column():
    rows = len(options_of(Look)) + 4 + len(keymap.FIRST_KEYS)
    assert 50 + rows * content.LINE < 760
