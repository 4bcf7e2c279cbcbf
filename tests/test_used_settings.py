"""What `<result>_convert.json` holds: the settings that change pixels, judged by the pixels."""

import dataclasses
import json

import numpy as np
import pytest
from support.blending import TINT, make_swap, scene
from support.conversion import INVERT, StopsAt, make_predictor, options, write_footage

from converters import checks, convert
from converters.blending.blender import Blender
from converters.interactive import session_file
from converters.interactive.session_file import SavedSession
from converters.job import Job
from converters.look import (
    RAW_MODES,
    SHOWN_MODES,
    Look,
    color_context_frames,
    load_look,
    look_to_json,
    save_look,
    session_path,
    settings_file,
    used,
)
from converters.look_timeline import LookTimeline
from converters.options import ConvertOptions
from utils.options import resolve

OTHER = {
    "masked_hist_match": False,
    "hist_match_threshold": 120,
    "mask_type": "hull",
    "erode_modifier": 60,
    "blur_modifier": 80,
    "seamless_erode_modifier": 60,
    "face_scale": 15,
    "denoise": 90,
    "sharpen": 90,
    "motion_blur": 90,
    "color_degrade": 90,
    "alpha": True,
}
"""Another value than the default of every setting but the modes and what needs several frames."""
LOOKS = [Look(mode=mode) for mode in SHOWN_MODES]
LOOKS += [Look(mode="raw", raw_mode=raw_mode) for raw_mode in RAW_MODES]
LOOKS += [dataclasses.replace(look, color_transfer="mkl") for look in LOOKS]


@pytest.fixture(scope="module")
def shown(astronaut, face_landmarks):
    """Converts a moving face, whose mask covers a part of it, in a look."""
    frame, landmarks = scene(astronaut, face_landmarks, 0.4)
    swap = make_swap(frame, landmarks, tint=TINT)
    mask = swap.mask.copy()
    mask[:, :20] = 0
    ramp = np.linspace(0.6, 1, 64, dtype=np.float32)[:, None, None]
    swap = dataclasses.replace(
        swap, face=swap.face * ramp, mask=mask, motion=np.float32([6.0, 2.0])
    )
    return lambda look: Blender(look)(frame, [swap]).image


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look.mode} {look.raw_mode}")
def test_a_setting_counts_as_used_if_and_only_if_it_changes_a_pixel(look, shown):
    plain = shown(look)
    kept = used(dataclasses.replace(look, **OTHER))
    for name, value in OTHER.items():
        changed = not np.array_equal(shown(dataclasses.replace(look, **{name: value})), plain)
        assert changed == (getattr(kept, name) == value), name


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look.mode} {look.raw_mode}")
def test_a_look_means_the_same_without_what_it_does_not_use(look, shown):
    every = dataclasses.replace(look, **OTHER, color_frames=3)
    kept = used(every)
    assert np.array_equal(shown(every), shown(kept))
    assert used(kept) == kept
    fits_colors = look.color_transfer != "none" or look.mode not in ("overlay", "raw")
    shows_colors = (look.mode, look.raw_mode) != ("raw", "mask")
    assert color_context_frames(kept) == (2 if fits_colors and shows_colors else 0)


def test_the_file_names_used_settings_only_and_older_ones_are_read(tmp_path):
    path = tmp_path / "x_convert.json"
    look = Look(mode="overlay", hist_match_threshold=7, seamless_erode_modifier=5, sharpen=9)
    save_look(path, look)
    written = json.loads(path.read_text())
    assert written == {
        "mode": "overlay",
        "mask_type": "predicted",
        "erode_modifier": 0,
        "blur_modifier": 0,
        "face_scale": 0,
        "color_transfer": "none",
        "denoise": 0,
        "sharpen": 9,
        "motion_blur": 0,
        "color_degrade": 0,
        "alpha": False,
    }
    assert load_look(path) == written
    older = look_to_json(look)  # every setting, as earlier versions wrote them
    path.write_text(json.dumps(older))
    assert load_look(path) == older


def test_a_stopped_conversion_goes_on_from_the_settings_that_were_kept(tmp_path):
    write_footage(tmp_path, count=20)
    unused = {"mode": "overlay", "hist_match_threshold": 7, "seamless_erode_modifier": 5}
    first = options(tmp_path, batch_size=1, **unused, sharpen=20)
    with pytest.raises(KeyboardInterrupt):
        convert.run(first, make_predictor(StopsAt(9), "negative"))
    files = {n: getattr(first, n) for n in ("input_dir", "aligned_dir", "model_dir", "output_dir")}
    again = resolve(ConvertOptions, files | {"ask": False}, ConvertOptions.saved(files))
    assert (again.sharpen, again.hist_match_threshold) == (20, 255)
    report = convert.run(again, INVERT)  # and is not refused as another one
    assert report.counts["frames finished before"] + report.counts["frames"] == 20
    assert report.made == [tmp_path / "result"]


def test_of_a_session_the_settings_of_its_first_frame_are_kept(tmp_path):
    write_footage(tmp_path, count=3)
    chosen = options(tmp_path, mode="hist-match")
    names = [f"{number:06d}.png" for number in range(3)]
    timeline = LookTimeline({0: Look(sharpen=7, hist_match_threshold=9), 2: Look(mode="seamless")})
    session_file.save(session_path(chosen.output_dir), SavedSession(timeline), "frames", names)
    convert.run(chosen, INVERT)
    kept = json.loads(settings_file(chosen.output_dir).read_text())
    assert (kept["mode"], kept["sharpen"]) == ("overlay", 7)
    assert "hist_match_threshold" not in kept


def test_a_window_that_is_left_without_rendering_names_its_session(tmp_path, monkeypatch):
    write_footage(tmp_path, count=1)
    monkeypatch.setattr(checks, "check_screen", lambda: None)
    monkeypatch.setattr(Job, "choose_plan", lambda *_: None)
    chosen = options(tmp_path, interactive=True)
    report = convert.run(chosen, INVERT)
    assert report.made == [session_path(chosen.output_dir)]
    assert report.next_without == ("--interactive", "--remote")
    assert not settings_file(chosen.output_dir).exists()
