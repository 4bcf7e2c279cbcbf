"""`--progress json`: every line is an event, from the beginning to the end."""

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.clips import make_clip
from support.synthetic import make_faceset

import main
from trainer.progress import ProgressLine
from trainer.schedule import Schedule
from utils import console, events
from utils.workspace import Workspace
from workbench.jobs import JobQueue

ROOT = Path(__file__).parent.parent
KEYS = {"event", "stage", "item", "of", "unit", "rate", "eta", "message", "values"}


@pytest.fixture
def told(capsys):
    """Runs a command in this process; returns its status and events."""

    def run(*words, flags=("--progress", "json")):
        status = main.main([*words, *flags])
        printed = capsys.readouterr()
        assert printed.err == ""
        assert printed.out.isascii()
        assert events.VARIABLE not in os.environ
        return status, list(map(json.loads, printed.out.splitlines()))

    return run


def test_a_command_tells_its_beginning_its_messages_and_its_end(told, tmp_path):
    make_faceset(tmp_path / "faces", count=5)
    (tmp_path / "faces" / "broken ü.png").write_bytes(b"no image")
    status, found = told("sort", "--input-dir", str(tmp_path / "faces"), "--by", "blur")
    assert found[0] == {"event": "begin", "stage": "sort", "version": 1}
    assert {event["stage"] for event in found} == {"sort"}
    assert "announcement" in {event["event"] for event in found}
    end = found[-1]
    assert (end["event"], end["status"], status) == ("end", status, 0)
    assert end["counts"]["faces sorted"] == 5
    assert "broken ü.png" in json.dumps(end["notes"], ensure_ascii=False)
    assert end["made"] == [str(tmp_path / "faces")]
    assert any("5 faces sorted" in event.get("text", "") for event in found)


@pytest.mark.parametrize("flags", [("--progress", "json"), ("--progress=json",)])
@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["extrct"], 2, "did you mean extract?"),
        (["sort", "--by", "sharpness"], 2, "did you mean blur?"),
        (["sort", "--input-dir", "gone"], 1, "check the path after --input-dir"),
        (["verify"], 2, "FILES"),
    ],
)
def test_an_error_is_an_event_and_the_end_has_the_status(told, words, status, said, flags):
    found_status, (*_, error, end) = told(*words, flags=flags)
    assert found_status == end["status"] == status
    assert error["event"] == "error"
    assert said in error["text"]
    assert end["event"] == "end"


def test_a_reason_to_do_nothing_is_a_message(told, tmp_path):
    status, found = told("queue", "list", "--workspace", str(tmp_path))
    assert (status, [event["event"] for event in found]) == (0, ["begin", "message", "end"])


def test_the_flag_of_a_command_for_the_queue_is_its_own(tmp_path, capsys):
    add = ["queue", "add", "--workspace", str(tmp_path)]
    assert main.main([*add, "--", "status", "--progress", "json"]) == 0
    assert capsys.readouterr().out.startswith("job 1: status --progress json\n")
    assert JobQueue(Workspace(tmp_path)).job(1).words == ("status", "--progress", "json")


def test_frames_are_counted_from_none_to_all(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4")
    words = ["video", "extract", "--input-file", clip, "--output-dir", tmp_path / "frames"]
    done = subprocess.run(
        [sys.executable, "main.py", *words, "--progress", "json"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = list(map(json.loads, done.stdout.splitlines()))
    progress = [event for event in found if event["event"] == "progress"]
    assert all(set(event) == KEYS for event in progress)
    assert progress[0] | {"item": 0, "of": 40, "unit": "frame", "rate": None} == progress[0]
    assert progress[-1] | {"item": 40, "of": 40, "eta": 0} == progress[-1]
    assert progress[-1]["rate"] > 0
    assert found[-1]["counts"] == {"images": 40}


@pytest.fixture
def wanted(monkeypatch):
    monkeypatch.setenv(events.VARIABLE, "extract")


def test_much_is_told_once_a_second(wanted, capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("utils.events.time", SimpleNamespace(monotonic=lambda: now[0]))
    for _ in console.progress(range(40), 40, "Counting", "face"):
        now[0] += 0.25
    found = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [event["item"] for event in found] == [*range(0, 41, 4), 40]
    assert {event["rate"] for event in found[1:]} == {4.0}
    assert [event["eta"] for event in found[1:3]] == [9.0, 8.0]


def test_a_length_that_is_not_known_gives_no_rest(wanted, capsys):
    assert list(console.progress("ab", None, "Counting")) == ["a", "b"]
    first, *_, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["item"], last["item"], last["of"], last["eta"]) == (0, 2, None, None)


def test_names_cannot_break_a_line_and_nothing_is_asked(wanted, capsys, monkeypatch):
    console.warn("a\nb\x1b[2J\u202e\udc80")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["text"] == "a\nb\\x1b[2J\\u202e\udc80"
    monkeypatch.setattr(console, "is_terminal", lambda _: True)
    assert not console.interactive()


def test_a_worker_tells_as_its_parent_does(wanted, capfd):
    process = multiprocessing.get_context("spawn").Process(target=console.say, args=("hello",))
    process.start()
    process.join()
    event = json.loads(capfd.readouterr().out)
    assert event == {"event": "message", "stage": "extract", "text": "hello"}


def machine(gpus):
    """A TensorFlow whose GPUs use so much memory, (now, at most); None: one that does not tell."""

    def memory(name):
        if gpus is None:
            raise ValueError(name)
        return dict(zip(("current", "peak"), gpus[int(name.removeprefix("GPU:"))], strict=True))

    config = SimpleNamespace(
        list_logical_devices=lambda kind: ["GPU"] if gpus is None else gpus,
        experimental=SimpleNamespace(get_memory_info=memory),
    )
    return SimpleNamespace(config=config, errors=SimpleNamespace(OpError=RuntimeError))


@pytest.mark.parametrize("gpus", [[], [(5, 7), (20, 40)], None], ids=["none", "two", "not told"])
def test_a_training_tells_iteration_speed_losses_memory_and_rest(wanted, capsys, monkeypatch, gpus):
    monkeypatch.setattr("models.engine.tensorflow.engine.tf", machine(gpus))
    now = [0.0]
    monkeypatch.setattr("trainer.progress.time", SimpleNamespace(perf_counter=lambda: now[0]))
    session = SimpleNamespace(
        iteration=0,
        seconds=0.0,
        samples=8,
        schedule=Schedule(1e-4, 0, 0.2, 100, 0.0),
        losses=SimpleNamespace(means=lambda: {"src": 0.25, "dst": 0.5}),
    )
    line = ProgressLine(session)
    for _ in range(10):
        session.iteration += 1
        now[0] += 0.5
        line.show(0.0)
    found = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [event["item"] for event in found] == [2, 4, 6, 8, 10]
    assert set(found[-1]) == (KEYS | {"gpu_memory"} if gpus else KEYS)
    assert found[-1].get("gpu_memory") == ({"now": 25, "most": 47} if gpus else None)
    expected = {"of": 100, "unit": "iteration", "rate": 2.0, "eta": 45.0}
    assert found[-1] | expected == found[-1]
    assert found[-1]["values"] == {"src": 0.25, "dst": 0.5}
