"""What the workbench does differently on Windows, as far as Linux can tell: no test ran there."""

import ntpath
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from utils import files
from workbench import job, paths, runner, server
from workbench.job import JobState

ROOT = PureWindowsPath(r"C:\Users\Me\Work Space")


@pytest.mark.parametrize(
    ("path", "below"),
    [
        (r"C:\Users\Me\Work Space", True),
        (r"c:\USERS\me\WORK SPACE\data_src.mp4", True),
        ("C:/Users/Me/Work Space/data_src/aligned", True),
        (r"C:\Users\Me\Work Space2\x", False),
        (r"C:\Users\Me", False),
        (r"D:\Users\Me\Work Space\x", False),
        (r"\\server\Users\Me\Work Space\x", False),
        (r"\Users\Me\Work Space\x", False),  # of whichever drive is the current one
    ],
)
def test_containment_ignores_the_case_of_letters(path, below):
    assert paths.is_below(PureWindowsPath(path), [ROOT]) is below
    if below:  # as Windows itself compares
        common = ntpath.commonpath([ntpath.normcase(path), ntpath.normcase(ROOT)])
        assert common == ntpath.normcase(ROOT)


def test_on_linux_the_case_counts():
    assert not paths.is_below(PurePosixPath("/Work/x"), [PurePosixPath("/work")])


@pytest.mark.parametrize(
    "text",
    [
        "data_src.mp4", r"data_src\aligned", "data src/aligned", r"..\x", ".", r"C:\x\y", "C:x",
        "com.mp4", "COM.mp4", "console.mp4", "nulls", "COM10", "aux_.txt", "gesicht ä.png",
    ],
)  # fmt: skip
def test_usual_names_are_no_fault(text):
    assert paths.windows_fault(text, [ROOT]) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CON", "device"), ("nul.mp4", "device"), (r"x\Aux\y", "device"), ("COM1", "device"),
        ("lpt¹.txt", "device"), ("CONIN$", "device"), ("prn .x", "device"),
        (r"\\.\PhysicalDrive0", "device"), (r"\\?\C:\x", "device"), ("//./COM1", "device"),
        (r"\\other\share\x", "another machine"), ("//other/share", "another machine"),
        ("x.mp4:hidden", "allow"), ("x.", "allow"), ("x ", "allow"), ("a|b", "allow"),
        ("a\nb", "allow"), ('a"b', "allow"),
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(text, said):
    assert said in paths.windows_fault(text, [ROOT])


def test_the_machine_of_the_workspace_itself_is_good():
    root = PureWindowsPath(r"\\Server\Share\ws")
    assert paths.windows_fault(r"\\server\share\ws\x", [root]) == ""
    assert "another machine" in paths.windows_fault(r"\\server\share2\ws\x", [root])


@pytest.mark.skipif(not hasattr(ntpath, "isreserved"), reason="needs Python 3.13")
@pytest.mark.parametrize(
    "name", ["CON", "nul.txt", "COM1", "COM0", "COM10", "LPT²", "conout$", "a:b", "x.", "x", "aux"]
)
def test_reserved_names_are_those_that_python_knows(name):
    assert bool(paths.windows_fault(name, [ROOT])) is ntpath.isreserved(name)


@pytest.mark.parametrize(("busy", "seconds", "raises"), [(3, 5.0, False), (1, 0.0, True)])
def test_a_file_that_is_read_just_now_is_renamed_a_moment_later(
    tmp_path, monkeypatch, busy, seconds, raises
):
    asked = []

    def replace(old, new, renaming=Path.replace):
        asked.append(new)
        if len(asked) <= busy:
            raise PermissionError(13, "The process cannot access the file")
        return renaming(old, new)

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(files, "BUSY_SECONDS", seconds)
    target = tmp_path / "preview.png"
    if raises:
        with pytest.raises(PermissionError):
            files.write_bytes(target, b"new")
        assert list(tmp_path.iterdir()) == []
    else:
        files.write_bytes(target, b"new")
        assert target.read_bytes() == b"new"
        assert len(asked) == busy + 1


def test_no_other_program_can_take_the_port(monkeypatch):
    monkeypatch.setattr(server.socket, "SO_EXCLUSIVEADDRUSE", -5, raising=False)
    assert server._exclusive() == -5  # of Windows, where SO_REUSEADDR would let it
    monkeypatch.undo()
    assert server._exclusive() == server.socket.SO_REUSEADDR


def test_a_process_is_waited_for_with_pauses(monkeypatch):
    """On Windows a signal is heard only between two waits."""
    monkeypatch.setattr(runner.sys, "platform", "win32")
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.05)
    waits = []

    class Process(subprocess.Popen):
        def wait(self, timeout=None):
            waits.append(timeout)
            return super().wait(timeout)

    process = Process([
        sys.executable,
        "-S",
        "-c",
        "import time; time.sleep(0.3); raise SystemExit(3)",
    ])
    assert runner._ended(process) == 3
    assert len(waits) > 1
    assert set(waits) == {0.05}


def test_ctrl_break_is_an_interruption():
    for status in (0xC000013A, -9, 130):
        running = job.QueuedJob(
            1, ("sort",), "default", (), 0, JobState.RUNNING, 1, None, 0.0, 0.0, None, 1, 0.0, 1
        )
        assert job.state_after(running, status) == JobState.INTERRUPTED
