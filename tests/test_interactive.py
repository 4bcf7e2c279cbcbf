"""The interactive conversion in a real window, with real keys and a real mouse."""

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
from converters.interactive.preview import PreviewRenderer, PreviewRequest, show_alpha, show_mask
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

    Previews are only rendered once the file `until` exists.
    """
    code = f"""
        import sys, time
        import cv2  # before PyAV, as in the program
        sys.path[:0] = {[str(ROOT), str(ROOT / "tests")]!r}
        from pathlib import Path
        from converters import convert
        from converters.interactive.preview import PreviewRenderer
        from support.conversion import INVERT, options
        folder, until = Path({str(folder)!r}), Path({str(until or folder)!r})
        at_once = PreviewRenderer._make
        def make(*args):
            while not until.exists():
                time.sleep(0.05)
            return at_once(*args)
        PreviewRenderer._make = make
        print(convert.run(options(folder, interactive=True), INVERT))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(command, env=screen.env, stdout=log, stderr=subprocess.STDOUT)


class SavedFile:
    """The session file."""

    def __init__(self, folder):
        self.path = session_path(folder / "result")

    def wait(self, condition, what):
        wait_until(
            lambda: self.path.exists() and condition(json.loads(self.path.read_text())), what
        )


def test_a_person_sets_looks_quits_continues_and_renders(screen, tmp_path):
    write_footage(tmp_path)
    saved = SavedFile(tmp_path)
    process = run_convert(screen, tmp_path)
    handle = screen.window(app.TITLE, process, 240)
    saved.wait(lambda record: record["at"] == "000000.png", "the session begins")
    for key, at in (("period", "000001.png"), ("period", "000002.png")):
        screen.key(key)
        saved.wait(lambda record, at=at: record["at"] == at, "the key changes the frame")
    screen.key("6")  # the third frame: the prediction on black
    saved.wait(
        lambda record: record["looks"].get("000002.png", {}).get("raw_mode") == "predicted",
        "the look is saved",
    )
    screen.click(handle, 300, 300, button=5)  # the wheel goes to the next frame
    saved.wait(lambda record: record["at"] == "000003.png", "the wheel changes the frame")
    screen.key("b")
    time.sleep(1)
    screen.key("1")  # overlay for this frame only
    saved.wait(lambda record: "000003.png" in record["looks"], "it is saved")
    screen.key("Escape")
    assert process.wait(60) == 0
    assert not (tmp_path / "result").exists()

    process = run_convert(screen, tmp_path)
    screen.window(app.TITLE, process, 240)
    saved.wait(lambda record: record["at"] == "000003.png", "it continues at the same frame")
    screen.key("greater")
    time.sleep(1)
    screen.key("greater")
    assert process.wait(120) == 0, (tmp_path / "log").read_text()
    dark = [image.mean() < 60 for image in read_folder(tmp_path / "result")]
    assert dark == [False, False, True, False, True, True]


def test_keys_and_mouse_change_the_preview(screen, tmp_path):
    write_footage(tmp_path, count=2)
    process = run_convert(screen, tmp_path)
    try:
        handle = screen.window(app.TITLE, process, 240)
        SavedFile(tmp_path).wait(lambda record: True, "the window is there")

        def middle():
            return screen.picture()[300:500, 400:600].astype(int)

        def stands(other):
            return np.abs(middle() - other).mean() < 2

        wait_until(lambda: middle().std() > 20, "a preview is shown")
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
        wait_until(lambda: np.median(middle()) < 40, "the help covers the preview")
        screen.close_window(handle)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_keys_take_effect_while_a_preview_is_rendered(screen, tmp_path):
    write_footage(tmp_path, count=1)
    process = run_convert(screen, tmp_path, until=tmp_path / "go")
    try:
        screen.window(app.TITLE, process, 240)
        saved = SavedFile(tmp_path)
        changes = {
            "w": ("erode_modifier", 1),
            "e": ("blur_modifier", 1),
            "3": ("mode", "seamless"),
        }
        for key, (name, value) in changes.items():
            screen.key(key)
            saved.wait(
                lambda record, name=name, value=value: record["looks"]["000000.png"][name] == value,
                f"{key} takes effect",
            )
        assert screen.picture()[300:500, 400:600].std() < 1, "the preview is not there yet"
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


def test_without_a_display_the_error_says_what_to_do(tmp_path, monkeypatch):
    write_footage(tmp_path, count=1)
    monkeypatch.setattr(window, "available", lambda: False)
    with pytest.raises(UserError, match="desktop"):
        convert.run(options(tmp_path, interactive=True), INVERT)


@pytest.fixture
def renderer(tmp_path):
    write_footage(tmp_path, faceless=(1,))
    calls = []
    predictor = make_predictor(lambda crops: calls.append(len(crops)) or 1 - crops)
    with open_random(open_source(tmp_path / "frames")) as frames:
        faces = Faceset.open(tmp_path / "aligned").by_frame()
        made = PreviewRenderer(frames, faces, predictor)
        made.calls = calls
        yield made


def wait_for_preview(previews, state, condition=lambda result: True):
    """Wait until the preview of a state is rendered, and a condition holds for it."""

    def there():
        result = previews(PreviewRequest.of(state))
        return result.request == PreviewRequest.of(state) and condition(result)

    wait_until(there, "the preview is rendered")
    return previews(PreviewRequest.of(state))


def test_the_model_predicts_each_frame_once(renderer):
    for erode in (0, 10, 20):
        for frame in (0, 1, 2):
            renderer(PreviewRequest(frame, (Look(erode_modifier=erode),), "result"))
            renderer(PreviewRequest(frame, (Look(erode_modifier=erode),), "mask"))
            renderer(PreviewRequest(frame, (Look(erode_modifier=erode),), "original"))
    assert renderer.calls == [1, 1]


def test_a_preview_equals_the_rendered_frame(renderer, tmp_path):
    look = Look(mode="seamless", blur_modifier=50)
    convert.run(options(tmp_path, **vars(look)), INVERT)
    for index, image in enumerate(read_folder(tmp_path / "result")):
        np.testing.assert_array_equal(
            renderer(PreviewRequest(index, (look,), "result")).image, image
        )


def test_a_preview_with_context_frames_equals_the_rendered_frame(tmp_path):
    write_footage(tmp_path)
    hull = mean_hull()

    def swap(crops):  # the mask differs between frames
        return 1 - crops, hull * (crops.mean(axis=3, keepdims=True) > 0.5)

    predictor = Predictor(swap, SIZE, FaceType.FULL, 10, 10)
    look = Look(color_transfer="rct", color_frames=4, motion_blur=100)
    later = replace(look, mask_type="hull", color_frames=3)
    timeline = LookTimeline({0: look, 3: later})
    with open_random(open_source(tmp_path / "frames")) as frames:
        save(session_path(tmp_path / "result"), SavedSession(timeline), "frames", frames.names)
        convert.run(options(tmp_path), predictor)
        rendered = read_folder(tmp_path / "result")[4]
        renderer = PreviewRenderer(frames, Faceset.open(tmp_path / "aligned").by_frame(), predictor)
        still = renderer(PreviewRequest(4, (replace(later, motion_blur=0),), "result"))
        state = EditorState(FootageIndex(6, tuple(range(6))), timeline, frame=4)
        with PreviewWorker(renderer) as previews:
            first = wait_for_preview(previews, state).preview
            whole = wait_for_preview(
                previews, state, lambda result: not result.preview.missing
            ).preview
    assert first.missing == (3, 2)
    np.testing.assert_array_equal(whole.image, rendered)
    assert (first.image != rendered).any(), "the masks of the context frames count"
    assert (still.image != first.image).any(), "and so does the motion"


def test_an_unreadable_context_frame_is_not_waited_for(renderer, tmp_path):
    (tmp_path / "frames" / "000002.png").write_bytes(b"nothing")
    look = Look(color_transfer="rct", color_frames=4)
    state = EditorState(FootageIndex(6, (0, 2, 3, 4, 5)), LookTimeline.all_alike(look), frame=3)
    with PreviewWorker(renderer) as previews:
        wait_for_preview(previews, state, lambda result: not result.preview.missing)
        wait_until(
            lambda: previews(PreviewRequest.of(state)) and renderer.ready(4),
            "the next one is ready",
        )


def test_the_caches_are_bounded(renderer):
    renderer._max_jobs = 2
    for frame in (0, 1, 2, 3, 4, 5, 0):
        renderer(PreviewRequest(frame, (Look(),), "result"))
        assert len(renderer._jobs) <= 2
        assert len(renderer._images) <= 4
    assert len(renderer.calls) == 6


def test_an_unreadable_frame_is_reported_and_shows_no_preview(renderer, tmp_path):
    (tmp_path / "frames" / "000002.png").write_bytes(b"nothing")
    state = EditorState(FootageIndex(6, (0, 2, 3, 4, 5)), LookTimeline.all_alike(Look()), frame=2)
    with PreviewWorker(renderer) as previews:
        result = wait_for_preview(previews, state)
    assert result.preview is None
    assert "000002.png" in result.problem
    assert content.draw(None, state, result.problem).shape == (760, 1280, 3)


def test_the_mask_view_is_gray_and_dark_outside_the_mask():
    frame = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    face_alpha = np.zeros((40, 60), np.uint8)
    face_alpha[:, 30:] = 255
    shown = show_mask(frame, face_alpha)
    np.testing.assert_array_equal(shown[:, 30:], frame[:, 30:])
    assert np.ptp(shown[:, :30], axis=2).max() == 0
    assert shown[:, :30].max() < 60
    assert show_alpha(np.dstack([frame, face_alpha]))[5, 40].tolist() == [200, 100, 50]


@pytest.mark.parametrize("values", [{}, {"show_help": True}, {"zoomed": True}, {"typed": "12"}])
def test_every_state_draws_the_preview_and_the_settings(values, renderer):
    state = EditorState(FootageIndex(6, (0, 2)), LookTimeline.all_alike(Look()), **values)
    drawn = content.draw(renderer(PreviewRequest.of(state)), state)
    assert drawn.shape == (760, 1280, 3)
    assert drawn[:, -content.COLUMN_WIDTH :].max() > 200
    assert drawn[: -content.FOOTER_HEIGHT, : -content.COLUMN_WIDTH].std() > 10


def test_the_strip_marks_faces_and_changes_of_settings():
    timeline = LookTimeline.all_alike(Look()).from_here(50, Look(mode="seamless"))
    strip = np.zeros((content.STRIP_HEIGHT, 100, 3), np.uint8)
    content.draw_strip(
        strip, EditorState(FootageIndex(100, tuple(range(20, 40))), timeline, frame=70)
    )
    middle = strip[content.STRIP_HEIGHT // 2]
    shades = {"face": content.FAINT, "change": content.ACCENT, "here": content.TEXT}
    found = {
        what: set(np.flatnonzero((middle == shade).all(axis=1)).tolist())
        for what, shade in shades.items()
    }
    assert found["face"] == set(range(20, 40))
    assert found["change"] == {0, 1, 50, 51}
    assert 70 in found["here"]


def test_settings_without_effect_in_a_mode_are_known():
    by_name = {option.name: option for option in options_of(Look)}
    matters = {
        mode: content.has_effect(by_name["hist_match_threshold"], Look(mode=mode))
        for mode in ("hist-match", "seamless", "raw")
    }
    assert matters == {"hist-match": True, "seamless": False, "raw": False}


def test_the_whole_help_fits_into_the_window():
    place = np.zeros((760 - content.FOOTER_HEIGHT, 1280 - content.COLUMN_WIDTH, 3), np.uint8)
    content.draw_help(place)
    assert not place[-4:].any()
    assert not place[:, -4:].any()
    rows = sum(len(rows) for rows in keymap.help_groups().values())
    text = (place.max(axis=2) > 60).astype(np.uint8)
    lines = cv2.connectedComponents(cv2.dilate(text, np.ones((1, 25), np.uint8)))[0]
    assert lines >= rows


def test_all_settings_fit_into_the_column():
    rows = len(options_of(Look)) + 4 + len(keymap.SHORT_HELP)
    assert 50 + rows * content.ROW_HEIGHT < 760
