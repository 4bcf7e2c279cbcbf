"""Gives damaged files to one reader, in a process of its own that is watched from outside.

    python -m fuzz.guard MODULE KIND SEED FIRST END SAMPLES FOLDER

Says on stdout, one JSON object per line, which input begins and how the last one ended. What a
reader may do with any file at all is to return or to raise a UserError. It may write in the folder
of the input alone, start no program, open no connection, and take no more than the limit of memory.
"""

import importlib
import json
import os
import random
import re
import resource
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path

from fuzz.mutate import mutate
from utils.errors import UserError, sentence

MEGABYTES = 1000
"""What a reader may take, all libraries included."""
RESERVED = 8 << 30
"""Bytes of address space: beyond them the machine itself is protected."""
SHOWN = 400
KEEP = "FUZZ_KEEP"
"""Environment variable: a folder, not of the repository, for the inputs that made a reader fail."""
OPENED_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    "os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.rename": 2, "os.link": 2, "os.symlink": 2,
    "os.truncate": 1, "os.chmod": 1, "shutil.rmtree": 1,
}  # fmt: skip
"""Audit events of Python that change the file system, and how many paths they have."""
FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "socket.connect", "pickle.find_class")


def make_input(samples, folder, kind, seed, number):
    """Write the damaged input of this number; return its folder."""
    rng = random.Random(f"{seed} {kind.name} {number}")
    sample = rng.choice(samples)
    targets = [name for name in sample if kind.mutated(name)]
    chosen = rng.sample(targets, min(len(targets), rng.choice((1, 1, 1, 2))))
    place = folder / "input"
    shutil.rmtree(place, ignore_errors=True)
    for name, data in sample.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutate(name, data, rng) if name in chosen else data)
    kind.repair(place, rng)
    return place


def load_samples(folder):
    """Return the samples of a kind, each a dict of the names of its files to bytes."""
    return [
        {
            path.relative_to(sample).as_posix(): path.read_bytes()
            for path in sorted(sample.rglob("*"))
            if path.is_file()
        }
        for sample in sorted(folder.iterdir())
    ]


class Watch:
    """Sees what the process writes, and what fails beside the main thread."""

    def __init__(self, folder):
        self.allowed = str(folder / "input")
        self.folder = folder
        self.faults = []
        self.active = False
        sys.addaudithook(self._audit)
        threading.excepthook = lambda args: self.faults.append(_shown(args.exc_value))
        sys.unraisablehook = lambda args: self.faults.append(_shown(args.exc_value))

    def _audit(self, event, args):
        if not self.active:
            return
        if event == "open" and isinstance(args[2], int) and args[2] & OPENED_TO_WRITE:
            self._check(event, args[:1])
        elif event in CHANGES:
            self._check(event, args[: CHANGES[event]])
        elif event in FORBIDDEN:
            self.faults.append(f"{event} {args}"[:SHOWN])

    def _check(self, event, paths):
        for path in paths:
            if isinstance(path, int) or os.fsdecode(path) == os.devnull:
                continue
            whole = os.path.normpath(Path(self.allowed, os.fsdecode(path)))
            if whole != self.allowed and not whole.startswith(self.allowed + os.sep):
                self.faults.append(f"{event} outside its folder: {whole}"[:SHOWN])

    def fault(self, read, place):
        """Let a reader read an input; return what it did wrong, or "", and if it refused it."""
        self.faults, refused = [], False
        _reset_peak()
        self.active = True
        try:
            read(place)
        except UserError as problem:
            refused = True
            if re.search("Traceback|defect of the program", sentence(problem)):
                self.faults.append(sentence(problem))
        except BaseException as problem:  # noqa: BLE001 - each is a fault
            self.faults.append(_shown(problem))
        self.active = False
        taken = _peak()
        if taken > MEGABYTES:
            self.faults.append(f"took {taken} MB")
        if extra := {path.name for path in self.folder.iterdir()} - {"input"}:
            self.faults.append(f"wrote {sorted(extra)} outside its folder")
        return "; ".join(self.faults)[:SHOWN], refused, taken


def _shown(problem):
    trace = traceback.extract_tb(problem.__traceback__)
    where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in trace[-1:-5:-1])
    return f"{type(problem).__name__}: {str(problem)[:150]} ({where})"


def _reset_peak():
    Path("/proc/self/clear_refs").write_text("5")


def _peak():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) >> 10


def main(module, kind, seed, first, end, samples, folder):
    """Read the inputs from `first` to `end`, until one takes too much memory."""
    sys.dont_write_bytecode = True
    kind = importlib.import_module(module).KINDS[kind]
    samples, folder = load_samples(Path(samples)), Path(folder)
    watch = Watch(folder)
    resource.setrlimit(resource.RLIMIT_AS, (RESERVED, RESERVED))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    reports = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for number in range(int(first), int(end)):
        place = make_input(samples, folder, kind, seed, number)
        reports.write(json.dumps({"begun": number}) + "\n")
        began = time.monotonic()
        fault, refused, taken = watch.fault(kind.read, place)
        seconds = time.monotonic() - began
        if fault and KEEP in os.environ:
            shutil.copytree(place, Path(os.environ[KEEP], f"{kind.name} {seed} {number}"))
        facts = {"fault": fault, "refused": refused, "seconds": seconds, "megabytes": taken}
        reports.write(json.dumps({"ended": number, **facts}) + "\n")
        if taken > MEGABYTES:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
