"""A lock file for work that only one process at a time may do."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from utils.errors import InputError, UserError
from utils.files import no_link

TRAIN_LOCK, EXTRACT_LOCK = ".train.lock", ".extract.lock"
"""In the folder of a model and of faces, while they are trained and extracted."""
BRIEFLY = 0.2
"""Seconds: `held`, which looks, has the lock for a moment."""
WAIT = 2.0
"""Seconds for a worker process to end whose parent was killed."""


@contextmanager
def locked(path: Path, taken: UserError, wait: float = BRIEFLY) -> Iterator[None]:
    """Hold the lock file `path`; raise `taken` if another process holds it for `wait` seconds.

    The system releases it whenever the process ends; only a kill leaves the file behind.
    """
    lock = FileLock(no_link(path))
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        raise taken from None
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
    taken = InputError(
        f'another {stage} is writing into "{folder}"; wait until it ends, or choose another folder'
    )
    with locked(folder / name, taken, WAIT):
        yield


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
