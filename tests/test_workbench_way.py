"""The whole way on the page of the workbench: two clips, a tiny training, a verified result.

The server has no display, and the browser reaches it through a second port, as with `ssh -L`.
"""

import json

import numpy as np
import pytest
from playwright.sync_api import expect
from support import clips
from support.browser import needs_chromium
from support.clips import times_of
from support.way import TINY, opened, wait

from converters.interactive.session_file import session_path
from models import model_folder
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, read_mark
from utils.workspace import Workspace

pytestmark = needs_chromium

FRAMES = 12
DELETED = 10
ITERATIONS = 30
ERODED = 120
LANDMARK, RIGHT, DOWN = 33, 6, -4  # below the nose, in pixels of the frame


@pytest.fixture
def footage(tmp_path):
    drawn = {"src": clips.astronaut, "dst": clips.dim_astronaut}
    size = (320, 240)
    return {
        side: clips.make_clip(tmp_path / f"{side}.mp4", clips.STEADY[:FRAMES], draw=draw, size=size)
        for side, draw in drawn.items()
    }


def test_from_two_clips_to_a_result_that_is_verified(tmp_path, footage):
    home = Workspace(tmp_path / "work")
    with opened(home) as way:
        way.drop(footage)
        for side, clip in footage.items():
            assert home.clip(side).read_bytes() == clip.read_bytes()
            way.extract(side)
            assert len(way.faces(side)) == FRAMES
        way.sort()
        delete_and_undo(way)
        mend_a_landmark(way)
        train(way)
        convert(way)
        play_and_verify(way)


def delete_and_undo(way):
    page, found = way.page, set(way.faces("src"))
    counts = page.locator(".counts").first
    way.select_faces(DELETED)
    for act, left in ((way.delete_selected, FRAMES - DELETED), (way.undo_deletion, FRAMES)):
        act()
        wait(page, lambda left=left: len(way.faces("src")) == left)
        expect(counts).to_contain_text(f"{left} of {left} faces")
    assert set(way.faces("src")) == found


def mend_a_landmark(way):
    def first():
        return next(info for info in way.faces("dst").values() if info.frame_index == 0)

    before = first().source_landmarks
    way.open_landmarks()
    scale = way.drag_landmark(LANDMARK, RIGHT, DOWN)
    way.keep_frame()
    moved = first().source_landmarks - before
    np.testing.assert_allclose(moved[LANDMARK], (RIGHT, DOWN), atol=1 / scale + 0.05)
    np.testing.assert_allclose(np.delete(moved, LANDMARK, 0), 0, atol=1e-2)


def train(way):
    page, previews = way.page, set()
    often = {"batch_size": 2, "preview_minutes": 0.005, "measure_minutes": 0}
    way.start_training(**TINY, **often, target_iter=ITERATIONS)
    state = page.locator(".job-head .state")

    def is_done():
        previews.add(way.preview())
        return state.text_content() != "running"

    wait(page, is_done)
    way.ended()
    assert len(previews - {None}) > 1, "the preview changes while it trains"
    assert model_folder.generations(way.home.model)
    way.view("Train")
    expect(page.locator(".model .facts")).to_contain_text(f"iteration{ITERATIONS}")


def convert(way):
    way.open_preview()
    shown = way.pixels()
    way.page.get_by_label("erode", exact=True).fill(f"{ERODED}")
    wait(way.page, lambda: way.pixels() != shown)
    way.render()
    result = way.home.result
    session = json.loads(session_path(result).read_text("utf-8"))
    assert {look["erode_modifier"] for look in session["looks"].values()} == {ERODED}
    assert len(times_of(result)) == FRAMES
    assert read_mark(result) == DIGITAL_SOURCE_TYPE


def play_and_verify(way):
    page = way.page
    way.view("Result")
    result = page.get_by_label("the result", exact=True)
    wait(page, lambda: result.evaluate("video => video.readyState") >= 2)
    assert result.evaluate("video => video.currentTime") == 0
    page.get_by_role("button", name="Play").click()
    wait(page, lambda: result.evaluate("video => video.ended"))
    seen = result.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames")
    assert seen > FRAMES // 2
    assert result.evaluate("video => video.currentTime") > float(clips.STEADY[FRAMES - 2])
    page.get_by_role("button", name="Check it").click()
    verdict = "Marked as synthetic, unchanged, signed on this machine."
    expect(page.get_by_text(verdict)).to_be_visible(timeout=60_000)
    way.view("Project")
    expect(page.locator(".purpose").first).to_contain_text("Measure how good the result is")
    page.get_by_role("link", name="View Result").click()
    expect(result).to_be_visible()
