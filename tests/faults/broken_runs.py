"""Every stage killed, signaled, cut off from its terminal and from its disk, then run again."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from faults.stages import leftovers


class Baseline(NamedTuple):
    """A run that nothing disturbed: how long it took, what it left behind, how large that is."""

    seconds: float
    result: object
    size: int


KILLS = 3  # one after the other before the run that must end
ROUNDS = 5


@contextmanager
def place_for(stage):
    with TemporaryDirectory(prefix="faults-") as name:
        place = Path(name)
        stage.prepare(place)
        yield place


def undisturbed(stage):
    """Run a stage to its end and return what the other runs are compared with."""
    with place_for(stage) as place:
        before, begun = size_of(place), time.monotonic()
        status, said = stage.finish(place)
        if status != 0:
            raise RuntimeError(f"{stage.name} does not run: {said}")
        seconds = time.monotonic() - begun
        return Baseline(seconds, stage.result(place), size_of(place) - before)


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def faults_of(stage, place, expected, how):
    """Run to the end what was broken off; return what is wrong then."""
    status, said = stage.finish(place)
    if status != 0 and "exists already" not in said:  # it was finished before it was broken off
        return [f"{stage.name}, {how}: status {status} when continued: {said[-400:]}"]
    try:
        result = stage.result(place)
    except Exception as problem:  # noqa: BLE001 - any damage is a fault to report
        return [f"{stage.name}, {how}: the result is damaged: {problem!r}"]
    wrong = [] if result == expected else [f"{stage.name}, {how}: another result"]
    if left := leftovers(place):
        wrong.append(f"{stage.name}, {how}: left behind: {left}")
    return wrong


def kills(stage, baseline, rng):
    """Kill -9 at random moments."""
    tried, wrong = 0, []
    for _ in range(ROUNDS):
        with place_for(stage) as place:
            for _ in range(KILLS):
                process = stage.start(place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(rng.uniform(0.25, 1.0) * baseline.seconds)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                tried += 1
            wrong += faults_of(stage, place, baseline.result, "killed")
    return tried, wrong


def signals(stage, baseline, rng):
    """Ctrl-C, a request to end, a terminal that goes away."""
    tried, wrong = 0, []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with place_for(stage) as place:
            process = stage.start(place)
            time.sleep(rng.uniform(0.3, 0.9) * baseline.seconds)
            process.send_signal(number)
            try:
                said, _ = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said, _ = process.communicate()
                wrong.append(f"{stage.name}, {number.name}: does not end")
            tried += 1
            early = process.returncode == -number  # before the program itself was loaded
            if process.returncode not in (0, 130) and not early:
                wrong.append(
                    f"{stage.name}, {number.name}: status {process.returncode}: {said[-300:]}"
                )
            if "Traceback" in said and not early:
                wrong.append(f"{stage.name}, {number.name}: a traceback: {said[-400:]}")
            wrong += faults_of(stage, place, baseline.result, number.name)
    return tried, wrong


def closed_pipe(stage, baseline, rng):
    """Its output goes into a pipe that is closed at once: the work is done all the same."""
    with place_for(stage) as place:
        reader, writer = os.pipe()
        process = stage.start(place, stdout=writer, stderr=subprocess.STDOUT)
        os.close(writer)
        os.close(reader)
        try:
            status = process.wait(timeout=180)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return 1, [f"{stage.name}, closed pipe: does not end"]
        wrong = [] if status == 0 else [f"{stage.name}, closed pipe: status {status}"]
        return 1, wrong + faults_of(stage, place, baseline.result, "closed pipe")


@contextmanager
def small_disk(kilobytes):
    with TemporaryDirectory(prefix="disk-") as name:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", name], check=True
        )
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "-l", name], check=True)


def full_disk(stage, baseline, rng):
    """A disk that is full before the end; then there is room again."""
    tried, wrong = 0, []
    for share in (0.2, 0.6, 0.9):
        with small_disk(40_000) as place:
            stage.prepare(place)
            room = (size_of(place) + share * baseline.size) / 1024 + 64
            subprocess.run(["mount", "-o", f"remount,size={int(room)}k", str(place)], check=True)
            status, said = stage.finish(place)
            tried += 1
            how = f"disk full at {share:.0%}"
            if "Traceback" in said or "defect" in said:
                wrong.append(f"{stage.name}, {how}: not a sentence: {said[-400:]}")
            if status == 1 and "full" not in said and "space" not in said:
                wrong.append(f"{stage.name}, {how}: does not say so: {said[-300:]}")
            if status not in (0, 1):
                wrong.append(f"{stage.name}, {how}: status {status}: {said[-300:]}")
            subprocess.run(["mount", "-o", "remount,size=200m", str(place)], check=True)
            wrong += faults_of(stage, place, baseline.result, how)
    return tried, wrong


def can_mount():
    return os.name == "posix" and os.geteuid() == 0 and shutil.which("mount") is not None
