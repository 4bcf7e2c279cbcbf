"""The lock of a folder of faces: two commands at once would move each other's files."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sorter.rename import state_dir
from utils.errors import InputError
from utils.files import list_images, no_link, remove_leftovers, trash_dir

LOCK = "lock"


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Lock a folder of faces, and remove what killed writers left in it.

    Raises
    ------
    InputError
        If there is no such folder, or another command moves faces in it.
    """
    if not folder.is_dir():
        list_images(folder)  # says what is wrong with it
    state = state_dir(folder)
    state.mkdir(exist_ok=True)
    lock = FileLock(no_link(state / LOCK))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f'another sort or deletion in "{folder}" is running; wait until it ends'
        ) from None
    try:
        remove_leftovers(state)
        remove_leftovers(trash_dir(folder))
        yield
    finally:
        lock.release()
        if all(path.name == LOCK for path in state.iterdir()):  # nothing was kept here
            shutil.rmtree(state)
