"""The state machine of the interactive conversion, driven by its keys, and the table of keys."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters.interactive import keymap
from converters.interactive.edits import option_of
from converters.interactive.state import EditorState, FootageIndex, handle_key
from converters.look import Look
from converters.look_timeline import LookTimeline
from utils.options import options_of
from utils.window import NAMED

ACTIONS = keymap.key_actions()
FOOTAGE = FootageIndex(count=100, face_frames=(3, 4, 50, 90))
PAGE = Path(__file__).parent.parent / "docs" / "interactive.md"


def begin(look=None, **changes):
    return EditorState(FOOTAGE, LookTimeline.all_alike(look or Look()), **changes)


def type_keys(state, *keys, held=False):
    for key in keys:
        state = handle_key(state, key, ACTIONS, held)
    return state


def erode(state, *frames):
    return [state.timeline.at(frame).erode_modifier for frame in frames]


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
def test_keys_go_to_a_frame(keys, frame):
    state = type_keys(begin(), *keys)
    assert state.frame == frame
    assert state.typed is None
    assert state.timeline == begin().timeline


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


def test_rendering_takes_two_presses_not_a_key_held_down():
    asked = type_keys(begin(), ">")
    assert (asked.outcome, type_keys(asked, ">", ">", held=True).outcome) == ("", "")
    assert type_keys(asked, ">").outcome == "render"
    assert type_keys(asked, ".", ">").outcome == ""


@settings(max_examples=40, deadline=None)
@given(keys=st.lists(st.sampled_from([*ACTIONS, "0", "5", "nonsense"]), max_size=60))
def test_no_keys_leave_the_valid_range_and_undo_restores_the_start(keys):
    state = type_keys(begin(), *keys, held=True)
    assert 0 <= state.frame < FOOTAGE.count
    for look in state.timeline.own.values():
        for option in options_of(Look):
            option.check(getattr(look, option.name))
    if state.typed is None:
        undone = type_keys(state, *["backspace"] * len(keys))
        assert undone.timeline == begin().timeline


def test_a_change_applies_to_the_following_frames():
    state = type_keys(begin(), "end", "[", "w")  # frame 90
    assert erode(state, 0, 89, 90, 99) == [0, 0, 1, 1]
    state = type_keys(state, "enter", "5", "0", "enter", "w", "w")
    assert erode(state, 0, 49, 50, 89, 90) == [0, 0, 2, 2, 1]


def test_a_change_can_apply_to_one_frame_only():
    state = type_keys(begin(), "]", "b", "w", "w")
    assert state.this_frame_only
    assert erode(state, 0, 2, 3, 4, 99) == [0, 0, 2, 0, 0]
    last = type_keys(begin(this_frame_only=True), "end", "w")
    assert erode(last, 98, 99) == [0, 1]


def test_settings_are_copied():
    state = type_keys(begin(), "]", "b", "w", "/")
    assert state.frame == 4
    assert erode(state, 3, 4, 5) == [1, 1, 0]
    state = type_keys(state, "enter", "9", "0", "enter", "s", "m")
    assert state.frame == 89
    assert erode(state, 88, 89, 90, 91) == [0, -1, -1, 0]
    state = type_keys(state, "enter", "3", "enter", "\\")
    assert erode(state, 0, 2, 3, 4, 90, 99) == [0, 0, 1, 1, 1, 1]
    state = type_keys(state, "end", "|")
    assert erode(state, 0, 50, 99) == [1, 1, 1]
    assert len(state.timeline.own) == 1
    assert type_keys(state, "end", "/").frame == 99


def test_own_settings_can_be_dropped():
    state = type_keys(begin(), "]", "w", "delete")
    assert erode(state, 3, 99) == [0, 0]
    assert "no settings of its own" in type_keys(state, "delete").message
    assert type_keys(state, "home", "w", "delete").look.erode_modifier == 1


def test_keys_go_to_changes_of_settings():
    state = type_keys(begin(), "]", "w", "end", "s", "home", "}")
    assert state.frame == 3
    assert type_keys(state, "}").frame == 99
    assert type_keys(state, "}", "}", "{", "{").frame == 0


def test_keys_toggle_views():
    assert type_keys(begin(), "space").view == "original"
    assert type_keys(begin(), "`", "space").view == "result"
    assert type_keys(begin(), "`", "0").view == "mask"
    assert type_keys(begin(), "9").zoomed
    for key in ("?", "tab"):
        shown = type_keys(begin(), key)
        assert shown.show_help
        assert type_keys(shown, "escape") == type_keys(shown, key) == begin()
    assert type_keys(begin(), "escape").outcome == "quit"


def test_rendering_is_requested_twice():
    once = type_keys(begin(), ">")
    assert not once.outcome
    assert "again" in once.message
    assert type_keys(once, ">").outcome == "render"
    assert not type_keys(once, ".", ">").outcome


def test_frames_with_a_face_are_known():
    assert [begin(frame=frame).has_face for frame in (2, 3, 4, 5, 90, 99)] == [0, 1, 1, 0, 1, 0]


def test_every_key_has_one_meaning_and_can_be_pressed():
    keys = [key for rows in keymap.help_groups().values() for row in rows for key in row.keys]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(ACTIONS) | set(keymap.MOUSE_HELP)
    for key in ACTIONS:
        assert key in NAMED.values() or (len(key) == 1 and key.isprintable() and key == key.lower())


def test_every_setting_can_be_changed_by_a_key():
    names = {slider.name for slider in keymap.SLIDERS} | set(keymap.CYCLES.values())
    names |= {"mode", "raw_mode", *keymap.WITHOUT_KEY}
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
