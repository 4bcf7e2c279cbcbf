"""What is said while something takes long: announcements, and the answer to a request to stop."""

import os
import queue
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import skimage.data

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


def test_without_stderr_nothing_of_it_goes_to_stdout(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    console.announce("building the network")
    console.warn("it is slow")
    console.error("it is broken")
    assert capsys.readouterr().out == ""


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


def test_where_no_socket_can_be_had_requests_are_only_obeyed(monkeypatch):
    def fail():
        raise OSError("no sockets here")

    monkeypatch.setattr(signals.socket, "socketpair", fail)
    with signals.acknowledged():
        pass
    with pytest.raises(KeyboardInterrupt), signals.acknowledged():
        raise KeyboardInterrupt


def test_the_estimate_is_a_step_and_a_save():
    session = SimpleNamespace(save_seconds=0.0)
    line = ProgressLine(session)
    assert line.rest() == "finishing this step, then saving"
    line.step_seconds, session.save_seconds = 2.5, 1.6
    assert line.rest() == "finishing this step, then saving (about 4 s)"


# --- what libraries print

NATIVE = """
import logging, os, subprocess, sys, warnings
from utils import console, native_output
native_output.silence()
os.write(2, b"a library's line\\n")
warnings.warn("a library's line")
logging.getLogger("tifffile").warning("a library's line")
console.announce("loading")
child = "import sys; print(sys.argv[1], file=sys.stderr)"
subprocess.run([sys.executable, "-c", child, "a library's line"])
with native_output.heard_from_children():
    subprocess.run([sys.executable, "-c", child, "the child"])
os.write(2, b"a library's line\\n")
console.warn("of ours")
raise ValueError("broken")
"""


def test_libraries_are_silent_and_we_are_not():
    done = subprocess.run([sys.executable, "-c", NATIVE], cwd=ROOT, capture_output=True, text=True)
    said = done.stderr.splitlines()
    assert said[:3] == ["loading ...", "the child", "warning: of ours"]
    assert said[3].startswith("Traceback")
    assert said[-1] == "ValueError: broken"
    assert "a library's line" not in said


CRASH = """
import faulthandler
from utils import native_output, parallel, processes

def crash(_):
    faulthandler._sigsegv()

def speak(items):
    import os
    os.write(2, b"a library's line\\n")
    return items

if __name__ == "__main__":
    import sys
    native_output.silence()
    if sys.argv[1] == "here":
        crash(None)
    processes.MANY, processes.CHUNK = 1, 1
    parallel.cores = lambda: 1
    list(processes.in_chunks(speak if sys.argv[1] == "speaks" else crash, [1]))
"""


@posix
@pytest.mark.parametrize("where", ["here", "in a worker", "speaks"])
def test_a_crash_is_heard(where, tmp_path):
    script = tmp_path / "crash.py"
    script.write_text(CRASH)
    done = subprocess.run(
        [sys.executable, str(script), where],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ("Segmentation fault" in done.stderr and 'crash.py", line 6' in done.stderr) == (
        where != "speaks"
    )
    assert "a library's line" not in done.stderr
    if where == "speaks":
        assert (done.returncode, done.stderr) == (0, "")


def test_stderr_that_was_replaced_is_left_alone(capfd):
    native_output.silence()
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


@pytest.mark.parametrize("flags", [[], ["--debug"]])
def test_what_libraries_print_is_for_debugging(flags, tmp_path):
    image = skimage.data.astronaut()[:300, 60:380, ::-1]
    ok, data = cv2.imencode(".jpg", image)
    assert ok
    end = len(data) - 2
    damaged = np.concatenate([data[:end], np.full(100, 7, np.uint8), data[end:]])
    damaged.tofile(tmp_path / "0.jpg")
    done = subprocess.run(
        [
            sys.executable, "main.py", "extract", "--input-dir", str(tmp_path), "--no-ask",
            "--output-dir", str(tmp_path / "faces"), *flags,
        ],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for comment in ("Corrupt JPEG data", "XNNPACK"):
        assert (comment in done.stderr) == bool(flags)
