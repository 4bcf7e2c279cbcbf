"""Output that cannot be written, and signals of a terminal that is gone, in every stage."""

import io
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

import main
from utils import console, questions, signals
from utils.console import Report
from utils.errors import Interrupted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and terminals")

ROOT = Path(__file__).parent.parent
MAIN = [sys.executable, str(ROOT / "main.py")]


@pytest.fixture(autouse=True)
def _handlers():
    """The signal handlers of the tests' own process come back."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    signals._requested.clear()


def broken_pipe():
    """A pipe whose reader has ended; the system answers a write with EPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def lost_terminal():
    """A terminal whose window is closed; the system answers a write with EIO."""
    ours, theirs = pty.openpty()
    os.close(ours)
    return theirs


def full_disk():
    """The system answers a write with ENOSPC."""
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("place", [broken_pipe, lost_terminal, full_disk])
def test_output_that_cannot_be_written_is_dropped(place, monkeypatch):
    number = place()
    with pytest.raises(OSError, match=r"Errno (5|28|32)"):  # it is as the system says
        os.write(number, b"x")
    out, err = os.fdopen(os.dup(number), "w"), os.fdopen(number, "w")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    for print_ in (console.say, console.status, console.warn, console.error):
        print_("漢字 " * 5000)
    assert list(console.progress(range(3), 3, "counting")) == [0, 1, 2]
    console.flush()
    console.drop_unwritten()
    out.close()  # would raise if anything were left to write
    err.close()
    console.say("closed")
    monkeypatch.setattr(sys, "stdout", None)  # as Python has it without descriptor 1
    console.status("never open")


def test_a_question_that_cannot_be_shown_is_not_answered(monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: os.write(broken_pipe(), b"x"))
    with pytest.raises(Interrupted, match="nothing was changed"):
        questions.confirm("change the saved settings", "")


@pytest.mark.parametrize(("typed", "changes"), [(b"", False), (b"\n", True)])
def test_saved_settings_are_kept_unless_enter_is_pressed(typed, changes, monkeypatch):
    ours, theirs = pty.openpty()
    os.write(ours, typed)
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert console.pressed_enter("going on", 0.2) is changes
    os.close(ours)


def test_a_terminal_that_is_lost_meanwhile_keeps_nothing(monkeypatch):
    with os.fdopen(lost_terminal()) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        with pytest.raises(Interrupted):
            console.pressed_enter("going on", 0.2)


def test_a_closed_pipe_changes_neither_the_status_nor_the_rest():
    for argv, status in ((["help", "models"], 0), (["extrct"], 2), (["sort", "--help"], 0)):
        done = subprocess.run([*MAIN, *argv], stdout=broken_pipe(), stderr=subprocess.PIPE)
        assert done.returncode == status
        assert b"Traceback" not in done.stderr
        assert b"Exception" not in done.stderr
    done = subprocess.run([*MAIN, "extrct"], stdout=broken_pipe(), stderr=broken_pipe())
    assert done.returncode == 2


def test_without_standard_streams_files_get_other_numbers():
    code = (
        "import os; [os.close(n) for n in (0, 1, 2)]; "
        "from utils import console; console.open_missing(); "
        "os._exit(os.open(os.devnull, os.O_RDONLY))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 3


# --- signals


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGINT"])
def test_every_stage_stops_with_a_line_and_130(name, monkeypatch, capsys):
    monkeypatch.setattr(main, "_dispatch", lambda _: os.kill(os.getpid(), getattr(signal, name)))
    assert main.main([]) == 130
    assert capsys.readouterr().out == "Stopped; what was finished is kept.\n"


def test_ctrl_c_that_an_import_turned_into_another_error_is_ctrl_c(monkeypatch, capsys):
    def import_a_library(_):
        try:  # as the start of a C extension does with any error
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt as problem:
            raise ImportError("initialization failed") from problem

    def lack_a_library(_):
        raise ImportError("initialization failed")

    monkeypatch.setattr(main, "_dispatch", import_a_library)
    assert main.main([]) == 130
    assert capsys.readouterr().out == "Stopped; what was finished is kept.\n"
    monkeypatch.setattr(main, "_dispatch", lack_a_library)
    assert main.main([]) == 1


def test_an_interrupt_that_a_library_drops_is_obeyed(monkeypatch):
    def import_a_library(_):
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        return lambda _: pytest.fail("the stage began")

    signals.raise_on_request()
    monkeypatch.setattr(main, "_load", import_a_library)
    stage = SimpleNamespace(run="a stage")
    call = SimpleNamespace(stage=stage, options=None, stopped=lambda *_: "Stopped.")
    with pytest.raises(Interrupted, match="Stopped"):
        main._run(call)


def test_under_nohup_a_closed_terminal_is_no_reason_to_stop(monkeypatch):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def closed(_):
        os.kill(os.getpid(), signal.SIGHUP)
        return Report()

    monkeypatch.setattr(main, "_dispatch", closed)
    assert main.main([]) == 0
    assert signal.SIGHUP not in signals.requests()


def test_ctrl_c_while_modules_are_imported_prints_one_line(tmp_path):
    # stands for the module of that name, and takes as long as one likes
    slow = "import time; print('importing', flush=True); time.sleep(60)"
    (tmp_path / "argparse.py").write_text(slow)
    program = subprocess.Popen(
        [*MAIN, "verify", "x"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # a shell's background job ignores it, and so would what it starts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert program.stdout.readline() == "importing\n"
    program.send_signal(signal.SIGINT)
    assert program.communicate(timeout=60)[0] == "Stopped.\n"
    assert program.returncode == 130


def test_children_ignore_what_the_terminal_sends():
    code = "from signal import *; raise_signal(SIGINT); raise_signal(SIGHUP); print('alive')"
    with signals.ignored_by_children():
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "alive\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_a_request_while_a_process_starts_waits_until_it_has(number):
    started = []

    def start():
        with signals.ignored_by_children():
            os.kill(os.getpid(), number)
            started.append(number)

    signals.raise_on_request()
    with pytest.raises(KeyboardInterrupt):
        start()
    assert started
    with signals.ignored_by_children():  # nothing waits any more
        pass


def test_a_traceback_goes_where_errors_go(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    try:
        raise ValueError("the reason")
    except ValueError:
        console.print_traceback()
    assert "ValueError: the reason" in sys.stderr.getvalue()
