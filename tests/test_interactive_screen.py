"""The drawing of the interactive window: strip, help, settings and footer."""

import cv2
import numpy as np
import pytest

from converters.interactive import keymap
from converters.interactive import screen as content
from converters.interactive.edits import format_value, label
from converters.interactive.state import EditorState, FootageIndex
from converters.look import Look
from converters.look_timeline import LookTimeline
from utils import text
from utils.options import options_of


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
    ink = (place.max(axis=2) > 60).astype(np.uint8)
    lines = cv2.connectedComponents(cv2.dilate(ink, np.ones((1, 25), np.uint8)))[0]
    assert lines >= rows


def test_texts_in_the_column_do_not_overlap():
    def fits(line, left, right):
        return text.width(line, content.FONT_SIZE) <= right - left - 4

    keys = keymap.keys_by_setting()
    for option in options_of(Look):
        assert fits(label(option.name), content.LABEL_X, content.KEY_X)
        assert fits(keys.get(option.name, ""), content.KEY_X, content.VALUE_X)
        for value in option.choices or ():
            assert fits(format_value(value), content.VALUE_X, content.COLUMN_WIDTH)
    for key, help_ in keymap.SHORT_HELP.items():
        assert fits(key, content.LABEL_X, content.HELP_X)
        assert fits(help_, content.HELP_X, content.COLUMN_WIDTH)


@pytest.mark.parametrize("name", ["short", "x" * 300, "/home/Zoë/写真/" * 30])
def test_a_long_problem_leaves_room_for_the_progress(name):
    state = EditorState(FootageIndex(6, ()), LookTimeline.all_alike(Look()))
    footer = np.zeros((content.FOOTER_HEIGHT, 940, 3), np.uint8)
    content.draw_footer(footer, state, None, f"cannot read {name}: no space left", late=True)
    row = (footer[42:56] != content.PANEL).any(axis=(0, 2))
    progress = 940 - content.MARGIN - text.width("rendering ...", content.FONT_SIZE)
    assert row[:progress].any()
    assert not row[progress - content.MARGIN : progress].any()
    assert row[progress:].any()


def test_a_shortened_line_keeps_its_ends():
    line = content.shorten("first " + "x" * 200 + " last", 150)
    assert line.startswith("first")
    assert line.endswith("last")
    assert text.width(line, content.FONT_SIZE) <= 150
    assert content.shorten("short", 150) == "short"


def test_all_settings_fit_into_the_column():
    rows = len(options_of(Look)) + 4 + len(keymap.SHORT_HELP)
    assert 50 + rows * content.ROW_HEIGHT < 760
