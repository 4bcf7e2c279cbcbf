"""The examples in docs/sorting.md show what their labels say."""

import re
from pathlib import Path

import numpy as np
import pytest
import skimage.filters
from PIL import Image, ImageColor

from facelib.coverage import gaps_between
from scripts import face_examples as examples
from sorter import METHODS

PAGE = Path(__file__).parent.parent / "docs" / "sorting.md"
ALL = {each.title: each for section in examples.SECTIONS.values() for each in section}


@pytest.fixture(scope="module")
def tiles():
    return {title: np.asarray(each.draw(), float) for title, each in ALL.items()}


@pytest.mark.parametrize("title", ["out of focus", "motion blur", "too small"])
def test_blurred_faces_lack_detail(tiles, title):
    def detail(tile):
        return skimage.filters.laplace(tile.mean(axis=-1)).std()

    assert detail(tiles[title]) < 0.4 * detail(tiles["straight ahead"])


def test_a_side_is_dark_and_a_side_is_cut_off(tiles):
    whole = tiles["straight ahead"]
    for title, darkest in ("half in the dark", 0.2), ("cut off by the frame", 0.01):
        left, right = np.split(tiles[title] / np.maximum(whole, 1), [examples.TILE // 2], axis=1)
        assert right[:, 50:].mean() < darkest < 0.5 < left[:, :60].mean()


@pytest.mark.parametrize("title", ["hand before the face", "microphone"])
def test_an_object_covers_the_mouth_and_not_the_eyes(tiles, title):
    change = np.abs(tiles[title] - tiles["straight ahead"]).mean(axis=-1)
    assert change[130:160, 70:130].mean() > 25
    assert change[40:70, 40:130].max() == 0


def test_landmarks_that_slipped_turn_the_face(tiles):
    upright, turned = tiles["straight ahead"], tiles["landmarks beside it"]
    assert np.abs(upright - turned).mean() > 25


def test_charts_are_what_the_program_says_of_such_sets():
    dst = examples.dst_directions()
    [worst, *_] = gaps_between(examples.frontal(), dst, mirrored=False)
    assert worst.where == "to the left"
    assert not gaps_between(examples.all_round(), dst, mirrored=False)


def test_the_sheet_shows_every_example_in_a_frame_of_its_color(monkeypatch):
    tiles = tuple(examples.Example("", "", good, gray) for good in (True, False))
    monkeypatch.setattr(examples, "SECTIONS", {"heading": tiles})
    sheet = examples.sheet()
    top, lefts = examples.GAP + examples.HEADING, (0, examples.TILE + examples.GAP)
    corners = [sheet.getpixel((examples.GAP + left, top)) for left in lefts]
    assert corners == [ImageColor.getrgb(color) for color in (examples.GREEN, examples.RED)]
    assert sheet.getpixel((examples.GAP + 100, top + 100)) == (128, 128, 128)


def gray():
    return Image.new("RGB", (examples.TILE, examples.TILE), (128, 128, 128))


def test_advice_names_sort_methods_and_the_page_has_a_line_for_every_bad_face():
    advice = " ".join(each.advice for each in ALL.values())
    named = set(re.findall(r"--by ([\w-]+)", advice))
    assert named
    assert named <= set(METHODS)
    rows = re.findall(r"^\| ([a-z ]+) \|", PAGE.read_text(encoding="utf-8"), re.M)
    assert {title for title, each in ALL.items() if not each.good} <= set(rows)
