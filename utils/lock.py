"""Work that only one program at a time may do in a place."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from utils.errors import UserError


@contextmanager
def locked(path: Path, taken: UserError) -> Iterator[None]:
    """Hold the lock file `path`; raise `taken` at once if another program holds it.

    The system frees it when a program ends, however that ends; only a kill leaves the file behind.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise taken from None
    except OSError as problem:
        raise UserError(f'cannot write "{path}": {problem.strerror or problem}') from None
    try:
        yield
    finally:
        # before it is free, so that it is nobody else's; filelock notices one without a name
        with suppress(OSError):  # Windows removes no open file, but filelock does it there
            path.unlink()
        lock.release()
