"""The mouse and the clock of the interactive conversion: events and moments in, states out."""

from fractions import Fraction

import pytest

from converters.interactive import keymap, playback
from converters.interactive.edits import option_of
from converters.interactive.mouse import Place, handle_mouse
from converters.interactive.state import EditorState, FootageIndex, handle_key
from converters.look import Look, has_alpha
from converters.look_timeline import LookTimeline
from utils.options import options_of

ACTIONS = keymap.key_actions()
FOOTAGE = FootageIndex(count=100, face_frames=(3, 4, 50, 90))


def begin(**changes):
    return EditorState(FOOTAGE, LookTimeline.all_alike(Look()), **changes)


def type_keys(state, *keys):
    for key in keys:
        state = handle_key(state, key, ACTIONS)
    return state


IMAGE, STRIP = Place("image"), Place("strip", frame=42)


def point(state, what, place=IMAGE, wheel=0, **more):
    return handle_mouse(state, what, place, wheel, **more)


def on(setting):
    return Place("panel", setting=setting)


def test_the_mouse_shows_the_original_and_changes_the_frame():
    held = point(begin(view="mask"), "left down")
    assert held.shown_view == "original"
    assert point(held, "move").shown_view == "original"
    assert point(held, "left up").shown_view == "mask"
    assert [point(begin(frame=5), "wheel", IMAGE, turn).frame for turn in (1, -1)] == [4, 6]
    assert point(begin(), "wheel", IMAGE, 1).frame == 0


def test_a_click_on_the_strip_seeks_and_a_drag_scrubs():
    state = point(begin(), "left down", STRIP)
    assert (state.frame, state.shown_view) == (42, "result")
    state = point(state, "move", Place("image", frame=50))  # the mouse may leave the strip
    assert state.frame == 50
    state = point(state, "left up", Place("image", frame=50))
    assert point(state, "move", Place("strip", frame=7)).frame == 50
    assert state.timeline == begin().timeline


@pytest.mark.parametrize(
    ("setting", "what", "wheel", "expected"),
    [
        ("mode", "left down", 0, "hist-match"), ("mode", "right down", 0, "raw"),
        ("mode", "left double", 0, "hist-match"), ("mode", "wheel", 1, "hist-match"),
        ("masked_hist_match", "left down", 0, False), ("masked_hist_match", "wheel", -1, False),
        ("erode_modifier", "wheel", 1, 1), ("erode_modifier", "wheel", -1, -1),
        ("erode_modifier", "left down", 0, 1), ("erode_modifier", "right down", 0, -1),
        ("hist_match_threshold", "wheel", 1, 255), ("color_frames", "wheel", 1, 9),
        ("alpha", "left down", 0, True), ("erode_modifier", "middle down", 0, 0),
    ],
)  # fmt: skip
def test_the_mouse_changes_the_setting_it_points_at(setting, what, wheel, expected):
    state = point(begin(frame=50), what, on(setting), wheel)
    assert getattr(state.look, setting) == expected
    assert getattr(state.timeline.at(49), setting) == getattr(Look(), setting)
    assert type_keys(state, "backspace").timeline == begin().timeline
    assert state.shown_view == "result"


def test_every_setting_goes_round_by_clicks():
    for option in options_of(Look):
        count = 2 if option.type is bool else len(option.choices or ())
        state = begin(has_mask_model=True)
        for _ in range(count):
            state = point(state, "left down", on(option.name))
        if count:
            assert state.look == Look()
        back = point(point(begin(), "left down", on(option.name)), "right down", on(option.name))
        if option.name != "hist_match_threshold":  # which begins at its end
            assert back.look == Look()


def test_a_modifier_key_makes_steps_of_the_wheel_larger():
    assert point(begin(), "wheel", on("erode_modifier"), 1, large=True).look.erode_modifier == 5


def test_the_mouse_never_asks_for_an_alpha_channel_that_the_result_cannot_have():
    state = begin(can_have_alpha=False)
    modes = set()
    for _ in range(2 * len(option_of("mode").choices)):
        state = point(state, "left down", on("mode"))
        modes.add(state.look.mode)
        for setting in ("raw_mode", "alpha"):
            state = point(state, "left down", on(setting))
            assert not has_alpha(state.look)
    assert modes == set(option_of("mode").choices)
    assert "alpha channel" in point(begin(can_have_alpha=False), "left down", on("alpha")).message


def test_pointing_at_a_setting_explains_it():
    state = point(begin(), "move", on("face_scale"))
    assert state.hovered == "face_scale"
    assert "enlarge" in state.message
    assert point(state, "move", IMAGE).message == ""


def test_a_click_on_a_key_presses_it():
    assert point(begin(), "left down", Place("panel", key="b")).this_frame_only
    assert point(begin(), "left down", Place("panel", key="9")).zoomed
    assert point(begin(), "right down", Place("panel", key="9")) == begin()
    twice = begin()
    for _ in range(2):
        twice = point(twice, "left down", Place("panel", key=">"))
    assert twice.outcome == "render"


def test_a_click_ends_the_entry_of_a_frame_number():
    state = point(type_keys(begin(), "enter", "7"), "left down", STRIP)
    assert (state.typed, state.frame) == (None, 42)


def test_a_click_closes_the_help():
    assert point(begin(show_help=True), "left down", on("mode")) == begin()
    assert point(begin(show_help=True), "wheel", on("mode"), 1) == begin(show_help=True)


def test_escape_takes_a_requested_rendering_back():
    asked = type_keys(begin(), ">")
    back = type_keys(asked, "escape")
    assert (back.outcome, back.render_requested) == ("", False)
    assert type_keys(back, ">").outcome == ""
    assert type_keys(back, "escape").outcome == "quit"
    for what, place, wheel in [("left down", STRIP, 0), ("wheel", on("mode"), 1)]:
        assert not point(asked, what, place, wheel).render_requested
    assert point(asked, "move", on("mode")).message == asked.message


def playing(*, frame=0, times=None, started=100.0):
    times = tuple(index / 25 for index in range(100)) if times is None else times
    footage = FootageIndex(len(times), (), times)
    state = EditorState(footage, LookTimeline.all_alike(Look()), frame)
    return playback.start_clock(type_keys(state, "v"), started)


def test_footage_plays_at_its_own_speed_and_in_a_loop():
    state = playing()
    moments = (0, 0.039, 0.041, 1.01, 3.99, 4.05)
    due = [playback.due(state, 100 + seconds).frame for seconds in moments]
    assert due == [0, 0, 1, 25, 99, 1]
    assert playback.due(playing(frame=90), 100 + 0.5).frame == (90 + 12) % 100
    assert playback.start_clock(state, 500.0) == state


def test_frames_last_as_long_as_their_timestamps_say():
    state = playing(times=(0.0, 1.0, 1.5, 4.5))  # the last one as long as the one before
    due = [playback.due(state, 100 + seconds).frame for seconds in (0.9, 1.1, 1.6, 4.4, 7.4, 7.6)]
    assert due == [0, 1, 2, 2, 3, 0]


def test_timestamps_are_those_of_the_footage_or_of_a_rate():
    own = [Fraction(1, 2), Fraction(3, 4), Fraction(2)]
    assert playback.frame_times(own, 3, Fraction(10)) == (0, 0.25, 1.5)
    for unusable in ([], own[:2], [*own[:2], None], [own[1], own[0], own[2]]):
        assert playback.frame_times(unusable, 3, Fraction(10)) == (0, 0.1, 0.2)


def test_slow_rendering_drops_frames_and_the_real_speed_is_said():
    state, now = playing(), 100.0
    for _ in range(20):  # each takes 0.1 s
        frame = playback.due(state, now).frame
        now += 0.1
        state = playback.show(state, frame, now)
        assert state.frame == frame
    assert playback.describe(state) == "playing 10 of 25 frames per second"
    state, now = playing(), 100.0
    for _ in range(75):
        now += 0.04
        state = playback.show(state, playback.due(state, now + 1e-6).frame, now)
    assert playback.describe(state) == "playing, 25 frames per second"
    assert playback.describe(begin()) == ""


def test_playing_goes_on_until_something_changes():
    state = playing(frame=10)
    for key in ("0", "9", "space", "?"):
        assert type_keys(state, key).playback is not None
    for key in ("v", "w", ".", "home", "escape"):
        assert type_keys(state, key).playback is None
    assert type_keys(state, "escape").outcome == ""
    assert type_keys(state, "w").timeline.source(10) == 10
    assert point(state, "left down", STRIP).playback is None
    assert point(state, "left down", STRIP).frame == 42


def test_a_single_frame_is_not_played():
    state = EditorState(FootageIndex(1, (), (0.0,)), LookTimeline.all_alike(Look()))
    assert type_keys(state, "v").playback is None
