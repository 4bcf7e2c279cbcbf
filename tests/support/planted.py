"""Readers with faults of every kind, to see whether the fuzz harness finds them."""

import contextlib
import os
import pickle
import signal
import subprocess
import threading
import time

from fuzz.campaign import ReaderKind

from utils.errors import InputError


def make_sample(folder):
    (folder / "0").mkdir()
    (folder / "0" / "x.bin").write_bytes(bytes(range(256)))


def swallowed(folder):
    """A defect that ends a thread, and nothing else."""
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()


def refuses(folder):
    raise InputError(f"{len(list(folder.iterdir()))} file is damaged")


def written_by_another_library(folder):
    """What the audit of Python does not see."""
    descriptor = os.open(folder.parent, os.O_RDONLY)
    os.mkdir("beside", dir_fd=descriptor)
    os.close(descriptor)


def starts_a_program(folder):
    with contextlib.suppress(OSError):
        subprocess.run(["true"], check=False)


READERS = {
    "reads": lambda folder: (folder / "y").write_bytes((folder / "x.bin").read_bytes()),
    "refuses": refuses,
    "a traceback": lambda folder: [][1],
    "a traceback in a thread": swallowed,
    "a defect in words": lambda folder: refuses_with("This is a defect of the program"),
    "a hang": lambda folder: time.sleep(60),
    "memory": lambda folder: b"x" * (1 << 30),
    "a write elsewhere": lambda folder: (folder.parent / "z").touch(),
    "a write far away": lambda folder: (folder / ".." / ".." / ".." / "z").write_bytes(b""),
    "a write by a library": written_by_another_library,
    "a program": starts_a_program,
    "a pickle": lambda folder: pickle.loads(pickle.dumps(ReaderKind)),  # noqa: S301 - a fault
    "a crash": lambda folder: os.kill(os.getpid(), signal.SIGSEGV),
}


def refuses_with(words):
    raise InputError(words)


KINDS = {name: ReaderKind(name, make_sample, read) for name, read in READERS.items()}
