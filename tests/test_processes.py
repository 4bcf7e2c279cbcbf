"""Work in processes: order, errors, processes that are killed, and a parent that is gone."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from support.synthetic import make_faceset

from facelib.faceset import Faceset
from sorter import cache
from sorter.features import IMAGE_STATS
from utils import processes
from utils.errors import InputError, UserError

ROOT = Path(__file__).parent.parent


def doubled(items: Sequence[int]) -> list[int]:
    return [2 * item for item in items]


def refused(items: Sequence[int]) -> list[int]:
    raise InputError(f"{items[0]} is not wanted")


def deadly(items: Sequence[int]) -> list[int]:
    if 100 in items:
        os.kill(os.getpid(), signal.SIGKILL)
    return list(items)


@pytest.fixture
def few_are_many(monkeypatch):
    monkeypatch.setattr(processes, "MANY", 1)


@pytest.mark.usefixtures("few_are_many")
def test_results_come_in_order_and_errors_come_out():
    with processes.kept():
        assert list(processes.in_chunks(doubled, range(500))) == list(range(0, 1000, 2))
        with pytest.raises(InputError, match="0 is not wanted"):
            list(processes.in_chunks(refused, range(5)))
        assert list(processes.in_chunks(doubled, [1])) == [2]  # they go on working


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.usefixtures("few_are_many")
def test_a_killed_process_is_an_error_and_no_hang():
    with pytest.raises(UserError, match="process was killed"):
        list(processes.in_chunks(deadly, range(500)))
    assert list(processes.in_chunks(doubled, [1])) == [2]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="stats into /proc")
def test_without_its_parent_a_process_ends(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]\n"
        "import os, time\n"
        "from utils import processes\n"
        "def pids(items): return [os.getpid() for _ in items]\n"
        "if __name__ == '__main__':\n"
        "    processes.MANY = 1\n"
        "    with processes.kept():\n"
        "        print(set(processes.in_chunks(pids, range(1000))), flush=True)\n"
        "        time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    children = [int(number) for number in parent.stdout.readline().strip("{}\n").split(",")]
    assert children
    parent.kill()
    parent.wait()
    parent.stdout.close()
    limit = time.monotonic() + 60
    while any(alive(child) for child in children):
        assert time.monotonic() < limit
        time.sleep(0.1)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="stats into /proc")
@pytest.mark.parametrize("asked", ["all", "parent"])
def test_a_request_to_stop_ends_what_never_ends(asked, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        f"import sys; sys.path[:0] = [{str(ROOT)!r}]\n"
        "import os, time\n"
        "from utils import processes, signals\n"
        "def stuck(items): time.sleep(600 * (items[0] > 0)); return [os.getpid()]\n"
        "if __name__ == '__main__':\n"
        "    processes.MANY = processes.CHUNK = 1\n"
        "    signals.raise_on_request()\n"
        "    try:\n"
        "        for pid in processes.in_chunks(stuck, range(100)): print(pid, flush=True)\n"
        "    except KeyboardInterrupt:\n"
        "        sys.exit(130)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    child = int(parent.stdout.readline())
    (os.killpg if asked == "all" else os.kill)(parent.pid, signal.SIGTERM)
    try:
        parent.communicate(timeout=30)  # a guard: it would wait for ever
    finally:
        parent.kill()
    assert parent.returncode == 130
    assert not alive(child)


def alive(pid: int) -> bool:
    """Whether it runs; a zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def count_faces(folder: Path, answer: Connection) -> None:
    processes.MANY = 2
    answer.send(len(Faceset.open(folder)))


def test_a_process_that_may_start_none_does_the_work_itself(tmp_path):
    """The worker of `extract` opens faces too."""
    make_faceset(tmp_path, 4)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=count_faces, args=(tmp_path, theirs), daemon=True)
    worker.start()
    theirs.close()
    assert ours.recv() == 4
    worker.join()


def test_faces_are_opened_and_measured_alike_in_processes(tmp_path, monkeypatch):
    make_faceset(tmp_path / "faces", 6)
    (tmp_path / "faces" / "no face.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    plain = Faceset.open(tmp_path / "faces")
    expected, _ = cache.measure(plain, IMAGE_STATS, None)
    damaged = plain[2][0]
    monkeypatch.setattr(processes, "MANY", 2)
    with processes.kept():
        many = Faceset.open(tmp_path / "faces")
        assert [path for path, _ in many] == [path for path, _ in plain]
        assert many.skipped == plain.skipped
        np.testing.assert_array_equal(many[3][1].landmarks, plain[3][1].landmarks)
        found, failures = cache.measure(many, IMAGE_STATS, tmp_path / "store")
        assert not failures
        np.testing.assert_array_equal(found, expected)
        data = bytearray(damaged.read_bytes())
        data[-40] ^= 1  # within the pixels, whose checksum is now wrong
        damaged.write_bytes(data)
        found, failures = cache.measure(many, IMAGE_STATS, None)
    assert list(failures) == [damaged]
    np.testing.assert_array_equal(found, np.delete(expected, 2))
