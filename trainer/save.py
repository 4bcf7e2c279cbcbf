"""Saving during training: before it starts, regularly, before an error ends it, and backups."""

from collections.abc import Iterator
from contextlib import contextmanager

from models import checkpoint
from trainer.progress import ProgressLine
from trainer.session import TrainingSession
from utils import console
from utils.errors import UserError


def save(session: TrainingSession) -> None:
    """Save the model.

    Raises
    ------
    UserError
        If that is impossible, such as on a full disk.
    """
    try:
        session.save()
    except OSError as problem:
        saved = session.saved_iteration
        raise UserError(
            f'cannot save into "{session.save_settings.model_dir}": {problem.strerror}; '
            f"{f'iteration {saved}' if saved >= 0 else 'nothing'} is saved there"
        ) from problem


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


@contextmanager
def save_on_error(session: TrainingSession, line: ProgressLine) -> Iterator[None]:
    """Save before an error ends the training."""
    try:
        yield
    except UserError:
        try_to_save(session, line)
        raise
