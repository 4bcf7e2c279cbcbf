"""The whole way on the page of the workbench: two clips, a tiny training, a result that is verified."""

import json

import numpy as np
import pytest
from playwright.sync_api import expect
from support import clips
from support.clips import times_of
from support.way import CHROMIUM, opened, wait

from converters.interactive.session_file import session_path
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, read_mark
from utils.workspace import Workspace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
]

FRAMES = 16
DELETED = 10
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
        page = way.page
        way.upload(footage)
        for side, clip in footage.items():
            assert home.clip(side).read_bytes() == clip.read_bytes()

        for side in footage:
            way.extract(side)
            assert len(way.faces(side)) == FRAMES
        way.sort()
        found = way.faces("src")

        way.select_faces(DELETED)
        way.delete_selected()
        wait(page, lambda: len(way.faces("src")) == FRAMES - DELETED)
        expect(page.locator(".counts").first).to_contain_text(
            f"{FRAMES - DELETED} of {FRAMES - DELETED} faces"
        )
        way.undo_deletion()
        wait(page, lambda: len(way.faces("src")) == FRAMES)
        expect(page.locator(".counts").first).to_contain_text(f"{FRAMES} of {FRAMES} faces")
        assert set(way.faces("src")) == set(found)

        before = next(i for i in way.faces("dst").values() if i.frame_index == 0)
        way.open_landmarks()
        scale = way.drag_landmark(LANDMARK, RIGHT, DOWN)
        way.keep_frame()
        after = next(i for i in way.faces("dst").values() if i.frame_index == 0)
        moved = after.source_landmarks - before.source_landmarks
        np.testing.assert_allclose(moved[LANDMARK], (RIGHT, DOWN), atol=1 / scale + 0.05)
        np.testing.assert_allclose(np.delete(moved, LANDMARK, 0), 0, atol=1e-2)

        way.start_training(target_iter=30, batch_size=4, preview_minutes=0.02, measure_minutes=0)
        previews = set()
        state = page.locator(".job-head .state")

        def trained():
            previews.add(way.preview())
            return state.text_content() == "done"

        wait(page, trained)
        assert len(previews - {None}) > 1, "the preview changes while it trains"
        way.view("Train")
        expect(page.locator(".model .facts")).to_contain_text("30")

        way.open_preview()
        shown = way.pixels()
        page.get_by_label("erode", exact=True).fill("120")
        wait(page, lambda: way.pixels() != shown)
        way.render()
        session = json.loads(session_path(home.result).read_text("utf-8"))
        assert {look["erode_modifier"] for look in session["looks"].values()} == {120}
        assert len(times_of(home.result)) == FRAMES
        assert read_mark(home.result) == DIGITAL_SOURCE_TYPE

        way.view("Result")
        result = page.get_by_label("the result", exact=True)
        wait(page, lambda: result.evaluate("video => video.readyState") >= 2)
        page.get_by_role("button", name="Play").click()
        wait(page, lambda: result.evaluate("video => video.ended"))
        assert not result.evaluate("video => video.error")
        page.get_by_role("button", name="Check it").click()
        verdict = "Marked as synthetic, unchanged, signed on this machine."
        expect(page.get_by_text(verdict)).to_be_visible(timeout=60_000)
        way.view("Project")
        expect(page.locator(".purpose").first).to_contain_text("Measure how good the result is")
