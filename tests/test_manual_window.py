"""Manual extraction as a person does it: real keys and a real mouse on a virtual display."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.screen import wait_until

from extractor.extract import run
from extractor.manual.drawing import CYAN, GREEN, YELLOW
from extractor.options import ExtractOptions
from facelib.faceset import Faceset, read_info

ROOT = Path(__file__).parent.parent
FACE = np.array([222, 115])  # the middle of her face in the photograph
ZOOM = 2  # pixels in the window for one of the frame
TITLE = "Manual extraction"


def corner(index):
    return np.array([60 + 6 * index, 10 + 3 * index])


def center(index):
    return FACE - corner(index)


@pytest.fixture
def frames(astronaut, tmp_path):
    """Six pictures of 320 x 240 with a face that wanders; in the fifth there are two."""
    folder = tmp_path / "frames ü"
    folder.mkdir()
    for index in range(6):
        x, y = corner(index)
        picture = astronaut[y : y + 240, x : x + 320].copy()
        if index == 4:
            picture[40:240, 190:320] = astronaut[20:220, 160:290]
        path = folder / f"{index:06d}.png"
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder


class Program:
    """The program with its window, and what is in its journal."""

    def __init__(self, screen, frames, out, *options):
        self.screen, self.journal = screen, out / ".extract.jsonl"
        self.log = out.with_name("log.txt")
        command = [sys.executable, "main.py", "extract", "--input-dir", frames, "--output-dir", out]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--manual-window-size", str(320 * ZOOM), *options], cwd=ROOT,
                env=screen.env, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.window = screen.window(TITLE, self.process)
        self.painted()

    def painted(self):
        """Wait until the window shows something."""
        wait_until(lambda: self.screen.picture()[100:400, 100:600].std() > 10, "a frame is shown")

    def faces(self):
        """Return {frame name: number of faces} as recorded; None while a line is being written."""
        lines = [line for line in self.journal.read_text("utf-8").splitlines() if line]
        rows = [json.loads(line) for line in lines[1:]]
        return {row["item"]: len(row["faces"]) for row in rows}

    def seen(self, color, picture=None):
        """Wait until a face in this color is seen; keep a picture of the screen.

        Keys and clicks that come too fast for a busy program lose their order.
        """

        def there():
            shown = self.screen.picture(picture)
            off = np.abs(shown.astype(int) - color).max(axis=2)
            return (off < 60).sum() > 60

        wait_until(there, f"a face in {color} is seen")

    def press(self, *keys):
        """Press keys, each when the screen shows what the one before it did."""
        for key in keys:
            before = self.screen.picture()
            self.screen.key(key)
            wait_until(partial(self.changed, before), f"{key} does something")

    def changed(self, before):
        """Whether the screen no longer shows what it did before."""
        return (self.screen.picture() != before).any()

    def recorded(self, name, count):
        wait_until(lambda: self.faces().get(name) == count, f"{name} has {count} faces")

    def point(self, place):
        self.screen.move(self.window, *(np.asarray(place) * ZOOM))

    def click(self, place):
        self.screen.click(self.window, *(np.asarray(place) * ZOOM))

    def size(self, clicks, button):
        for _ in range(clicks):
            self.screen._do("click", button)


def by_detector(frames, out):
    """Landmarks of every frame's faces as found by the automatic extraction, largest first."""
    run(ExtractOptions(input_dir=frames, output_dir=out, image_size=64))
    found = {}
    for _, info in Faceset.open(out):
        found.setdefault(info.source_name, []).append(info.source_landmarks)
    return found


def first_sitting(program, out, pictures):
    """Fix three frames, mark one empty, go back, place two faces in one frame."""
    screen = program.screen
    program.point((10, 120))
    program.point(center(0))
    program.size(6, 5)  # the rectangle's half side from 100 to 56
    for index in range(3):
        program.click(center(index))
        if index == 0:
            program.press("h")
            program.seen(CYAN, pictures / "locked.png")
        program.press("Return")
        program.recorded(f"{index:06d}.png", 1)
    program.press("space")
    program.recorded("000003.png", 0)

    # back over the empty frame to the third one: move the tip of the chin there
    program.seen(GREEN)
    program.press("comma", "comma")
    program.seen(CYAN)
    moved = out / "000002_0.png"
    chin = read_info(moved).source_landmarks[8]
    screen.drag(program.window, chin * ZOOM, np.add(chin, (0, 12)) * ZOOM)
    program.seen(CYAN, pictures / "dragged.png")
    program.press("Return")
    wait_until(lambda: read_info(moved).source_landmarks[8, 1] > chin[1] + 10, "the chin moves")

    # on to the fifth, which has two faces
    program.seen(GREEN)
    program.click(center(4))
    program.seen(CYAN)
    program.press("a")
    program.point((252, 135))
    program.seen(YELLOW)
    program.click((252, 135))
    program.seen(CYAN, pictures / "two.png")
    program.press("Return")
    program.recorded("000004.png", 2)


def test_a_sitting_that_is_killed_and_continued(screen, frames, tmp_path):
    out = tmp_path / "aligned"
    program = Program(screen, frames, out, "--detector", "manual", "--image-size", "64")
    first_sitting(program, out, tmp_path)
    program.process.kill()
    program.process.wait()
    assert len(Faceset.open(out)) == 5
    screen.gone(program.window)

    program = Program(screen, frames, out, "--detector", "manual", "--image-size", "64")
    program.point((10, 120))
    program.click(center(5))
    program.seen(CYAN, tmp_path / "continued.png")
    program.press("Return")
    assert program.process.wait(60) == 0, program.log.read_text()
    assert "6 frames, 6 faces" in program.log.read_text()

    expected = by_detector(frames, tmp_path / "automatic")
    found = {}
    for _, info in Faceset.open(out):
        assert info.detector == "manual"
        found.setdefault(info.source_name, []).append(info.source_landmarks)
    counts = {f"{index:06d}.png": 2 if index == 4 else 1 for index in (0, 1, 2, 4, 5)}
    assert {name: len(faces) for name, faces in found.items()} == counts
    for name, faces in found.items():
        for landmarks in faces:  # the chin was moved
            inner = [np.abs(landmarks - other)[17:].max() for other in expected[name]]
            assert min(inner) < 4, name


def test_zoom_shows_a_small_face_large(screen, astronaut, tmp_path):
    """Look at the pictures: a face of 20 pixels, then the same with its landmarks to be dragged."""
    small = cv2.resize(astronaut, (128, 128), interpolation=cv2.INTER_AREA)
    frame = np.full((240, 320, 3), 110, np.uint8)
    frame[60:188, 100:228] = small
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "0.png").write_bytes(cv2.imencode(".png", frame)[1].tobytes())
    out = tmp_path / "aligned"
    program = Program(screen, folder, out, "--detector", "manual", "--image-size", "64")
    face = FACE / 4 + (100, 60)
    program.point((10, 10))
    program.point(face)
    program.size(22, 5)
    program.press("h")
    program.click(face)
    program.press("z")
    program.seen(CYAN, tmp_path / "zoomed.png")
    screen.key("q")
    assert program.process.wait(60) == 0
    info = read_info(out / "0_0.png")
    assert np.linalg.norm(info.source_landmarks[30] - face) < 6
    assert 10 < np.ptp(info.source_landmarks[:17, 0]) < 35
