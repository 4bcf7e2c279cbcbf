"""A worker that crashes, hangs or is killed is replaced and reported, and costs its frame only."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.synthetic import make_video

from extractor.extract import run
from extractor.journal import JOURNAL
from extractor.options import ExtractOptions
from facelib.detectors.yunet import YuNet
from utils.files import trash_dir

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

PROGRAM = Path(__file__).parent / "support" / "fragile.py"
COUNT = 10
PATIENCE = 400  # seconds; a loaded machine needs long to start a program three times
SESSIONS = []
BLACK, WHITE = np.zeros((240, 320, 3), np.uint8), np.full((240, 320, 3), 255, np.uint8)


@pytest.fixture
def frames(astronaut, tmp_path):
    """Ten pictures, 320 x 240, in which a face wanders."""
    folder = tmp_path / "frames ü"
    folder.mkdir()
    for index in range(COUNT):
        put(folder, index, astronaut[10 + 2 * index :, 60 + 4 * index :][:240, :320])
    return folder


def put(folder, index, image):
    name = f"{index:06d}.png"
    (folder / name).write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return name


@pytest.fixture(autouse=True)
def _sessions():
    """Nothing in the sessions that a test starts outlives it."""
    yield
    for number in [number for session in SESSIONS for number in living(session)]:
        os.kill(number, signal.SIGKILL)
    SESSIONS.clear()


def start(source, out, *flags, **environment):
    command = [sys.executable, PROGRAM, "extract", "--input-dir", source, "--output-dir", out]
    process = subprocess.Popen(
        [*map(str, command), "--detector", "fragile", *flags], text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **environment},
    )  # fmt: skip
    SESSIONS.append(process.pid)
    return process


def finish(process):
    """(exit status, what was printed); no process is left behind."""
    printed, _ = process.communicate(timeout=PATIENCE)
    assert not living(process.pid)
    assert "Traceback" not in printed
    return process.returncode, printed


def living(session):
    """The processes of a session, {id: command line}; those that are ending have none."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(folder.name)) == session:
                found[int(folder.name)] = (folder / "cmdline").read_bytes()
        except (ProcessLookupError, FileNotFoundError):
            continue
    return {number: line for number, line in found.items() if line}


def recorded(out):
    """The names of the frames in the record."""
    lines = (out / JOURNAL).read_text().splitlines() if (out / JOURNAL).exists() else []
    rows = [json.loads(line) for line in lines[1:] if line.endswith("}")]
    return [row["item"] for row in rows if row["item"] != "*"]


def worker(process, out, at_least):
    """Wait until so many frames are recorded; the process that does the work."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if len(recorded(out)) >= at_least:
            (child,) = (n for n, line in living(process.pid).items() if b"spawn_main" in line)
            return child
        time.sleep(0.005)
    raise AssertionError(process.communicate())


def names(folder, but=None):
    """The names of the pictures in a folder, all but one."""
    return sorted(path.name for path in folder.iterdir() if path.name != but)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_a_frame_that_crashes_the_worker_costs_that_frame_only(frames, tmp_path, monkeypatch):
    out, expected = tmp_path / "out", tmp_path / "expected"
    run(ExtractOptions(input_dir=frames, output_dir=out, image_size=64))
    earlier = contents(out)
    name = put(frames, 5, BLACK)
    status, printed = finish(start(frames, out, "--overwrite", "--image-size", "64"))
    assert status == 1
    assert (
        f'failed: "{name}": two workers died processing it; the second one was killed by SIGSEGV'
        in printed
    )
    assert "workers that died and were replaced (2)" in printed
    assert "starting another one" in printed
    assert sorted(recorded(out)) == names(frames, but=name)
    assert contents(trash_dir(out)) == earlier, "what is new was not discarded with the old"

    detect = YuNet.detect
    monkeypatch.setattr(
        YuNet, "detect", lambda self, images: detect(self, images) if images[0].any() else 1 / 0
    )
    run(ExtractOptions(input_dir=frames, output_dir=expected, image_size=64))
    assert faces(out) == faces(expected), "as when the frame fails without a crash"


def faces(folder):
    """The pictures without their records, which name the detector."""
    return {name: cv2.imdecode(np.frombuffer(data, np.uint8), 1).tobytes()
            for name, data in contents(folder).items()}  # fmt: skip


def test_a_worker_that_hangs_is_replaced(frames, tmp_path):
    name = put(frames, 0, WHITE)
    status, printed = finish(start(frames, tmp_path / "out", "--patience", "4"))
    assert status == 1
    assert (
        f'"{name}": two workers died processing it; the second one made no progress for 4 sec'
        in printed
    )
    assert sorted(recorded(tmp_path / "out")) == names(frames, but=name)


def test_a_worker_that_is_killed_once_costs_nothing(frames, astronaut, tmp_path):
    for index in range(COUNT, 4 * COUNT):
        put(frames, index, astronaut[:240, :320])
    out = tmp_path / "out"
    process = start(frames, out)
    os.kill(worker(process, out, at_least=2), signal.SIGKILL)
    status, printed = finish(process)
    assert status == 0, printed
    assert "workers that died and were replaced (1): was killed by SIGKILL" in printed
    assert sorted(recorded(out)) == names(frames)


# SIGHUP and SIGTERM take the same way as Ctrl-C
@pytest.mark.parametrize(
    "how",
    [
        "Ctrl-C",
        pytest.param("SIGHUP", marks=pytest.mark.slow),
        pytest.param("SIGTERM", marks=pytest.mark.slow),
        "SIGKILL",
    ],
)
def test_the_worker_ends_with_the_program(how, frames, tmp_path):
    put(frames, 8, WHITE)  # at the latest there it waits for the signal
    out = tmp_path / "out"
    process = start(frames, out)
    worker(process, out, at_least=2)
    if how == "Ctrl-C":
        os.killpg(process.pid, signal.SIGINT)  # a terminal's goes to everybody
    elif how == "SIGHUP":
        os.killpg(process.pid, signal.SIGHUP)
    else:
        process.send_signal(getattr(signal, how))
    status, printed = finish(process)
    assert status == (-9 if how == "SIGKILL" else 130)
    assert ("what was finished is kept" in printed) == (how != "SIGKILL")


def test_a_video_whose_decoder_crashes_is_done_up_to_there(frames, tmp_path):
    images = [cv2.imread(str(path)) for path in sorted(frames.iterdir())]
    clip, out = make_video(tmp_path / "clip.mp4", images, 25), tmp_path / "out"
    status, printed = finish(start(clip, out, "--no-smooth", FRAGILE="video"))
    assert status == 1
    assert (
        '"clip.mp4" cannot be decoded beyond 000005.png (two workers died processing it' in printed
    )
    assert sorted(recorded(out)) == [f"{index:06d}.png" for index in range(6)]


def test_workers_that_cannot_even_start_are_not_started_for_ever(frames, tmp_path):
    status, printed = finish(start(frames, tmp_path / "out", FRAGILE="start"))
    assert status == 1
    assert (
        "died twice while processing no frame; the second time it was killed by SIGSEGV" in printed
    )
    assert not (tmp_path / "out").exists()
