"""Saving during training: before it starts, regularly, at the end, before an error, and backups.

Only healthy states are saved. On a full disk the oldest generation makes room, and at the end
saving is tried until it succeeds: nothing is left to lose but the work of the whole night.
"""

import errno
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from models import checkpoint
from trainer.monitoring.monitor import BACKUP, SAVE
from trainer.progress import Every, ProgressLine
from trainer.recovery import StepRunner
from trainer.request_files import RequestFiles
from trainer.session import TrainingSession
from trainer.signals import StopRequest
from utils import console
from utils.errors import UserError, sentence

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
PASSING = FULL | {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV, errno.ENOTCONN}
"""What may be over soon: a full disk, a network drive that is away."""
RETRY_SECONDS = 5.0
PATIENCE = 300.0  # seconds of trying where there is no terminal, so no one who could make room


class Saver:
    """Saves a session while it trains and when it ends."""

    def __init__(
        self,
        session: TrainingSession,
        line: ProgressLine,
        runner: StepRunner,
        stop: StopRequest,
        minutes: float,
    ) -> None:
        self._session, self._line, self._runner, self._stop = session, line, runner, stop
        self._due = Every(minutes)
        self._wanted: set[str] = set()
        self._files = RequestFiles(session.save_settings.model_dir, SAVE, BACKUP)

    def after_step(self, requests: set[str]) -> None:
        """Save and back up what is due or asked for, as soon as the model may be saved."""
        self._wanted |= requests & {SAVE, BACKUP} | set(self._files.taken())
        if self._due.due():
            self._wanted.add(SAVE)
        if not self._wanted or not self._runner.may_save():
            return
        if SAVE in self._wanted:
            try_to_save(self._session, self._line)
        if BACKUP in self._wanted:
            try_to_back_up(self._session, self._line)
        self._wanted.clear()

    def change(self, minutes: float) -> None:
        """Save so often from now on, and as soon as the model may be saved."""
        self._due.change(minutes)
        self._wanted.add(SAVE)

    def last(self) -> None:
        """Save at the end, and try again for a while when the disk is full.

        Raises
        ------
        UserError
            If that is impossible, or the user gives up.
        """
        asked, started = self._stop.count, time.monotonic()
        while True:
            try:
                save(self._session)
                break
            except UserError as problem:
                waited = time.monotonic() - started
                impatient = waited > PATIENCE and not console.interactive()
                if not _may_pass(problem) or impatient or self._stop.count > asked:
                    raise
                console.status(f"trying again, Ctrl-C gives up: {problem}")
            time.sleep(RETRY_SECONDS)
        self._session.end()

    @contextmanager
    def on_error(self) -> Iterator[None]:
        """Save before an error ends the training."""
        try:
            yield
        except Exception:
            try:
                self._rescue()
            except Exception as problem:  # noqa: BLE001 - the first error is what counts
                console.warn(f"iteration {self._session.iteration} is lost: {sentence(problem)}")
            raise

    def _rescue(self) -> None:
        session = self._session
        if session.iteration == session.saved_iteration:
            return
        if (problem := self._problem()) is None:
            self.last()
            self._line.say(f"saved iteration {session.iteration}")
        else:
            console.warn(f"iteration {session.iteration} is not saved: {problem}")

    def _problem(self) -> str | None:
        """Return why the model must not be saved; None also where that cannot be told any more."""
        try:
            problem = self._runner.problem()
        except Exception:  # noqa: BLE001 - such as lack of memory
            return None
        return None if problem is None else problem.reason


def save(session: TrainingSession) -> None:
    """Save the model; on a full disk, give up old generations to make room.

    Raises
    ------
    UserError
        If it is impossible.
    """
    while True:
        try:
            session.save()
            return
        except OSError as problem:
            oldest = session.give_up_oldest() if problem.errno in FULL else None
            if oldest is None:
                raise UserError(_explain(session, problem)) from problem
            console.warn(f"the disk is full; iteration {oldest}, the oldest saved, was removed")


def _explain(session: TrainingSession, problem: OSError) -> str:
    saved, folder = session.saved_iteration, session.save_settings.model_dir
    text = (
        f'cannot save into "{folder}": {problem.strerror}; '
        f"{f'iteration {saved}' if saved >= 0 else 'nothing'} is saved there"
    )
    if problem.errno not in FULL:
        return text
    needed, free = session.bytes_to_save(), shutil.disk_usage(folder).free
    missing = f"; {_size(needed - free)} more are needed" if needed > free else ""
    return f"{text}; saving takes {_size(needed)}, {_size(free)} are free{missing}"


def _size(count: int) -> str:
    """Format a number of bytes, in the units of `df -h`."""
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.1f} MB"


def _may_pass(problem: UserError) -> bool:
    cause = problem.__cause__
    return isinstance(cause, OSError) and cause.errno in PASSING


def try_to_save(session: TrainingSession, line: ProgressLine) -> None:
    """Save during training; if that fails, warn and go on with what is in memory."""
    try:
        save(session)
        line.say(f"saved iteration {session.iteration}")
    except UserError as problem:
        console.warn(str(problem))


def try_to_back_up(session: TrainingSession, line: ProgressLine) -> None:
    """Save, and keep that generation permanently."""
    try:
        save(session)
        folder = checkpoint.back_up(session.save_settings.model_dir)
        line.say(f'iteration {session.iteration} is backed up in "{folder}"')
    except UserError as problem:
        console.warn(str(problem))
    except OSError as problem:
        console.warn(f"cannot make a backup: {problem.strerror}")
