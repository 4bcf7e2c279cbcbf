"""kill -9 of the server, and of all that it started: the page shows what happened, and goes on."""

from contextlib import suppress

import psutil
import pytest
from playwright.sync_api import expect
from support import clips
from support.browser import launched, needs_chromium, page_in
from support.clips import times_of
from support.way import Server, Way, wait

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

    def kill_and_continue(self, begun):
        """Kill the server while a job runs, and then everything; let the page continue it."""
        wait(self.way.page, begun)
        job = self.job()
        assert job
        for process in job:
            process.suspend()  # or it may end before the page has looked
        self.server.kill()
        self.open()
        state = self.way.page.locator(".job-head .state")
        expect(state).to_have_text("running")
        for pid in self.queue.runners():
            psutil.Process(pid).kill()
        for process in job:
            process.kill()
        self.server.kill()
        self.open()
        expect(state).to_have_text("interrupted")
        expect(self.way.page.locator(".log .line").first).to_be_visible()
        self.way.page.get_by_role("button", name="Continue job").first.click()
        expect(state).to_have_text("running", timeout=30_000)
        self.way.ended()


@pytest.fixture
def place(tmp_path):
    home = Workspace(tmp_path / "work")
    home.folder.mkdir()
    times = [number / clips.NTSC for number in range(FRAMES)]
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

    way.next("convert", "faces into the footage")
    progress = way.page.locator(".progress-facts")
    place.kill_and_continue(lambda: f"of {FRAMES} frames" in progress.text_content())
    assert len(times_of(home.result)) == FRAMES
