"""Runs the readers' processes, two at a time, and stops those that hang."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20
"""How long one input may be read."""
STARTING = 120
"""How long a process may take to import the libraries, on a busy machine."""
CHUNK = 2500
"""Inputs after which a process is replaced: a leak shows, but does not fill the memory."""


@dataclass(frozen=True)
class ReaderKind:
    """A kind of files and what reads them.

    Attributes
    ----------
    samples : function of a folder
        Writes good input into it, each sample into a folder of its own.
    read : function of a folder
        Reads a damaged sample as the program does.
    mutated : function of a name
        Whether the file of this name in a sample is damaged; the others stay good.
    repair : function of a folder and a random generator
        Makes damaged input plausible again, such as by new checksums.
    """

    name: str
    samples: Callable[[Path], None]
    read: Callable[[Path], None]
    mutated: Callable[[str], bool] = lambda name: True
    repair: Callable[..., None] = lambda folder, rng: None


@dataclass
class Tally:
    """What came of the inputs of a kind."""

    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    megabytes: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other):
        self.read += other.read
        self.refused += other.refused
        self.slowest = max(self.slowest, other.slowest)
        self.megabytes = max(self.megabytes, other.megabytes)
        self.faults += other.faults


def campaign(kinds, count, seed, module, *, first=0, workers=2, seconds=SECONDS):
    """Yield (kind, tally) of `count` inputs for each kind, in their order."""
    # in memory, where it exists: most of the time would go into flushing small files
    root = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        TemporaryDirectory(prefix="fuzz-", dir=root) as name,
        ThreadPoolExecutor(workers) as pool,
    ):
        folder = Path(name).resolve()
        waiting = []
        for kind in kinds:
            samples = folder / "samples" / kind.name
            samples.mkdir(parents=True)
            kind.samples(samples)
            chunks = [
                (start, min(start + CHUNK, first + count))
                for start in range(first, first + count, CHUNK)
            ]
            jobs = [
                pool.submit(_chunk, folder, module, kind.name, seed, chunk, seconds)
                for chunk in chunks
            ]
            waiting.append((kind, jobs))
        for kind, jobs in waiting:
            tally = Tally()
            for job in jobs:
                tally.add(job.result())
            yield kind, tally


def _chunk(folder, module, kind, seed, chunk, seconds):
    """Let processes read the inputs of a chunk: another one after each that ended early."""
    tally = Tally()
    (start, end), place = chunk, folder / f"{kind} {chunk[0]}"
    while start < end:
        work = place / f"from {start}"
        work.mkdir(parents=True)
        start = _process(
            [module, kind, str(seed), str(start), str(end), folder / "samples" / kind, work],
            tally, seconds,
        )  # fmt: skip
    return tally


def _process(arguments, tally, seconds):
    """Run one process to its end; return the number of the first input it left."""
    kind, number, work = arguments[1], int(arguments[3]), arguments[-1]
    log = work.parent / f"{work.name}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "fuzz.guard", *map(str, arguments)], cwd=ROOT,
            env=_environment(work), stdout=subprocess.PIPE, stderr=errors, text=True,
            start_new_session=True,
        )  # fmt: skip
    begun, patience = None, STARTING
    try:
        while line := _line(process.stdout, patience):
            report = json.loads(line)
            if "begun" in report:
                begun, patience = report["begun"], seconds
            else:
                number, begun = report["ended"] + 1, None
                _count(tally, report, f"{kind} {report['ended']}")
    finally:
        _end(process, patient=line == "")
    said = log.read_text(errors="replace").strip()[-300:]
    if begun is None and (line is None or process.returncode):
        raise ChildProcessError(f"a process for {kind} did not get to input {number}: {said}")
    if begun is None:
        return number
    what = f"took more than {seconds} s" if line is None else f"died ({process.returncode}): {said}"
    tally.read += 1
    tally.faults.append(f"{kind} {begun}: {what}")
    return begun + 1


def _environment(work):
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "TMPDIR": str(work / "input"),
        "FACESWAP_CONFIG_DIR": str(work.parent),
        "PYTHONFAULTHANDLER": "1",
        "OMP_NUM_THREADS": "1",
    }


def _line(stream, patience):
    """Return the next line, "" at the end, or None if there is none for so many seconds."""
    ready, _, _ = select.select([stream], [], [], patience)
    return stream.readline() if ready else None


def _count(tally, report, title):
    tally.read += 1
    tally.refused += report["refused"]
    tally.slowest = max(tally.slowest, report["seconds"])
    tally.megabytes = max(tally.megabytes, report["megabytes"])
    if report["fault"]:
        tally.faults.append(f"{title}: {report['fault']}")


def _end(process, *, patient):
    """Take leave of a process: one that has closed its output ends by itself."""
    try:
        process.wait(SECONDS if patient else 0)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # it and what it may have started
        process.wait()
    process.stdout.close()
