"""The interactive conversion in a real window, with real keys and a real mouse."""

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from support.conversion import (
    INVERT,
    options,
    read_folder,
    write_footage,
)
from support.screen import wait_until

from converters import convert
from converters.interactive import app
from converters.interactive.layout import SIZE, STRIP_HEIGHT, VALUE_X, Layout
from converters.interactive.session_file import session_path
from utils import display
from utils.errors import UserError

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
        screen.key("question")
        wait_until(lambda: np.median(middle()) < 40, "the help covers the preview")
        screen.key("Escape")
        wait_until(lambda: stands(result), "and takes it away")
        drawn = Layout(*SIZE)
        width, height = drawn.main
        screen.click(handle, width - 20, height + STRIP_HEIGHT // 2)
        saved = SavedFile(tmp_path)
        saved.wait(lambda record: record["at"] == "000001.png", "a click on the strip seeks")
        row = next(row for row in drawn.rows() if row.setting == "erode_modifier")
        for button, value in ((1, 1), (4, 2), (5, 1), (3, 0), (5, -1)):
            screen.click(handle, width + VALUE_X + 10, row.top + 10, button)
            saved.wait(
                lambda record, value=value: (
                    record["looks"].get("000001.png", {"erode_modifier": 0})["erode_modifier"]
                    == value
                ),
                "clicks and the wheel change the setting",
            )
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
    monkeypatch.setattr(display, "available", lambda: False)
    with pytest.raises(UserError, match="desktop"):
        convert.run(options(tmp_path, interactive=True), INVERT)
