"""Two pages at once: both show the same, and what they cannot both do is said on one of them."""

import json
import threading

import pytest
from playwright.sync_api import expect
from support.browser import launched, needs_chromium, page_in
from support.page import cancel_jobs, events_until, fake_stages, served
from support.synthetic import make_faceset

from utils.workspace import Workspace

COUNT = 12
ENDLESS = {"stage": "sort", "values": {"side": "src", "by": "hist"}}


@pytest.fixture
def home(tmp_path):
    home = Workspace(tmp_path / "work space")
    make_faceset(home.faces("src"), count=COUNT)
    return home


@pytest.fixture
def client(home):
    with served(home) as client:
        yield client.enter()
        cancel_jobs(client)


def test_what_two_pages_start_at_once_is_started_once(client, monkeypatch):
    fake_stages(monkeypatch)
    answers = []
    pages = [
        threading.Thread(target=lambda: answers.append(client.post("/api/jobs", ENDLESS)))
        for _ in range(4)
    ]
    for page in pages:
        page.start()
    for page in pages:
        page.join()
    assert sorted(status for status, _, _ in answers) == [200, 400, 400, 400]
    refused = json.loads(next(content for status, _, content in answers if status == 400))
    assert refused["error"].startswith("job 1 is the same command, and ")
    assert len(client.app.queue.jobs()) == 1
    assert client.post("/api/jobs", {**ENDLESS, "run": False})[0] == 200  # meant to be done again


def test_faces_that_change_are_told_when_they_are_at_rest(client, home):
    def changed(event):
        return event["type"] == "faces" and event["stamps"]["src"] > stamp

    stamp = json.loads(client.post("/api/faces/src/list")[2])["stamp"]
    names = client.json("/api/faces/src/table")["columns"]["name"]
    with client.live() as live:
        answer = json.loads(client.post("/api/faces/src/delete", {"names": names[:2]})[2])
        assert answer["stamp"] > stamp
        told = events_until(live, changed)[-1]["stamps"]
        assert told == {"src": answer["stamp"], "dst": 0}
        stamp = told["src"]
        (home.faces("src") / names[2]).unlink()
        events_until(live, changed)
    client.post("/api/faces/src/list")
    assert client.json("/api/faces/src/table")["columns"]["name"] == names[3:]


def test_a_table_that_was_begun_before_a_deletion_is_not_that_of_another_page(client, home):
    names = sorted(path.name for path in home.faces("src").glob("*.png"))
    first = threading.Thread(target=lambda: client.post("/api/faces/src/list"))
    first.start()
    client.post("/api/faces/src/delete", {"names": names[:2]})
    client.post("/api/faces/src/list")
    assert client.json("/api/faces/src/table")["columns"]["name"] == names[2:]
    first.join()


@needs_chromium
def test_the_order_of_another_page_is_not_taken(client):
    came = []

    def by_hist_at_first(route):
        answer = route.fetch()
        came.append(answer.json() | ({} if came else {"by": "hist"}))
        route.fulfill(response=answer, json=came[-1])

    with launched() as chromium, page_in(chromium) as page:
        page.route("**/api/faces/src/table", by_hist_at_first)
        page.goto(f"http://{client.host}/?token={client.app.door.token}#faces/src")
        expect(page.get_by_label("Order")).to_have_value("name", timeout=30_000)
        expect(page.locator(".counts")).to_contain_text(f"{COUNT} of {COUNT}", timeout=30_000)
    assert [table["by"] for table in came] == ["hist", None]


@pytest.mark.slow
@needs_chromium
def test_both_pages_show_what_one_of_them_does(client, home):
    url = f"http://{client.host}/?token={client.app.door.token}"
    with launched() as chromium, page_in(chromium) as one, page_in(chromium) as other:

        def shown(page, count, selected=0):
            text = f"{count} of {count} faces shown, {selected} selected"
            expect(page.locator(".counts")).to_have_text(text, timeout=30_000)

        for page in (one, other):
            page.goto(f"{url}#faces/src")
            shown(page, COUNT)
        one.get_by_role("grid", name="Faces").focus()
        one.keyboard.press("Home")
        shown(one, COUNT, 1)
        other.get_by_role("grid", name="Faces").focus()
        other.keyboard.press("End")
        other.keyboard.press("Shift+ArrowLeft")
        shown(other, COUNT, 2)
        one.keyboard.press("Delete")
        shown(one, COUNT - 1)
        shown(other, COUNT - 1, 2)  # what it selected is still selected
        other.keyboard.press("Delete")
        shown(other, COUNT - 3)
        shown(one, COUNT - 3)
        for page in (one, other):  # each takes back the last deletion, of whichever page
            page.get_by_role("button", name="Undo", exact=True).click()
            expect(page.locator(".faces-foot .said")).to_contain_text("put back", timeout=30_000)
        for page in (one, other):
            shown(page, COUNT)
        assert len(list(home.faces("src").glob("*.png"))) == COUNT
