"""Changing the options of a training that runs: at once, by a new start, and on the page."""

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from filelock import FileLock
from playwright.sync_api import expect
from support.browser import needs_chromium, page_of
from support.page import cancel_jobs, events_until, fake_stages, served
from support.synthetic import make_faceset

from models.checkpoint import save_generation
from utils.errors import UsageError
from utils.workspace import Workspace
from workbench import runner
from workbench.job import JobState
from workbench.jobs import JobQueue

PATH = "/api/train/model/options"


@pytest.fixture
def home(tmp_path):
    home = Workspace(tmp_path / "work space")
    for side in ("src", "dst"):
        make_faceset(home.faces(side), count=2)
    state = {"model": "H64", "iteration": 100, "seconds": 90.0, "loss_names": ["src", "dst"]}
    history = np.linspace([0.5, 1], [0.1, 0.2], 100)
    save_generation(
        home.model, state=state, options={"model": "H64", "save_minutes": 7.0}, weights={},
        optimizer={}, history=history, keep=3,
    )  # fmt: skip
    return home


@pytest.fixture
def client(home, monkeypatch):
    fake_stages(monkeypatch, "fake_training.py")
    with served(home) as client:
        yield client.enter()
        cancel_jobs(client)


def start(client, **values):
    assert client.post("/api/jobs", {"stage": "train", "values": values})[0] == 200


def change(client, **values):
    status, _, content = client.post(PATH, {"values": values})
    return status, json.loads(content)


def logged(live, text):
    events_until(live, lambda e: e["type"] == "log" and text in json.dumps(e))


def words(client):
    return list(client.app.queue.job(1).words)


def fields(form):
    return {field["name"]: field for group in form["groups"] for field in group["fields"]}


def test_what_runs_takes_options_at_once_or_goes_on_with_them(client, home):
    start(client, batch_size=2, stop_when="0.5")
    with client.live() as live:
        logged(live, "Training")
        form = client.json(PATH)
        may = fields(form)
        assert {"target_iter", "batch_size", "lr_dropout", "train_color_transfer"} < set(may)
        assert not {"model", "lightweight", "model_dir", "cpu_only", "swap_sides"} & set(may)
        assert (may["target_iter"]["live"], may["batch_size"]["live"]) == (True, False)
        now = {name: may[name]["default"] for name in ("save_minutes", "batch_size", "stop_when")}
        assert now == {"save_minutes": 7.0, "batch_size": 2, "stop_when": "0.5"}
        assert (form["how"], form["say"]) == ("", "")

        assert change(client, target_iter="900", save_minutes=10) == (200, {"how": "live"})
        logged(live, "did options")
        one = ["train", "--batch-size", "2", "--stop-when", "0.5"]
        assert words(client) == [*one, "--target-iter", "900", "--save-minutes", "10.0"]
        events_until(live, lambda e: "target iter 900 (before: no limit)" in json.dumps(e))

        assert change(client, batch_size="4", target_iter=800) == (200, {"how": "again"})
        logged(live, "began after")
    told = [json.loads(line) for line in client.app.queue.log(1).read_text().splitlines()]
    ended = next(number for number, event in enumerate(told) if event["event"] == "end")
    reached = max(event.get("item", 0) for event in told[:ended])
    again = next(event for event in told[ended:] if event["event"] == "message")
    assert again["text"] == f"began after {reached}"
    rest = ["--save-minutes", "10.0", "--batch-size", "4", "--target-iter", "800"]
    assert words(client) == ["train", "--stop-when", "0.5", *rest]
    assert client.app.queue.job(1).attempts == 2


@pytest.mark.parametrize(
    "values",
    [{}, {"batch_size": "0.5"}, {"target_iter": -1}, {"stop_when": "soon"}, {"model": "H64"},
     {"model_dir": "x"}, {"cpu_only": True}, {"nothing": 1}, {"keep": [1, 2]},
     {"target_iter": ""}, {"keep": 2, "stop_when": " "}, {"target_minutes": None}],
)  # fmt: skip
def test_what_makes_no_sense_changes_nothing(client, home, values, tmp_path):
    with FileLock(home.model / ".train.lock"):
        status, content = change(client, **values)
    assert status == 400
    assert content["error"]
    assert not (home.model / "options.request").exists()


def test_a_training_of_a_terminal_takes_what_takes_effect_while_it_runs(client, home):
    assert change(client, target_iter=900)[0] == 404
    with FileLock(home.model / ".train.lock"), client.live() as live:
        told = events_until(live, lambda e: e["type"] == "training")[-1]["models"][0]
        assert (told["elsewhere"], told["job"]) == (True, None)
        form = client.json(PATH)
        assert "Ctrl-C" in form["say"]
        assert fields(form)["batch_size"]["locked"]
        status, content = change(client, batch_size=4, target_iter=900)
        assert (status, "Ctrl-C" in content["error"]) == (400, True)
        assert change(client, target_iter=900) == (200, {"how": "live"})
        assert change(client, keep=2) == (200, {"how": "live"})  # by a second page, at once
        assert client.post("/api/train/model/save")[0] == 200
    asked = json.loads((home.model / "options.request").read_text())
    assert asked == {"target_iter": 900, "keep": 2}
    assert (home.model / "save.request").exists()


def test_a_training_that_only_begins_is_not_asked(client, home):
    queue = client.app.queue
    queue.add(["train"])
    queue.started(queue.claim("default"), os.getpid())
    status, content = change(client, target_iter=900)
    assert (status, "only begins" in content["error"]) == (404, True)
    assert client.post("/api/train/model/save")[0] == 404
    assert words(client) == ["train"]
    assert list(home.model.glob("*.request")) == []


def test_changes_of_two_pages_at_once_are_both_made(client, home, monkeypatch):
    queue = client.app.queue
    queue.add(["train"])
    queue.started(queue.claim("default"), os.getpid())
    reword, both = JobQueue.reword, threading.Barrier(2)

    def meet(*args, **how):
        with suppress(threading.BrokenBarrierError):  # the other one waits for its turn
            both.wait(0.3)
        return reword(*args, **how)

    monkeypatch.setattr(JobQueue, "reword", meet)
    with FileLock(home.model / ".train.lock"), ThreadPoolExecutor(2) as pages:
        asked = [pages.submit(change, client, **value) for value in ({"keep": 2}, {"cool_down": 0})]
        assert [each.result() for each in asked] == [(200, {"how": "live"})] * 2
    assert sorted(words(client)) == sorted(["train", "--keep", "2", "--cool-down", "0.0"])
    assert json.loads((home.model / "options.request").read_text()) == {"keep": 2, "cool_down": 0}


def test_a_training_that_failed_says_why(client):
    start(client, batch_size=3)
    with client.live() as live:
        told = events_until(live, lambda e: e["type"] == "training" and e["models"][0]["failure"])
    assert told[-1]["models"][0]["failure"] == "there is no batch size of 3"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (130, "waiting"),
        (-2, "waiting"),
        (0xC000013A, "waiting"),
        (0, "done"),
        (-9, "interrupted"),
        (1, "failed"),
    ],
)
def test_only_a_job_that_has_saved_goes_on_with_other_words(client, status, state):
    queue, asked = client.app.queue, []
    queue.add(["train"])
    job = queue.claim("default")
    queue.started(job, os.getpid())
    assert queue.reword(1, ["train", "--keep", "2"], asked.append).state == JobState.CHANGING
    with pytest.raises(UsageError, match="is changing"):
        queue.reword(1, ["train"], asked.append)
    assert asked == [os.getpid()]
    assert queue.finish(job, status) == state
    assert words(client) == ["train", "--keep", "2"]


def test_stopping_what_saves_already_lets_it_save(client, monkeypatch):
    queue, asked = client.app.queue, []
    queue.add(["train"])
    job = queue.claim("default")
    queue.started(job, os.getpid())
    queue.reword(1, ["train"], asked.append)
    asked.clear()
    monkeypatch.setattr(runner, "stop", asked.append)
    assert runner.cancel(queue, 1).state == JobState.STOPPING
    assert asked == []  # a second Ctrl-C would end it without saving
    queue.add(["convert"], after=[1])
    assert queue.finish(job, 130) == JobState.DONE  # so what waits for it can begin
    assert queue.claim("default").number == 2


def test_a_job_that_is_stopped_while_it_starts_stops(client, monkeypatch):
    queue = client.app.queue
    queue.add(["train"])
    queue.set_runner("default", os.getpid())
    job = queue.claim("default")
    assert runner.cancel(queue, 1).state == JobState.STOPPING  # its process is not known yet
    wait = [sys.executable, "-c", "import time; time.sleep(20)"]
    monkeypatch.setattr(runner, "command", lambda *_: wait)
    assert runner._run(queue, job) == JobState.CANCELED


@needs_chromium
def test_options_are_changed_on_the_page(client):
    start(client)
    with page_of(client, "train") as page:
        model = page.get_by_label("model", exact=True)
        expect(model.locator(".facts")).to_contain_text("GPU memory1.5 GB, at most 2.5 GB")
        model.get_by_text("Change options").click()
        expect(model.get_by_label("--target-minutes")).to_be_visible()
        for advanced in model.get_by_text("Advanced").all():
            advanced.click()
        apply = model.get_by_role("button", name="Apply")
        expect(apply).to_be_disabled()
        model.get_by_label("--target-minutes").fill("many")
        expect(model.get_by_text("Expected a number of at least 0").first).to_be_visible()
        expect(apply).to_be_disabled()
        model.get_by_label("--target-minutes").fill("90")
        expect(apply).to_have_text("Apply: at once")
        apply.click()
        expect(model.locator(".change .said")).to_contain_text("next iteration")
        expect(model.locator(".changes li")).to_contain_text("target minutes 90 (before: no limit)")
        model.get_by_label("--batch-size").fill("4")
        expect(apply).to_contain_text("Apply: saves, continues")
        expect(model.locator(".change .command code")).to_contain_text(
            "--target-minutes 90.0 --batch-size 4"
        )
        apply.click()
        expect(page.locator(".state.changing, .change .said").first).to_contain_text("goes on")
        expect(model.locator(".facts")).to_contain_text("2 per second")
    assert words(client)[-2:] == ["--batch-size", "4"]
