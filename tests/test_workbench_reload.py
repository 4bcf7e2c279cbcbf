"""The page is loaded again in the middle of each step: it shows what runs, and nothing is lost."""

import numpy as np
import psutil
import pytest
from playwright.sync_api import expect
from support import clips
from support.browser import needs_chromium
from support.clips import times_of
from support.way import TINY, opened, wait

from utils.workspace import Workspace
from workbench.jobs import JobQueue

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

FRAMES = 40
DELETED = 10
ITERATIONS = 60
ERODED = 60
LANDMARK, RIGHT, DOWN = 33, 6, -4


@pytest.fixture
def way(tmp_path):
    home = Workspace(tmp_path / "work")
    home.folder.mkdir()
    for side, draw in (("src", clips.astronaut), ("dst", clips.dim_astronaut)):
        clips.make_clip(home.clip(side), clips.STEADY[:FRAMES], draw=draw, size=(320, 240))
    with opened(home) as found:
        yield found


def commands(word):
    """Processes of the page whose command has a word."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if word in (process.info["cmdline"] or ()) and "--remote" in process.info["cmdline"]
    ]


def reload_while_it_runs(way, count, view=None):
    """Load the page again as soon as the job tells how far it is, and wait for its end."""
    facts = way.page.locator(".progress-facts")
    wait(way.page, lambda: " of " in (facts.text_content() or ""))
    way.page.reload()
    jobs = JobQueue(way.home).jobs()
    expect(way.page.locator(".job-title")).to_contain_text(jobs[-1].words[0])
    expect(way.page.locator(".log .line").first).to_be_visible()
    way.ended()
    jobs = JobQueue(way.home).jobs()
    assert len(jobs) == count
    assert jobs[-1].attempts == 1


def test_nothing_is_lost_when_the_page_is_loaded_again(way):
    for number, side in enumerate(("src", "dst"), 1):
        way.next(f"extract {side}", f"faces of {side}")
        reload_while_it_runs(way, number)
        assert {info.frame_index for info in way.faces(side).values()} == set(range(FRAMES))
    way.next("sort src", "src")
    way.page.reload()
    way.ended()
    found = set(way.faces("src"))
    delete(way, found)
    correct(way)
    train(way)
    preview(way)
    render(way)


def delete(way, found):
    page = way.page
    way.select_faces(DELETED)
    way.delete_selected()
    page.reload()
    left = len(found) - DELETED
    expect(page.locator(".counts").first).to_contain_text(f"{left} of {left} faces", timeout=60_000)
    assert len(way.faces("src")) == left
    way.undo_deletion()
    page.reload()
    expect(page.locator(".counts").first).to_contain_text(
        f"{len(found)} of {len(found)} faces", timeout=60_000
    )
    assert set(way.faces("src")) == found


def correct(way):
    def first():
        return next(info for info in way.faces("dst").values() if info.frame_index == 0)

    before = first().source_landmarks
    way.open_landmarks()
    way.page.reload()
    way.open_landmarks()
    way.drag_landmark(LANDMARK, RIGHT, DOWN)
    way.page.reload()  # before the frame is kept
    way.open_landmarks()
    wait(way.page, lambda: len(commands("edit-faces")) == 1)
    moved = first().source_landmarks - before
    np.testing.assert_allclose(moved[LANDMARK], (RIGHT, DOWN), atol=1)
    way.keep_frame()


def train(way):
    often = {"batch_size": 2, "preview_minutes": 0.01, "measure_minutes": 0}
    way.start_training(**TINY, **often, target_iter=ITERATIONS)
    reload_while_it_runs(way, 4)
    way.view("Train")
    expect(way.page.locator(".model .facts")).to_contain_text(f"iteration{ITERATIONS}")


def preview(way):
    page = way.page
    stage = page.get_by_role("img", name="the preview")
    slider = page.get_by_label("erode", exact=True)
    way.view("Convert")
    page.get_by_role("button", name="Open the preview").click()
    wait(page, lambda: commands("convert"))
    page.reload()
    expect(stage).to_have_attribute("data-frame", "0", timeout=180_000)
    slider.fill(f"{ERODED}")
    page.get_by_role("button", name="next frame", exact=True).click()
    expect(stage).to_have_attribute("data-frame", "1", timeout=60_000)
    page.reload()
    expect(stage).to_have_attribute("data-frame", "1", timeout=60_000)
    expect(slider).to_have_value(f"{ERODED}")
    assert len(commands("convert")) == 1


def render(way):
    page = way.page
    page.get_by_role("button", name="Render", exact=True).click()
    expect(page.locator(".job-title")).to_contain_text("convert", timeout=20_000)
    reload_while_it_runs(way, 5)
    assert len(times_of(way.home.result)) == FRAMES
    way.view("Result")
    result = page.get_by_label("the result", exact=True)
    page.get_by_role("button", name="Play").click()
    wait(page, lambda: result.evaluate("video => video.currentTime") > 0)
    page.get_by_role("button", name="Check it").click()
    page.reload()
    wait(page, lambda: result.evaluate("video => video.readyState") >= 2)
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_text("Marked as synthetic")).to_be_visible(timeout=60_000)
    assert len(JobQueue(way.home).jobs()) == 5
