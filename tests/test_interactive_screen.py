"""The drawing of the interactive window: strip, help, settings and footer."""

from itertools import combinations

import numpy as np
import pytest

from converters.interactive import colors, help_page, keymap, layout
from converters.interactive import screen as content
from converters.interactive.edits import format_value, label
from converters.interactive.layout import Layout, frame_at, strip_x
from converters.interactive.state import EditorState, FootageIndex
from converters.look import Look
from converters.look_timeline import LookTimeline
from utils import text
from utils.options import options_of


def test_the_strip_marks_faces_and_changes_of_settings():
    timeline = LookTimeline.all_alike(Look()).from_here(50, Look(mode="seamless"))
    strip = np.zeros((layout.STRIP_HEIGHT, 100, 3), np.uint8)
    content.draw_strip(
        strip, EditorState(FootageIndex(100, tuple(range(20, 40))), timeline, frame=70)
    )
    middle = strip[layout.STRIP_HEIGHT // 2]
    shades = {"face": colors.FACES, "change": colors.ACCENT, "here": colors.TEXT}
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


WINDOWS = [layout.SMALLEST, layout.SIZE, layout.LARGEST, (300, 200), (3840, 2160), (600, 1400)]


@pytest.mark.parametrize("window", WINDOWS)
def test_the_help_is_readable_in_three_columns_without_overlap(window):
    width, height = Layout.of_window(window)
    size, texts = help_page.fit(width, height)
    assert size >= 13
    boxes = [
        (piece.x, piece.y - size, piece.x + text.width(piece.line, size), piece.y + size // 3)
        for piece in texts
    ]
    for left, top, right, bottom in boxes:
        assert min(left, top) >= 0
        assert right <= width
        assert bottom <= height
    for one, other in combinations(boxes, 2):
        apart = one[2] < other[0] or other[2] < one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)
    assert len({piece.x for piece in texts if piece.kind == "heading"}) == 3
    shown = {piece.line for piece in texts}
    for group, rows in keymap.help_groups().items():
        assert {group, *(row.help for row in rows), *(" ".join(row.keys) for row in rows)} <= shown


@pytest.mark.parametrize("window", WINDOWS)
def test_the_content_has_the_windows_shape_and_all_settings(window):
    drawn = Layout.of_window(window)
    assert drawn.width / drawn.height == pytest.approx(window[0] / window[1], rel=0.01)
    assert drawn.width >= layout.SMALLEST[0]
    assert drawn.height >= layout.SMALLEST[1]
    rows = drawn.rows()
    assert {row.setting for row in rows} >= {option.name for option in options_of(Look)}
    assert rows[-1].top + layout.ROW_HEIGHT <= drawn.height
    assert "?" in {row.key for row in rows}


def test_windows_within_the_limits_are_drawn_in_their_own_size():
    for size in (layout.SMALLEST, layout.SIZE, (1366, 700), layout.LARGEST):
        assert Layout.of_window(size) == size


@pytest.mark.parametrize("frames", [1, 2, 7, 940, 941, 100_000])
def test_a_click_on_the_strip_finds_the_frame_drawn_there(frames):
    width = 940
    for frame in {0, frames // 3, frames // 2, frames - 1}:
        x = strip_x(frame, width, frames)
        found = frame_at(x, width, frames)
        if frames <= width:
            assert found == frame
        assert abs(strip_x(found, width, frames) - x) <= 1
    drawn = Layout(width + layout.PANEL_WIDTH, 780)
    assert drawn.place_at(-50, 0, frames).frame == 0
    assert drawn.place_at(width + 50, 0, frames).frame == frames - 1


def test_places_are_those_that_are_drawn():
    """What is drawn in a setting's color lies in the row that the mouse finds."""
    drawn = Layout(*layout.SIZE)
    width, height = drawn.main

    def values(look):
        panel = np.zeros((drawn.height, layout.PANEL_WIDTH, 3), np.uint8)
        state = EditorState(FootageIndex(10, ()), LookTimeline.all_alike(look))
        content.draw_panel(panel, state, drawn)
        return panel[:, layout.VALUE_X :]

    plain = values(Look())
    for option in options_of(Look):
        value = {bool: not option.default, int: 7}.get(option.type)
        if option.choices:
            value = next(choice for choice in option.choices if choice != option.default)
        rows = np.nonzero((values(Look(**{option.name: value})) != plain).any(axis=(1, 2)))[0]
        own = {drawn.place_at(width + layout.VALUE_X + 5, int(y), 10).setting for y in rows}
        assert option.name in own
        if option.name != "mode":  # which others depend on
            assert own == {option.name}
    assert drawn.place_at(5, height + 3, 10).area == "strip"
    assert drawn.place_at(5, height - 1, 10).area == "image"
    assert drawn.place_at(width - 1, height + 3, 10).frame == 9


def test_texts_in_the_column_do_not_overlap():
    def fits(line, left, right):
        return text.width(line, content.FONT_SIZE) <= right - left - 4

    keys = keymap.keys_by_setting()
    for option in options_of(Look):
        assert fits(label(option.name), layout.LABEL_X, layout.KEY_X)
        assert fits(keys.get(option.name, ""), layout.KEY_X, layout.VALUE_X)
        for value in option.choices or ():
            assert fits(format_value(value), layout.VALUE_X, layout.PANEL_WIDTH)
    for key, help_ in keymap.SHORT_HELP.items():
        assert fits(key, layout.LABEL_X, layout.HINT_X)
        assert fits(help_, layout.HINT_X, layout.PANEL_WIDTH)


@pytest.mark.parametrize("name", ["short", "x" * 300, "/home/Zoë/写真/" * 30])
def test_a_long_problem_leaves_room_for_the_progress(name):
    state = EditorState(FootageIndex(6, ()), LookTimeline.all_alike(Look()))
    footer = np.zeros((layout.FOOTER_HEIGHT, 940, 3), np.uint8)
    content.draw_footer(footer, state, None, f"cannot read {name}: no space left", late=True)
    line = footer[layout.STRIP_HEIGHT + 30 : layout.STRIP_HEIGHT + 50]
    row = (line != colors.PANEL).any(axis=(0, 2))
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
