"""`run`: the whole way from two clips to the result, by the commands one would type.

Each command is a process of its own. What is there already is continued or left as it is, so a
second run goes on where the first one was stopped.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from models import model_folder
from tools.options import RunOptions
from utils import console, ending, native_output, program, signals, workspace
from utils.console import Report
from utils.errors import ExitStatus, InputError, Interrupted, UserError
from utils.workspace import Workspace


class Command(NamedTuple):
    """What is typed after the program's name, and what it is for."""

    words: str
    purpose: str

    @property
    def stage(self) -> str:
        """The stage it calls."""
        return self.words.split()[0]


def run(options: RunOptions) -> Report:
    """Do everything that is left to do.

    Raises
    ------
    InputError
        If there is no workspace, or a clip is missing.
    ModelError
        If another model than the one that is asked for is there.
    UserError
        If one of the commands fails.
    """
    home = workspace.chosen(options.workspace)
    for side, whose in workspace.SIDES.items():
        if not (home.clip(side).exists() or workspace.has_images(home.faces(side))):
            raise InputError(f'copy the clip of {side}, {whose}, to "{home.clip(side)}"')
    model_folder.check_name(
        model_folder.newest_state(home.model).get("model"), home.model, options.model
    )
    for command in commands(home, options.minutes, options.model):
        execute(command, home, "--debug" if options.debug else "")
    return Report(made=[home.result])


def commands(home: Workspace, minutes: float, model: str | None = None) -> Iterator[Command]:
    """Yield what is left to do, in order; each is decided on when those before it are done.

    Parameters
    ----------
    minutes : float
        How long to train, earlier runs included.
    model : str or None
        The model to train; None: the one that is there, else the default.
    """
    for side in workspace.SIDES:
        done = workspace.has_images(home.faces(side)) and home.extraction_ended(side)
        if home.clip(side).exists() and not done:
            words, purpose = home.extraction(side)
            if words.split()[:1] != ["extract"] or home.all_deleted(side):
                raise InputError(f"{purpose}: {home.typed(words)}" if words else purpose)
            yield Command(words, purpose)
    if not home.is_sorted("src"):
        yield Command("sort src --by hist", "sort them, so that bad ones are next to each other")
    chosen = f" --model {model}" if model else ""
    yield Command(f"train{chosen} --target-minutes {minutes:g}", "train a model on both")
    if words := home.conversion():
        ours = workspace.changed(home.folder / workspace.SETTINGS)
        # a result that this program did not make is not replaced
        yield Command(words if ours else "convert", "put src's face into dst's footage")
    if workspace.changed(home.evaluation) < workspace.changed(home.result):
        yield Command("evaluate", "measure how good the result is")


def execute(command: Command, home: Workspace, extra: str = "") -> None:
    """Show a command and run it, with more words than are shown.

    Raises
    ------
    Interrupted
        If it was stopped.
    UserError
        If it failed.
    """
    words = f"{command.words} {extra}".strip()
    console.say(f"\n== {command.purpose[0].upper()}{command.purpose[1:]}")
    console.say(f"   {home.typed(words)}\n")
    status = _call([*words.split(), "--workspace", str(home.folder), "--no-ask"])
    if status == ExitStatus.INTERRUPTED:
        raise Interrupted("run this again to continue")
    if status:
        raise UserError(f'"{command.stage}" failed, see above; run this again to continue')


def _call(words: list[str]) -> int:
    """Run the program and return its exit status; requests to stop are for it, not for us."""
    environment = os.environ | {ending.WITHIN_RUN: "1"}
    with native_output.heard_from_children():
        process = subprocess.Popen([*program.start(), *words], env=environment)
    before = {number: signal.getsignal(number) for number in signals.requests()}
    for number in before:
        # a console sends Ctrl-C and Ctrl-Break to both of us
        mine = number in (signal.SIGINT, getattr(signal, "SIGBREAK", None))
        signal.signal(number, (lambda *_: None) if mine else (lambda n, _: process.send_signal(n)))
    try:
        with signals.finishing(None):
            return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
