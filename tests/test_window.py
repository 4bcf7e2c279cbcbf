"""The window, on a real (virtual) display with real keys and a real mouse."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.screen import wait_until

from utils import text, window
from utils.display import available

ROOT = Path(__file__).parent.parent
RED = (0, 0, 255)
# Prints every event as a line of JSON; ends when the window is closed or "q" is pressed.
PROGRAM = """
import dataclasses, json, sys
import numpy as np
from utils.window import Closed, Key, Window
picture = np.zeros((300, 400, 3), np.uint8)
picture[100:200, 100:300] = (0, 0, 255)
with Window("Events", any_shape=True) as shown:
    shown.show(picture)
    size = shown.size
    while not shown.closed:
        if shown.size != size:
            size = shown.size
            print(json.dumps(["Size", dict(zip(("width", "height"), size))]), flush=True)
        for event in shown.events(20):
            print(json.dumps([type(event).__name__, dataclasses.asdict(event)]), flush=True)
            if event == Key("q"):
                sys.exit()
"""


@pytest.fixture
def program(screen, tmp_path):
    log = tmp_path / "events"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, env=screen.env, stdout=out,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def events():
        return [json.loads(line) for line in log.read_text().splitlines()]

    try:
        handle = screen.window("Events", process)
        wait_until(lambda: (screen.picture() == RED).all(axis=2).any(), "the picture is shown")
        yield handle, events, process
    finally:
        process.kill()
        process.wait()


def test_keys_arrive_by_name(screen, program):
    _, events, process = program
    pressed = {
        "a": "a", "shift+b": "b", "less": "<", "greater": ">", "question": "?", "Return": "enter",
        "space": "space", "Escape": "escape",
        "Left": "left", "Page_Down": "page down", "plus": "+", "BackSpace": "backspace",
        "Delete": "delete", "Home": "home", "Tab": "tab", "bracketleft": "[",
    }  # fmt: skip
    screen.key(*pressed, "q")
    assert process.wait(30) == 0
    keys = [facts["name"] for kind, facts in events() if kind == "Key"]
    assert keys == [*pressed.values(), "q"]


def test_the_mouse_is_in_the_pictures_pixels(screen, program):
    handle, events, _ = program
    screen.click(handle, 120, 80)
    screen.click(handle, 121, 80, button=3)
    screen.click(handle, 122, 80, button=4)
    screen.click(handle, 123, 80, button=5)

    def mouse(what):
        return [facts for kind, facts in events() if kind == "Mouse" and facts["what"] == what]

    wait_until(lambda: len(mouse("wheel")) == 2, "four clicks arrive")
    assert [mouse(what)[0]["x"] for what in ("left down", "left up")] == [120, 120]
    assert mouse("left down")[0]["y"] == 80
    assert mouse("right down")[0]["x"] == 121
    assert [each["wheel"] for each in mouse("wheel")] == [1, -1]


def test_the_wheel_does_not_zoom_the_image(screen, program):
    """Qt's windows zoom on their own."""
    handle, events, _ = program
    screen.move(handle, 200, 150)
    before = screen.picture()
    for button in (4, 4, 5, 4):
        screen.click(handle, 200, 150, button)
    wait_until(lambda: sum(facts.get("wheel", 0) != 0 for _, facts in events()) == 4, "all arrive")
    wait_until(lambda: (screen.picture() == before).all(), "it looks as before")


def test_its_size_is_known_after_a_person_has_changed_it(screen, program):
    handle, events, _ = program
    screen._do("windowsize", handle, 800, 450)
    wait_until(lambda: ["Size", {"width": 800, "height": 450}] in events(), "the new size")


def test_closing_it_is_an_event_and_ends_it(screen, program):
    handle, events, process = program
    screen.close_window(handle)
    assert process.wait(30) == 0
    assert events()[-1] == ["Closed", {}]


def test_it_says_nothing_of_its_own(program):
    _, events, process = program
    process.terminate()
    process.wait()
    assert all(len(event) == 2 for event in events()), "every line is an event"


@pytest.mark.parametrize("display", ["", ":987"])
def test_without_a_display_there_is_no_window(display, monkeypatch):
    monkeypatch.setenv("DISPLAY", display)
    available.cache_clear()
    assert not available()
    available.cache_clear()


def test_with_a_display_there_is_one(screen, monkeypatch):
    monkeypatch.setenv("DISPLAY", screen.display)
    available.cache_clear()
    assert available()
    available.cache_clear()


@pytest.mark.parametrize(
    ("code", "name"),
    [(2424832, "left"), (63232, "up"), (0x140061, "a"), (65, "a"), (65505, None), (7, None)],
)
def test_codes_of_other_systems(code, name):
    key = window.key_of(code)
    assert (key and key.name) == name


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_text_stands_out_on_any_background(shade):
    picture = np.full((60, 300, 3), shade, np.uint8)
    drawn = text.panel(picture, ["frame 12 of 472", "mode: overlay"])
    assert (picture == shade).all(), "the picture given is not changed"
    letters = (drawn > 200).all(axis=2)[:40, :120]
    ground = np.median(drawn[:40, :120])
    assert letters.sum() > 60
    assert ground <= 80


def test_a_panel_can_sit_in_any_corner():
    picture = np.full((100, 300, 3), 200, np.uint8)
    drawn = text.panel(picture, ["x"], at=(-1, -1))
    changed = (drawn != picture).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (rows.max(), columns.max()) == (99, 299)
    assert changed[:40].sum() == 0
    assert cv2.countNonZero(changed.astype(np.uint8)) < 100 * 60
