"""The page of the workbench in a real browser: Debian's chromium."""

import json
import time
from pathlib import Path
from urllib.parse import quote

import av
import pytest
from PIL import Image
from playwright.sync_api import expect
from support.browser import launched, needs_chromium, page_in
from support.clips import make_clip
from support.page import cancel_jobs, fake_stages, served
from support.synthetic import make_faceset

from utils.workspace import Workspace

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser():
    with launched() as chromium:
        yield chromium


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "it's <b>mine</b> & here"
    make_faceset(folder / "data_src" / "aligned", count=3)
    return Workspace(folder)


@pytest.fixture
def client(home, monkeypatch):
    fake_stages(monkeypatch)
    with served(home) as client:
        yield client.enter()
        cancel_jobs(client)


@pytest.fixture
def page(browser, client):
    """The page, let in by the address that is printed; nothing may go wrong in it."""
    with page_in(browser) as page:
        page.goto(f"http://{client.host}/?token={client.app.door.token}")
        expect(page.locator(".facts dt").first).to_be_visible()
        yield page


def commands(page, stage, values):
    page.evaluate(
        "hash => (location.hash = hash)", f"#commands/{quote(json.dumps([stage, values]))}"
    )
    expect(page.get_by_role("heading", name=stage, exact=True)).to_be_visible()


def wait(page, true, seconds=20):
    """Wait until something is true; the page forbids Playwright's own way, which evaluates text."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come to pass"
        page.wait_for_timeout(20)


def test_names_are_text_and_the_token_does_not_stay_in_the_address(page, home, client):
    expect(page.locator("#folder")).to_have_text(str(home.folder))
    assert page.locator("b").count() == 0
    assert page.url == f"http://{client.host}/"
    assert page.evaluate("document.cookie") == ""
    expect(page.locator(".facts")).to_contain_text("src faces")
    expect(page.locator(".facts dd").nth(1)).to_have_text("3")


def test_a_clip_is_sent_and_plays(page, home, tmp_path):
    clip = make_clip(tmp_path / "holiday.mp4")
    page.locator("#file-dst").set_input_files(clip)
    video = page.get_by_label("the clip of dst", exact=True)
    expect(video).to_be_visible()
    wait(page, lambda: video.evaluate("video => video.readyState") >= 1)
    stored = home.folder / "data_dst.mp4"
    assert stored.read_bytes() == Path(clip).read_bytes()
    with av.open(stored) as container:
        seconds = container.duration / av.time_base
    assert video.evaluate("video => video.duration") == pytest.approx(seconds, abs=0.1)
    expect(page.locator(".purpose")).to_have_text("Find the faces of dst, the footage to change")


def test_a_command_is_filled_in_run_watched_and_stopped(page, home):
    commands(page, "sort", {"side": "src"})
    page.get_by_label("--by", exact=True).select_option("hist")
    command = page.locator(".foot code")
    expect(command).to_contain_text("sort src")
    expect(command).to_contain_text("--workspace")
    page.get_by_label("--target", exact=True).fill("many")
    expect(page.locator("#option-target-error")).to_contain_text("Expected a whole number")
    run = page.get_by_role("button", name="Run", exact=True)
    expect(run).to_be_disabled()
    page.get_by_label("--target", exact=True).fill("")
    page.get_by_label("--by", exact=True).select_option("blur")
    page.get_by_label("--by", exact=True).select_option("hist")
    expect(command).to_contain_text("python main.py sort src --workspace")  # hist is the default
    page.get_by_label("--by", exact=True).select_option("black")
    expect(command).to_contain_text("sort src --by black")
    run.click()
    expect(page.locator(".log")).to_contain_text("begins sort src --by black")
    expect(page.locator(".job-head .state")).to_have_text("failed")
    page.get_by_role("link", name="Queue").click()
    page.get_by_role("button", name="Run job 1 again").first.click()
    expect(page.locator(".log")).to_contain_text("begins sort src --by black")


def test_a_preset_brings_back_what_was_entered(page):
    commands(page, "sort", {"side": "src", "by": "black"})
    page.get_by_label("Name of a preset").fill("dark ones")
    page.get_by_role("button", name="Save as preset").click()
    expect(page.get_by_label("Preset", exact=True)).to_have_value("dark ones")
    page.get_by_role("button", name="Defaults").click()
    command = page.locator(".foot code")
    expect(command).not_to_contain_text("--by")
    page.get_by_label("Preset", exact=True).select_option("dark ones")
    expect(command).to_contain_text("sort src --by black")
    page.get_by_role("button", name="Remove preset").click()
    expect(page.get_by_label("Preset", exact=True)).to_be_hidden()


def test_a_running_job_is_shown_after_a_reload_and_can_be_stopped(page, client):
    values = {"side": "src", "by": "hist"}
    client.post("/api/jobs", {"stage": "sort", "values": values})
    expect(page.locator(".log")).to_contain_text("begins sort src --by hist")
    page.reload()
    expect(page.locator(".log")).to_contain_text("begins sort src --by hist")
    expect(page.locator(".job-head .state")).to_have_text("running")
    page.get_by_role("button", name="Stop job 1").click()
    expect(page.locator(".job-head .state")).to_have_text("canceled")


def test_waiting_jobs_change_places_on_the_page(page, client):
    """With the keyboard alone; the focus stays on the job that is moved."""
    for by in ("hist", "black", "hue"):
        job = {"stage": "sort", "values": {"side": "src", "by": by}, "run": False}
        client.post("/api/jobs", job)
    client.post("/api/jobs", job | {"after": [3]})
    page.get_by_role("link", name="Queue").click()
    numbers = page.locator(".jobs .number")
    expect(numbers).to_have_text(["1", "2", "3", "4"])
    page.get_by_role("button", name="Move job 3 up").focus()
    page.keyboard.press("Enter")
    expect(numbers).to_have_text(["1", "3", "2", "4"])
    expect(page.get_by_role("button", name="Move job 3 up")).to_be_focused()
    page.keyboard.press("Enter")
    expect(numbers).to_have_text(["3", "1", "2", "4"])
    expect(page.get_by_role("button", name="Move job 3 down")).to_be_focused()
    expect(page.get_by_role("button", name="Move job 3 up")).to_be_disabled()
    page.get_by_role("button", name="Move job 4 up").click()
    page.get_by_role("button", name="Move job 4 up").click()
    expect(numbers).to_have_text(["3", "4", "1", "2"])
    assert [job.number for job in client.app.queue.jobs()] == [3, 4, 1, 2]
    status, _, content = client.post("/api/jobs/4/move", {"before": 3})
    assert (status, b"job 4 waits for job 3" in content) == (400, True)
    for wrong in ({"before": "1"}, {"before": 9}, {"before": []}):
        assert client.post("/api/jobs/4/move", wrong)[0] == 400


def test_the_preview_changes_on_the_page(page, home):
    home.model.mkdir()
    for size in (40, 70):
        Image.new("RGB", (size, 30)).save(home.model / "preview.png")
        preview = page.locator(".preview")
        wait(page, lambda: preview.evaluate("image => image.naturalWidth") == size)  # noqa: B023


def test_a_view_without_anything_to_show_says_what_comes_first(page, home):
    page.get_by_role("link", name="Result").click()
    expect(page.locator("main .empty")).to_contain_text("No result yet")
    page.locator("main").get_by_role("link", name="Convert").click()
    expect(page.locator("main .empty")).to_contain_text("No model yet")
    page.locator("main").get_by_role("link", name="Train").click()
    expect(page.locator("main .empty")).to_contain_text("Extract the faces of src and dst first")
    make_faceset(home.faces("dst"), count=1)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible(timeout=20_000)
    expect(page.get_by_role("region", name="Job")).to_be_hidden()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("region", name="Job")).to_contain_text("train", timeout=20_000)


def test_the_keyboard_reaches_everything_that_can_be_clicked(page):
    clickable = page.evaluate(
        "[...document.querySelectorAll('a[href], button, input, select, textarea')]"
        ".filter(e => e.checkVisibility() && !e.disabled)"
        ".map((e, n) => (e.dataset.n = n)).length"
    )
    reached = set()
    for _ in range(clickable + 10):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.n"))
    assert clickable > 5
    assert reached - {None} == set(map(str, range(clickable)))


def test_without_the_token_the_page_says_what_is_missing(browser, client):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://{client.host}/")
    expect(page.get_by_role("heading", name="This address is incomplete")).to_be_visible()
    context.close()
