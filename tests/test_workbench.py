"""The workbench: what pages are told, jobs from the page, closing and killing the server."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.page import Client, events_until, fake_stages, served
from support.synthetic import make_faceset

from utils.errors import UserError
from utils.lock import TRAIN_LOCK, locked
from utils.workspace import Workspace
from workbench import runner
from workbench.job import born, is_alive
from workbench.jobs import JobQueue

ROOT = Path(__file__).parent.parent


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "work space"
    make_faceset(folder / "data_src" / "aligned", count=3)
    return Workspace(folder)


@pytest.fixture
def client(home, monkeypatch):
    """A client that is let in; what still runs at the end is killed."""
    fake_stages(monkeypatch)
    with served(home) as client:
        yield client.enter()
    kill_all(JobQueue(home))


def kill_all(queue):
    for pid in [*queue.runners(), *(job.pid for job in queue.jobs() if job.pid)]:
        os.kill(pid, signal.SIGKILL)


def job_in(event, number):
    return next((job for job in event.get("jobs", []) if job["number"] == number), None)


def is_state(number, state):
    return lambda event: (job_in(event, number) or {}).get("state") == state


def says(text):
    return lambda event: (
        event["type"] == "log" and any(text in e.get("text", "") for e in event["events"])
    )


def test_the_project_is_what_status_says(client):
    with client.live() as live:
        told = events_until(live, lambda event: event["type"] == "preview")
    project = next(event for event in told if event["type"] == "project")
    assert ["src faces", "3"] in project["rows"]
    assert project["next"]["purpose"].startswith("copy the clip of dst")
    assert project["next"]["command"] == ""
    assert project["lacks"] == "dst"
    assert project["folder"] == str(client.app.home.folder)


def test_a_training_in_a_terminal_is_waited_for(client):
    """The page offers no step into what another program writes."""
    home = client.app.home
    make_faceset(home.faces("dst"), count=1)
    home.model.mkdir()
    with client.live() as live:
        told = events_until(live, lambda event: event["type"] == "project")
        assert told[-1]["next"]["stage"] == "sort"
        with locked(home.model / TRAIN_LOCK, UserError("taken")):
            told = events_until(live, lambda e: e["type"] == "project" and not e["next"]["words"])
            assert told[-1]["next"]["purpose"].startswith("wait for the training, or stop it")
            assert told[-1]["lacks"] == ""
            queued = {"stage": "sort", "values": {"side": "src", "by": "hist"}}
            client.post("/api/jobs", queued)  # the queue itself waits for what it runs
            events_until(live, lambda e: e["type"] == "project" and e["next"]["stage"] == "sort")


def test_a_clip_that_is_sent_is_told_to_the_page_and_becomes_the_next_step(client):
    with client.live() as live:
        assert client.post("/api/upload/dst?name=holiday.mp4", b"a clip")[0] == 200
        told = events_until(
            live, lambda e: e["type"] == "project" and e["next"]["stage"] == "extract"
        )
    assert client.get(told[-1]["sides"]["dst"]["clip"])[2] == b"a clip"
    assert told[-1]["next"]["values"] == {"side": "dst"}
    command = told[-1]["next"]["command"]
    assert command == client.form("extract", {"side": "dst"})["command"]
    assert command.startswith("python main.py extract dst --workspace ")


def test_a_job_is_run_shown_and_stopped_on_two_pages(client):
    with client.live() as first, client.live() as second:
        status, _, content = client.post(
            "/api/jobs", {"stage": "sort", "values": {"side": "src", "by": "hist"}}
        )
        assert status == 200, content
        for live in (first, second):
            events_until(live, says("begins sort src --by hist"))
        assert client.post("/api/jobs/1/cancel")[0] == 200
        for live in (first, second):
            told = events_until(live, is_state(1, "canceled"))
        assert job_in(told[-1], 1)["command"].startswith("python main.py sort src --by hist")


def test_a_page_that_is_opened_later_is_told_what_runs_and_what_it_said(client):
    client.post("/api/jobs", {"stage": "sort", "values": {"side": "src", "by": "blur"}})
    client.post("/api/jobs", {"stage": "sort", "values": {"side": "src", "by": "hist"}})
    with client.live() as live:
        events_until(live, is_state(2, "running"))
    with client.live() as live:
        told = events_until(live, says("begins sort src --by hist"))
        assert told[-1]["job"] == 2
        live.send(json.dumps({"show": 1}))
        assert events_until(live, says("begins sort src --by blur"))[-1]["job"] == 1
        for nonsense in ("", "[]", '{"show": "x"}', '{"show": 99}', "\ud7ff"):
            live.send(nonsense)
        (client.app.home.folder / "go").touch()
        events_until(live, is_state(2, "done"))


def test_a_new_preview_is_told_at_once(client):
    preview = client.app.home.model / "preview.png"
    preview.parent.mkdir()
    with client.live() as live:
        assert events_until(live, lambda e: e["type"] == "preview")[-1]["url"] is None
        for content in (b"first", b"second"):
            preview.write_bytes(content)
            told = events_until(live, lambda e: e["type"] == "preview")
            assert client.get(told[-1]["url"])[2] == content


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"no json", "Expected a JSON object"),
        (b"[]", "Expected a JSON object"),
        (b"[" * 100_000, "Expected a JSON object"),
        (b'{"stage": "workbench"}', "Expected one of status"),
        (b'{"stage": "sort"}', "src or dst?"),
        (b'{"stage": "sort", "values": [], "after": []}', "Expected a form's values"),
        (b'{"stage": "sort", "values": {"side": "src"}, "after": [9]}', "there is no job 9"),
        (b'{"stage": "sort", "values": {"by": "x", "side": "src"}}', "--by: Expected one of"),
        (b'{"stage": "%s"}' % (b"x" * 2_000_000), "at most"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(client, body, said):
    status, _, content = client.post("/api/jobs", body)
    assert status == 400
    assert said in json.loads(content)["error"]
    assert client.app.queue.jobs() == []


def test_values_of_a_form_are_saved_under_a_name(client):
    values = {"side": "src", "by": "blur"}
    path = "/api/presets/sort"
    assert client.post(path, {"name": " sharp <b>first</b> ", "values": values})[0] == 200
    assert client.post(path, {"name": "second", "values": {}})[0] == 200
    assert client.post("/api/presets/util%20pack", {"name": "x", "values": {}})[0] == 200
    assert client.form("sort")["presets"] == {"sharp <b>first</b>": values, "second": {}}
    assert client.post(path, {"name": "second", "values": None})[0] == 200
    assert client.form("sort")["presets"] == {"sharp <b>first</b>": values}
    for wrong in ({"name": ""}, {"name": "x" * 61}, {"name": "a\nb"}, {"name": "x", "values": []}):
        assert client.post(path, wrong)[0] == 400
    (client.app.home.folder / ".queue" / "presets.json").write_text("{")
    status, _, content = client.get("/api/form/sort")
    assert (status, b"is damaged" in content) == (404, True)


# --------------------------------------------------------------------- the process


@pytest.fixture
def start(home):
    """Starts the program; returns it and a client that is let in."""
    started = []

    def begin():
        command = [sys.executable, str(ROOT / "main.py"), "workbench", "--no-open", "--port", "0"]
        process = subprocess.Popen(
            [*command, "--workspace", str(home.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        lines = [process.stdout.readline() for _ in range(3)]
        url = lines[1].split()[-1]
        client = Client(None, int(url.split(":")[2].split("/")[0]))
        status, headers, _ = client.get(f"/?{url.partition('?')[2]}")
        assert status == 303, lines
        client.cookie = headers["Set-Cookie"].partition(";")[0]
        client.csrf = client.json("/api/session")["csrf"]
        return process, client

    yield begin
    kill_all(JobQueue(home))
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def until_running(home):
    """Wait until the job runs."""
    queue = JobQueue(home)
    until = time.monotonic() + 30
    while not (queue.jobs() and queue.job(1).pid and queue.log(1).read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return queue


def test_the_server_loads_nothing_heavy(home):
    code = (
        "import sys; from pathlib import Path; from utils.workspace import Workspace\n"
        "from workbench import server, forms, live, queue\n"
        f"home = Workspace(Path({str(home.folder)!r})); live.project(home)\n"
        "for name in forms.commands(): forms.form(name, {}, home)\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"tensorflow.python", "keras.src", "numpy", "scipy", "cv2.gapi", "PIL", "skimage"}
    assert not heavy & set(done.stdout.split())


def test_ctrl_c_closes_the_server(start):
    process, client = start()
    assert client.json("/api/session")["commands"]["train"]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_a_job_outlives_a_killed_server_and_is_shown_by_the_next(client, home, start):
    client.post("/api/jobs", {"stage": "sort", "values": {"side": "src", "by": "hist"}})
    queue = until_running(home)
    process, other = start()
    process.kill()
    process.wait()
    assert is_alive(queue.job(1).pid, queue.job(1).born)
    process, other = start()
    with other.live() as live:
        events_until(live, is_state(1, "running"))
        (home.folder / "go").touch()
        events_until(live, is_state(1, "done"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@pytest.mark.parametrize(("answer", "state"), [("yes", "interrupted"), ("", "running")])
def test_closing_asks_what_becomes_of_running_jobs(client, home, monkeypatch, answer, state):
    from workbench import server

    client.post("/api/jobs", {"stage": "sort", "values": {"side": "src", "by": "hist"}})
    queue = until_running(home)
    asked = []
    monkeypatch.setattr("utils.console.interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or answer)
    pids = queue.runners()
    server.stop_jobs(queue)
    assert asked == ["stop job 1 (sort) too [no] ? "]
    if answer:
        until = time.monotonic() + 20
        while any(is_alive(pid, born(pid)) for pid in pids):
            assert time.monotonic() < until
            time.sleep(0.05)
    assert queue.job(1).state == state
    assert runner.cancel(queue, 1).state in ("stopping", "canceled")
