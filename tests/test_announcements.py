"""What is said while something takes long: announcements, and the answer to a request to stop."""

import os
import queue
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from facelib.faceset import Faceset
from trainer.progress import ProgressLine
from utils import console, native_output, processes, signals

ROOT = Path(__file__).parent.parent
posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no SIGINT between processes"
)


def test_an_announcement_is_a_line_on_stderr(capsys):
    console.announce("building the network")
    assert capsys.readouterr() == ("", "building the network ...\n")


def test_many_faces_are_announced(faceset, capsys, monkeypatch):
    Faceset.open(faceset.folder)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(processes, "MANY", len(faceset))
    Faceset.open(faceset.folder)
    assert capsys.readouterr().err == f'reading 12 faces of "{faceset.folder}" ...\n'


# --- requests to stop

HELD = """
import hashlib, signal, threading
from utils import signals
signal.signal(signal.SIGINT, lambda *_: print("handled", flush=True))
with signals.acknowledged(), signals.finishing(lambda: "finishing this step"):
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 50_000_000)  # half a minute in C, without the GIL
"""


@posix
def test_a_request_is_acknowledged_while_the_main_thread_is_in_c():
    program = subprocess.Popen(
        [sys.executable, "-c", HELD],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert program.stdout.readline() == "begun\n"
        said = []
        while "stopping: finishing this step ...\n" not in said:
            program.send_signal(signal.SIGINT)
            said.append(program.stdout.readline())
            assert said[-1], "it ended without an answer"
        assert program.poll() is None
    finally:
        program.kill()
        program.communicate()


@pytest.fixture
def received():
    """What a handler got that only takes note of SIGINT, as in training."""
    numbers = []
    before = signal.signal(signal.SIGINT, lambda number, _: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def answers(monkeypatch):
    """What the acknowledging thread prints."""
    said = queue.SimpleQueue()
    monkeypatch.setattr(console, "announce", lambda text, **_: said.put(text))
    return said


@posix
def test_the_second_request_is_answered_otherwise(received, answers):
    with signals.acknowledged(), signals.finishing(lambda: "finishing this step"):
        os.kill(os.getpid(), signal.SIGINT)
        assert answers.get(timeout=60) == "stopping: finishing this step"
        os.kill(os.getpid(), signal.SIGINT)
        assert answers.get(timeout=60) == "stopping: without waiting"
    assert len(received) == 2


@posix
def test_without_anything_to_finish_it_is_just_stopping(received, answers):
    with signals.acknowledged():
        os.kill(os.getpid(), signal.SIGINT)
        assert answers.get(timeout=60) == "stopping"


@posix
@pytest.mark.parametrize("silent", ["ends at once", "another process says it"])
def test_no_second_line_where_another_says_it(silent, received, monkeypatch, capsys):
    if silent == "ends at once":
        monkeypatch.setattr(signals, "PAUSE", 60)
        with signals.acknowledged():
            os.kill(os.getpid(), signal.SIGINT)
    else:
        with signals.acknowledged(), signals.finishing(None):
            os.kill(os.getpid(), signal.SIGINT)
    assert received
    assert capsys.readouterr().err == ""


def test_the_estimate_is_a_step_and_a_save():
    session = SimpleNamespace(save_seconds=0.0)
    line = ProgressLine(session)
    assert line.rest() == "finishing this step, then saving"
    line.step_seconds, session.save_seconds = 2.5, 1.6
    assert line.rest() == "finishing this step, then saving (about 4 s)"


# --- what libraries print

NATIVE = """
import os, sys, threading
from utils import console, native_output
library = lambda: os.write(2, b"a library's line\\n")
first, second = native_output.silenced(), native_output.silenced()
first.__enter__()  # two threads may overlap like this
second.__enter__()
library()
console.announce("loading")
first.__exit__(None, None, None)
library()
console.warn("of ours")
second.__exit__(None, None, None)
os.write(2, b"after\\n")
console.error("the last one")
"""


@pytest.mark.parametrize(("level", "libraries"), [(None, 0), ("0", 2)])
def test_libraries_are_silent_but_with_debug_and_we_are_not(level, libraries):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    if level is not None:
        environment["TF_CPP_MIN_LOG_LEVEL"] = level  # as --debug does
    done = subprocess.run(
        [sys.executable, "-c", NATIVE],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = done.stderr.splitlines()
    assert said.count("a library's line") == libraries
    ours = ["loading ...", "warning: of ours", "after", "error: the last one"]
    assert [line for line in said if line != "a library's line"] == ours


def test_an_error_ends_the_silence(capfd):
    with pytest.raises(ValueError, match="broken"), native_output.silenced():
        raise ValueError("broken")
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"
