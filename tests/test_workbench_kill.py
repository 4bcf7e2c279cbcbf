"""kill -9 of the server, and of all that it started: the page shows what happened, and goes on."""

from contextlib import suppress

import numpy as np
import psutil
import pytest
from playwright.sync_api import expect
from support import clips
from support.browser import launched, needs_chromium, page_in
from support.clips import times_of
from support.way import Server, Way, wait

from converters.interactive.session_file import session_path
from models import model_folder
from utils.records import read_lines
from utils.workspace import JOURNAL, Workspace
from workbench.jobs import JobQueue

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

FRAMES = 60
ITERATIONS = 80
ENOUGH = 3  # files that are there before the kill


class Place:
    """A workspace whose server is killed and started again, and a browser that looks at it."""

    def __init__(self, home, page):
        self.way, self.queue, self.server = Way(page, home), JobQueue(home), None

    def open(self):
        self.server = Server(self.way.home.folder)
        self.way.page.goto(f"http://127.0.0.1:{self.server.port}/?token={self.server.token}")

    def job(self):
        """The processes of the job that runs: its own first; none if there is no such job."""
        pids = [job.pid for job in self.queue.jobs() if job.pid is not None]
        if not pids:
            return []
        process = psutil.Process(pids[-1])
        return [process, *process.children(recursive=True)]

    def kill(self):
        """Kill the server only, and open the page of another one."""
        self.server.kill()
        self.open()

    def kill_and_continue(self, begun):
        """Kill the server while a job runs, and then everything; let the page continue it."""
        wait(self.way.page, begun)
        job = self.job()
        assert job
        for process in job:
            process.suspend()  # or it may end before the page has looked
        self.kill()
        state = self.way.page.locator(".job-head .state")
        expect(state).to_have_text("running")
        for pid in self.queue.runners():
            psutil.Process(pid).kill()
        for process in job:
            process.kill()
        self.kill()
        expect(state).to_have_text("interrupted")
        expect(self.way.page.locator(".log .line").first).to_be_visible()
        self.way.page.get_by_role("button", name="Continue job").first.click()
        expect(state).to_have_text("running", timeout=30_000)
        self.way.ended()


@pytest.fixture
def place(tmp_path, request):
    frames = getattr(request, "param", FRAMES)
    home = Workspace(tmp_path / "work")
    home.folder.mkdir()
    times = [number / clips.NTSC for number in range(frames)]
    for side, draw in (("src", clips.astronaut), ("dst", clips.dim_astronaut)):
        clips.make_clip(home.clip(side), times, draw=draw, size=(320, 240))
    with launched() as chromium, page_in(chromium, console=False) as page:
        found = Place(home, page)
        found.open()
        yield found
        found.server.kill()
        with suppress(psutil.Error):
            for process in found.job():
                process.kill()


def files(folder):
    """Files of a folder to when they were written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("[!.]*.png")}


def test_nothing_is_lost_when_all_is_killed(place):
    way, home = place.way, place.way.home
    way.next("extract src", "faces of src")
    kept = {}

    def extracted():
        journal = (
            home.faces("src") / JOURNAL
        )  # of a frame that is not in it, the face is made again
        done = {record.get("item") for record in read_lines(journal)} if journal.exists() else ()
        found = files(home.faces("src"))
        kept.update({n: at for n, at in found.items() if f"{n.partition('_')[0]}.png" in done})
        return len(kept) >= ENOUGH

    place.kill_and_continue(extracted)
    after = files(home.faces("src"))
    # x264 encodes the clip a little differently at times, and then a frame has a second "face"
    assert len({name.partition("_")[0] for name in after}) == FRAMES
    assert kept.items() <= after.items(), "a face that was written is not made again"
    way.extract("dst")

    options = {"batch_size": 2, "measure_minutes": 0, "preview_minutes": 0}
    way.start_training(target_iter=ITERATIONS, save_minutes=0.05, **options)
    place.kill_and_continue(lambda: len(model_folder.generations(home.model)) > 1)
    way.view("Train")
    expect(way.page.locator(".model .facts")).to_contain_text(f"iteration{ITERATIONS}")

    change_a_setting(place)
    way.next("convert", "faces into the footage")
    progress = way.page.locator(".progress-facts")
    place.kill_and_continue(lambda: f"of {FRAMES} frames" in progress.text_content())
    assert len(times_of(home.result)) == FRAMES


def change_a_setting(place):
    """Kill the server while the preview is open: it ends, and the settings are kept."""
    way = place.way
    way.open_preview()
    slider = way.page.get_by_label("erode", exact=True)
    slider.fill("60")
    session = session_path(way.home.result)
    wait(way.page, lambda: session.exists() and "60" in session.read_text("utf-8"))
    place.kill()
    wait(way.page, lambda: not commands("convert"))
    way.open_preview()
    expect(slider).to_have_value("60")
    way.page.get_by_role("button", name="Close", exact=True).click()


def commands(word):
    """Processes that a view drives and whose command has a word."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if {word, "--remote"} <= set(process.info["cmdline"] or ())
    ]


@pytest.mark.parametrize("place", [12], indirect=True)
def test_what_the_views_do_is_not_lost(place):
    way, home = place.way, place.way.home
    for side in ("src", "dst"):
        way.extract(side)
    found = {path.read_bytes() for path in home.faces("src").glob("*.png")}
    way.next("sort src", "src")
    place.kill_and_continue(place.job)
    faces = sorted(way.faces("src"))
    assert {path.read_bytes() for path in home.faces("src").glob("*.png")} == found

    way.select_faces(10)
    way.delete_selected()
    way.page.wait_for_timeout(100)  # it is asked for, and begins
    place.kill()
    counts = way.page.locator(".counts").first
    way.page.evaluate("location.hash = '#faces/src'")
    expect(counts).to_contain_text("faces shown", timeout=60_000)
    left = len(way.faces("src"))
    assert left in (12, 2), "all of them or none"
    expect(counts).to_contain_text(f"{left} of {left} faces", timeout=60_000)
    if left == 2:
        way.undo_deletion()
        expect(counts).to_contain_text("12 of 12 faces", timeout=60_000)
    assert sorted(way.faces("src")) == faces

    def first():
        return next(info for info in way.faces("dst").values() if info.frame_index == 0)

    before = first().source_landmarks
    way.open_landmarks()
    way.drag_landmark(33, 6, -4)
    way.page.wait_for_timeout(500)
    place.kill()
    wait(way.page, lambda: not commands("edit-faces"))
    np.testing.assert_allclose(first().source_landmarks[33] - before[33], (6, -4), atol=1)
    way.open_landmarks()
    way.keep_frame()
