"""A lock file for work that only one process at a time may do."""

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from utils.errors import InputError, UserError
from utils.files import no_link

TRAIN_LOCK, EXTRACT_LOCK = ".train.lock", ".extract.lock"
"""In the folder of a model and of faces, while they are trained and extracted."""
MAIN, SHOWN = "main.py", 6  # words of a command that are shown
BRIEFLY = 0.2
"""Seconds: `held`, which looks, has the lock for a moment."""
WAIT = 2.0
"""Seconds for a worker process to end whose parent was killed."""


@contextmanager
def locked(
    path: Path, taken: UserError | Callable[[], UserError], wait: float = BRIEFLY
) -> Iterator[None]:
    """Hold the lock file `path`; raise `taken` if another process holds it for `wait` seconds.

    The system releases it whenever the process ends; only a kill leaves the file behind.
    """
    lock = FileLock(no_link(path))
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        raise (taken if isinstance(taken, UserError) else taken()) from None
    except OSError as problem:
        raise UserError(f'cannot write "{path}": {problem.strerror or problem}') from None
    try:
        yield
    finally:
        # before releasing it, so that it is still ours; filelock detects an unlinked file
        with suppress(OSError):  # Windows cannot remove an open file; there filelock does it
            path.unlink()
        lock.release()


@contextmanager
def locked_folder(folder: Path, name: str, stage: str) -> Iterator[None]:
    """Create a folder and hold the lock file `name` in it.

    Raises
    ------
    InputError
        If another run of the stage is writing there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f'cannot create the folder "{folder}": {problem.strerror}') from None
    path = folder / name
    with locked(path, lambda: InputError(_taken(path, stage)), WAIT):
        yield


def _taken(path: Path, stage: str) -> str:
    """Return the sentence that says which process is writing into a folder, and what to do."""
    folder, command = path.parent, holder(path)
    which = f" (it is {command})" if command else ""
    if "edit-faces" in command:
        return (
            f'another {stage} is writing into "{folder}"; close the page or the window in which '
            f"its faces are corrected{which}"
        )
    return (
        f'another {stage} is writing into "{folder}"; wait until it ends, or choose another '
        f"folder{which}"
    )


def holder(path: Path) -> str:
    """Return the process that has a lock file open, and its command; empty if that is not known."""
    import psutil  # not at the top: only who fails needs it

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or "python" not in process.name().lower():
                continue  # to list the files of all programs takes minutes on Windows
            files = process.open_files()
            if any(Path(file.path) == path.absolute() for file in files):
                words = process.cmdline()
                start = next((n for n, word in enumerate(words) if word.endswith(MAIN)), 0)
                return f"process {process.pid}: {shlex.join(words[start + 1 :][:SHOWN])}"
    return ""


def held(path: Path) -> bool:
    """Whether a process holds the lock file `path`; a kill leaves one that none holds."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # not ours to write
        return False
