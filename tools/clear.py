"""`util clear-workspace`: makes room for another project; nothing is deleted."""

import time
from pathlib import Path

from tools.options import ClearWorkspaceOptions
from utils import console, questions, workspace
from utils.console import Report
from utils.errors import InputError, Interrupted, NothingToDo, UsageError
from utils.files import free_name, patiently, trash_dir
from utils.lock import held
from utils.wording import counted


def run(options: ClearWorkspaceOptions) -> Report:
    """Move all that is in the workspace to a folder in its trash, if the user agrees.

    Raises
    ------
    UsageError
        If there is no terminal to ask at, and no flag says yes.
    InputError
        If a command works there, or a file cannot be moved.
    Interrupted
        If the answer is no.
    """
    folder = workspace.chosen(options.workspace).folder
    names = sorted(path.name for path in folder.iterdir())
    if not names:
        raise NothingToDo(f'"{folder}" is empty already.', folder)
    for lock in folder.rglob("*.lock"):
        if held(lock):
            raise InputError(f'a command works in "{lock.parent}"; stop it first, or wait for it')
    target = free_name(trash_dir(folder) / time.strftime("%Y-%m-%d_%H-%M-%S"))
    _agree(options, folder, names, target)
    target.mkdir(parents=True)
    for name in names:
        _move(folder / name, target / name)
    return Report({"items": len(names)}, made=[target])


def _agree(options: ClearWorkspaceOptions, folder: Path, names: list[str], target: Path) -> None:
    if options.yes:
        return
    if not (options.ask and console.interactive()):
        raise UsageError("there is no terminal to ask at; --yes clears the workspace without")
    console.say(f'"{folder}" holds {counted(len(names), "items")}: {", ".join(names)}')
    if not questions.confirm("move all of it to the trash", f'It goes to "{target}".'):
        raise Interrupted("Nothing was moved.")


def _move(path: Path, target: Path) -> None:
    try:
        patiently(path.rename, target)
    except OSError as problem:
        raise InputError(
            f'"{path}" cannot be moved ({problem.strerror}); close the program that uses it. What '
            f'was moved is in "{target.parent}"'
        ) from None
