"""What goes wrong below the page is told on it, in the sentence of the command; nothing is lost."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest
from filelock import FileLock
from support.page import cancel_jobs, events_until, fake_stages, served
from support.synthetic import make_faceset

from utils import program
from utils.lock import TRAIN_LOCK
from utils.workspace import Workspace
from workbench import progress, runner
from workbench.jobs import JobQueue

can_mount = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root"
)
COUNT = 4
BLUR = {"stage": "sort", "values": {"side": "src", "by": "blur"}}
ENDLESS = {"stage": "sort", "values": {"side": "src", "by": "hist"}}
PACK = {"stage": "util pack", "values": {"side": "src"}}


@pytest.fixture
def home(tmp_path):
    home = Workspace(tmp_path / "work space")
    make_faceset(home.faces("src"), count=COUNT)
    return home


@contextmanager
def opened(home):
    with served(home) as client:
        yield client.enter()
        cancel_jobs(client)


@pytest.fixture
def client(home):
    with opened(home) as client:
        yield client


def said(answer):
    status, _, content = answer
    assert status >= 400, content
    return json.loads(content)["error"]


def number_of(answer):
    assert answer[0] == 200, answer[2]
    return json.loads(answer[2])["number"]


def told_of(client, number, *states):
    """What a page that is opened then is told of the log of a job, once it is in such a state."""

    def is_over(event):
        jobs = event.get("jobs", [])
        return any(job["number"] == number and job["state"] in states for job in jobs)

    with client.live() as live:
        events_until(live, is_over, seconds=120)
    with client.live() as live:
        log = events_until(live, lambda event: event["type"] == "log")[-1]
    assert log["job"] == number
    return " ".join(event.get("text", "") for event in log["events"])


# --------------------------------------------------------------------- the disk


@pytest.fixture
def disk(tmp_path):
    """A disk of 2 MB with a workspace."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=True)
    try:
        home = Workspace(place / "work")
        make_faceset(home.faces("src"), count=COUNT)
        yield home
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk, left=0):
    """Leave so many bytes free; returns the file that takes the rest."""
    filler = disk.folder.parent / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(filler, filler.stat().st_size - left)
    return filler


@can_mount
@pytest.mark.parametrize("begun", [False, True])
def test_a_full_disk_is_said_and_the_page_goes_on_when_there_is_room(disk, monkeypatch, begun):
    fake_stages(monkeypatch)
    with opened(disk) as client:
        if begun:
            told_of(client, number_of(client.post("/api/jobs", BLUR)), "done")
        faces = set(disk.faces("src").iterdir())
        filler = fill(disk)
        assert "the disk is full; free some space" in said(client.post("/api/jobs", BLUR))
        preset = {"name": "mine", "values": {"side": "src"}}
        assert "the disk is full; free some space" in said(client.post("/api/presets/sort", preset))
        clip = client.post("/api/upload/src?name=a.mp4", bytes(100_000))
        assert "too little for this clip; free some space" in said(clip)
        with client.live() as live:
            told = events_until(live, lambda event: event["type"] == "jobs")
        assert len(told[-1]["jobs"]) == begun
        filler.unlink()
        number = number_of(client.post("/api/jobs", BLUR))
        assert "begins sort src --by blur" in told_of(client, number, "done")
        assert set(disk.faces("src").iterdir()) == faces


@can_mount
def test_a_disk_that_gets_full_while_a_job_runs_is_said_in_its_log(disk):
    with opened(disk) as client:
        assert client.form("util pack", PACK["values"])["problem"] == ""
        fill(disk, left=60_000)
        number = number_of(client.post("/api/jobs", PACK))
        assert "the disk is full; free some space and run this again" in told_of(
            client, number, "failed"
        )
        assert not list(disk.folder.rglob("*.zip"))


@can_mount
@pytest.mark.parametrize("begun", [False, True])
def test_a_read_only_disk_is_said_and_can_be_looked_at(disk, monkeypatch, begun):
    fake_stages(monkeypatch)
    with opened(disk) as client:
        if begun:
            told_of(client, number_of(client.post("/api/jobs", BLUR)), "done")
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder.parent)], check=True)
        assert "ead-only" in said(client.post("/api/jobs", BLUR))
        assert "ead-only" in said(client.post("/api/presets/sort", {"name": "a", "values": {}}))
        with client.live() as live:
            told = events_until(live, lambda event: event["type"] == "jobs")
        assert [job["state"] for job in told[-1]["jobs"]] == ["done"] * begun
        project = next(event for event in told if event["type"] == "project")
        assert ["src faces", f"{COUNT}"] in project["rows"]


def test_a_workspace_that_is_gone_is_said_until_it_is_back(client, home):
    away = home.folder.with_name("away")
    with client.live() as live:
        events_until(live, lambda event: event["type"] == "jobs")
        home.folder.rename(away)
        client.app.live.look_again()
        gone = events_until(live, lambda event: event["type"] == "problem")[-1]
        assert str(home.folder) in gone["text"]
        away.rename(home.folder)
        client.app.live.look_again()
        assert not events_until(live, lambda event: event["type"] == "problem")[-1]["text"]


# --------------------------------------------------------------------- files of others


def test_a_face_that_another_program_deleted_is_said_and_the_rest_is_deleted(client, home):
    client.post("/api/faces/src/list")
    columns = client.json("/api/faces/src/table")["columns"]
    first, second, *_ = columns["name"]
    (home.faces("src") / first).unlink()
    key = columns["key"][0]
    for path in (f"thumbnail/{key}?side=96&name={first}", f"image?name={first}"):
        assert "there is no such file" in said(client.get(f"/api/faces/src/{path}"))
    answer = client.post("/api/faces/src/delete", {"names": [first, second]})
    assert answer[0] == 200, answer[2]
    assert first in json.dumps(json.loads(answer[2])["notes"])
    assert not (home.faces("src") / second).exists()
    client.post("/api/faces/src/restore")
    left = {path.name for path in home.faces("src").glob("*.png")}
    assert left == set(columns["name"]) - {first}


def test_a_clip_that_is_none_is_said_by_extract(client, home):
    assert client.post("/api/upload/dst?name=holiday.mp4", b"this is no clip" * 999)[0] == 200
    number = number_of(client.post("/api/jobs", {"stage": "extract", "values": {"side": "dst"}}))
    told = told_of(client, number, "failed")
    assert "is not a video that can be read; it may be damaged or cut off" in told


def test_a_model_that_is_trained_elsewhere_is_said_by_train(client, home):
    make_faceset(home.faces("dst"), count=COUNT)
    home.model.mkdir()
    lock = FileLock(home.model / TRAIN_LOCK)
    values = {"model": "Quick96", "target_iter": 1}
    with lock:
        number = number_of(client.post("/api/jobs", {"stage": "train", "values": values}))
        told = told_of(client, number, "failed")
    assert (
        f'another training is running in "{home.model}"; stop it, or use another --model-dir'
        in told
    )
    assert not (home.model / "generations").exists()


# --------------------------------------------------------------------- stages that die


@pytest.fixture
def queue(home):
    return JobQueue(home)


def test_a_job_that_dies_without_a_word_is_explained(home, queue, monkeypatch):
    fake_stages(monkeypatch)
    with opened(home) as client:
        number = number_of(client.post("/api/jobs", ENDLESS))
        told_of(client, number, "running")
        with client.live() as live:
            events_until(live, lambda event: "begins" in json.dumps(event))
        os.kill(queue.job(number).pid, signal.SIGKILL)
        told = told_of(client, number, "interrupted")
        assert "sort ended without a word: killed by signal 9" in told
        (home.folder / "go").touch()
        assert client.post(f"/api/jobs/{number}/retry")[0] == 200
        told_of(client, number, "done")


def test_the_end_of_an_earlier_attempt_is_not_that_of_the_next(queue, monkeypatch):
    number = queue.add(["sort", "src"])
    queue.log(number).write_text('{"event": "end", "status": 0}\n')
    monkeypatch.setattr(program, "start", lambda: [sys.executable, "-c", "import sys; sys.exit(3)"])
    [(_, state)] = runner.run_jobs(queue, "default", resume=False)
    assert state == "failed"
    assert "sort ended without a word: exit status 3." in queue.log(number).read_text()
    assert progress.ended_with(queue.log(number)) is None
