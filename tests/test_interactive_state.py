"""The state machine of the interactive conversion, by its keys, and the table of keys."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters.interactive import keymap
from converters.interactive.edits import option_of
from converters.interactive.state import EditorState, FootageIndex, mouse, press
from converters.look import Look
from converters.look_timeline import LookTimeline
from utils.options import options_of
from utils.window import NAMED

STEPS = keymap.steps()
SCENE = FootageIndex(count=100, faces=(3, 4, 50, 90))
PAGE = Path(__file__).parent.parent / "docs" / "interactive.md"


def begin(look=None, **changes):
    return EditorState(SCENE, LookTimeline.all_alike(look or Look()), **changes)


def type_keys(desk, *keys, held=False):
    for key in keys:
        desk = press(desk, key, STEPS, held)
    return desk


def erode(desk, *frames):
    return [desk.looks.at(frame).erode_modifier for frame in frames]


@pytest.mark.parametrize(
    ("keys", "frame"),
    [
        (".", 1), ("..,", 1), (",", 0), (["right", "right", "left"], 1), (["end"], 99),
        (["end", "."], 99), (["end", "<"], 0), (["end", "home"], 0), ("]", 3), ("]]]", 50),
        ("]]]]]]", 90), (["end", "["], 90), ("]]][", 4), ("[", 0), (["page down"], 25),
        (["page down", "page up", "page up"], 0), (["enter", "4", "2", "enter"], 42),
        (["enter", "4", "2", "backspace", "enter"], 4), (["enter", "9", "9", "9", "enter"], 99),
        (["enter", "7", "escape"], 0), (["enter", "7", "q", "."], 1), (["enter", "enter", "."], 1),
    ],
)  # fmt: skip
def test_keys_lead_to_a_frame(keys, frame):
    desk = type_keys(begin(), *keys)
    assert desk.frame == frame
    assert desk.typed is None
    assert desk.looks == begin().looks


@pytest.mark.parametrize(
    ("key", "name", "value"),
    [("w", "erode_modifier", 1), ("s", "erode_modifier", -1), ("e", "blur_modifier", 1),
     ("a", "hist_match_threshold", 254), ("q", "hist_match_threshold", 255),
     ("u", "face_scale", 1), ("j", "face_scale", -1), ("1", "mode", "overlay"),
     ("2", "mode", "hist-match"), ("3", "mode", "seamless"), ("5", "raw_mode", "rgb"),
     ("6", "raw_mode", "predicted"), ("6", "mode", "raw"),
     ("4", "mode", "seamless-hist-match"), ("r", "motion_blur", 1), ("y", "sharpen", 1),
     ("h", "sharpen", -1), ("i", "denoise", 1), ("p", "color_degrade", 1),
     (";", "color_degrade", 0), ("c", "color_transfer", "rct"), ("x", "mask_type", "hull"),
     ("z", "masked_hist_match", False)],
)  # fmt: skip
def test_the_keys_of_deepfacelab_change_the_same_settings(key, name, value):
    assert getattr(type_keys(begin(), key).look, name) == value


def test_a_key_held_down_moves_a_slider_further():
    assert erode(type_keys(begin(), *"www"), 0) == [3]
    assert erode(type_keys(begin(), *"www", held=True), 0) == [15]


def test_to_render_takes_two_presses_not_a_key_held_down():
    asked = type_keys(begin(), ">")
    assert (asked.end, type_keys(asked, ">", ">", held=True).end) == ("", "")
    assert type_keys(asked, ">").end == "render"
    assert type_keys(asked, ".", ">").end == ""


@settings(max_examples=40, deadline=None)
@given(keys=st.lists(st.sampled_from([*STEPS, "0", "5", "nonsense"]), max_size=60))
def test_no_keys_lead_out_of_range_and_undo_leads_back(keys):
    desk = type_keys(begin(), *keys, held=True)
    assert 0 <= desk.frame < SCENE.count
    for look in desk.looks.own.values():
        for option in options_of(Look):
            option.check(getattr(look, option.name))
    if desk.typed is None:
        undone = type_keys(desk, *["backspace"] * len(keys))
        assert undone.looks == begin().looks


def test_a_change_holds_for_the_frames_that_follow():
    desk = type_keys(begin(), "end", "[", "w")  # frame 90
    assert erode(desk, 0, 89, 90, 99) == [0, 0, 1, 1]
    desk = type_keys(desk, "enter", "5", "0", "enter", "w", "w")
    assert erode(desk, 0, 49, 50, 89, 90) == [0, 0, 2, 2, 1]


def test_a_change_can_be_for_one_frame_only():
    desk = type_keys(begin(), "]", "b", "w", "w")
    assert desk.alone
    assert erode(desk, 0, 2, 3, 4, 99) == [0, 0, 2, 0, 0]
    last = type_keys(begin(alone=True), "end", "w")
    assert erode(last, 98, 99) == [0, 1]


def test_settings_are_copied():
    desk = type_keys(begin(), "]", "b", "w", "/")
    assert desk.frame == 4
    assert erode(desk, 3, 4, 5) == [1, 1, 0]
    desk = type_keys(desk, "enter", "9", "0", "enter", "s", "m")
    assert desk.frame == 89
    assert erode(desk, 88, 89, 90, 91) == [0, -1, -1, 0]
    desk = type_keys(desk, "enter", "3", "enter", "?")
    assert erode(desk, 0, 2, 3, 4, 90, 99) == [0, 0, 1, 1, 1, 1]
    desk = type_keys(desk, "end", "|")
    assert erode(desk, 0, 50, 99) == [1, 1, 1]
    assert len(desk.looks.own) == 1
    assert type_keys(desk, "end", "/").frame == 99


def test_own_settings_can_be_given_up():
    desk = type_keys(begin(), "]", "w", "delete")
    assert erode(desk, 3, 99) == [0, 0]
    assert "no settings of its own" in type_keys(desk, "delete").message
    assert type_keys(desk, "home", "w", "delete").look.erode_modifier == 1


def test_changes_are_found_again():
    desk = type_keys(begin(), "]", "w", "end", "s", "home", "}")
    assert desk.frame == 3
    assert type_keys(desk, "}").frame == 99
    assert type_keys(desk, "}", "}", "{", "{").frame == 0


def test_views_come_and_go():
    assert type_keys(begin(), "space").view == "original"
    assert type_keys(begin(), "`", "space").view == "result"
    assert type_keys(begin(), "`", "0").view == "mask"
    assert type_keys(begin(), "9").zoomed
    shown = type_keys(begin(), "tab")
    assert shown.help
    assert type_keys(shown, "escape") == begin()
    assert type_keys(begin(), "escape").end == "quit"


def test_the_mouse_shows_the_original_and_turns_pages():
    held = mouse(begin(view="mask"), "left down")
    assert held.seen == "original"
    assert mouse(held, "move").seen == "original"
    assert mouse(held, "left up").seen == "mask"
    assert [mouse(begin(frame=5), "wheel", turn).frame for turn in (1, -1)] == [4, 6]
    assert mouse(begin(), "wheel", 1).frame == 0


def test_rendering_is_asked_for_twice():
    once = type_keys(begin(), ">")
    assert not once.end
    assert "again" in once.message
    assert type_keys(once, ">").end == "render"
    assert not type_keys(once, ".", ">").end


def test_whether_there_is_a_face():
    assert [begin(frame=frame).has_face for frame in (2, 3, 4, 5, 90, 99)] == [0, 1, 1, 0, 1, 0]


def test_every_key_has_one_meaning_and_can_be_pressed():
    keys = [key for rows in keymap.listed().values() for row in rows for key in row.keys]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(STEPS) | set(keymap.MOUSE)
    for key in STEPS:
        assert key in NAMED.values() or (len(key) == 1 and key.isprintable() and key == key.lower())


def test_every_setting_can_be_changed_by_a_key():
    names = {slider.name for slider in keymap.SLIDERS} | set(keymap.CYCLES.values())
    names |= {"mode", "raw_mode", *keymap.FIXED}
    assert names == {option.name for option in options_of(Look)}
    modes = {mode for mode, _ in keymap.MODES.values()}
    assert modes == set(option_of("mode").choices)


def test_the_docs_list_the_keys():
    text = PAGE.read_text(encoding="utf-8")
    table = re.search(r"<!-- keys -->\n(.*?)\n<!-- end of keys -->", text, re.DOTALL)
    assert table[1].strip() == keymap.to_markdown(), "run: python -m tests.test_interactive_state"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split("<!-- keys -->", 1)
    after = rest.split("<!-- end of keys -->", 1)[1]
    middle = f"<!-- keys -->\n{keymap.to_markdown()}\n<!-- end of keys -->"
    PAGE.write_text(before + middle + after, encoding="utf-8")
