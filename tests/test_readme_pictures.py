"""The README's pictures: the footage is what docs/pictures.md says, the commands exist."""

import re
import subprocess
import sys

import numpy as np
import pytest
import skimage.data
from PIL import Image

from scripts import first_minutes
from scripts import readme_footage as footage
from scripts import readme_pictures as pictures
from scripts.readme_footage import Moment
from scripts.readme_pictures import Workspace


def test_at_rest_src_is_the_photograph_itself():
    photograph = Image.fromarray(skimage.data.astronaut()).crop((92, 0, 352, 260))
    wanted = np.asarray(photograph.resize((512, 512), Image.Resampling.LANCZOS), np.float32) / 255
    frame = footage.filmed(footage.src_person(), Moment(), None)
    assert np.abs(frame - wanted).mean() < 0.01


@pytest.mark.slow  # seven seconds
def test_footage_is_the_same_each_time_and_no_two_frames_are_alike():
    first, second = (next(footage.src_frames()) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    frames = footage.dst_frames()
    assert np.abs(next(frames) - next(frames)).mean() > 0.005


def test_a_turned_head_moves_its_nose_most_and_the_wall_not_at_all():
    nose, ear, wall = np.float32([footage.NOSE, (178, 126), (110, 30)])
    moved = np.abs(footage.turn(1, 0)(np.stack([nose, ear, wall])) - [nose, ear, wall])[:, 0]
    assert moved[0] > moved[1] > 1
    assert moved[2] == 0


def test_the_strip_shows_each_frame_above_its_label():
    sheet = pictures.strip({name: Image.new("RGB", (512, 512), name) for name in ("red", "blue")})
    first = pictures.GAP + pictures.TILE // 2
    second = first + pictures.GAP + pictures.TILE
    assert [sheet.getpixel((x, 100)) for x in (first, second)] == [(255, 0, 0), (0, 0, 255)]
    label = np.asarray(sheet)[pictures.GAP + pictures.TILE :]
    assert label.min() < 100 < 250 < np.median(label)


def test_rows_of_faces_stand_in_the_order_given():
    blue, red = (np.full((96, 96, 3), color, np.uint8) for color in ((200, 0, 0), (0, 0, 200)))
    sheet = first_minutes.sheet([("first", [blue, red]), ("second", [red, blue])])
    step = first_minutes.TILE + first_minutes.GAP
    x, y = first_minutes.MARGIN + 60, first_minutes.GAP + 60
    assert sheet.getpixel((x, y)) == sheet.getpixel((x + step, y + step)) == (0, 0, 200)
    assert sheet.getpixel((x + step, y)) == sheet.getpixel((x, y + step)) == (200, 0, 0)


def commands():
    workspace = Workspace(pictures.ROOT / "workspace" / "readme")
    yield pictures.extraction(workspace, "src")
    yield pictures.training(workspace, 10)
    yield pictures.conversion(workspace, workspace.folder / "result", *pictures.LOOK)
    yield pictures.sorting(workspace.folder / "sorted", workspace.folder / "order.html")
    yield first_minutes.training(workspace, workspace.folder / "model_Quick96", 10)


@pytest.mark.parametrize("command", list(commands()), ids=lambda command: command[2])
def test_every_flag_that_is_used_exists(command):
    model = ["--model", "SAE"] if command[2] == "train" else []
    asked = [sys.executable, *command[1:3], *model, "--help"]
    shown = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    used = {word for word in command if word.startswith("--")}
    known = shown.replace("[no-]", "") + shown.replace("[no-]", "no-")
    assert used <= set(re.findall(r"--[a-z-]+", known))
