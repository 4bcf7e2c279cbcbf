"""Saving while training: before it begins, in its course, before an error ends it, and backups."""

from collections.abc import Iterator
from contextlib import contextmanager

from models import checkpoint
from trainer.progress import Progress
from trainer.session import TrainingSession
from utils import console
from utils.errors import UserError


def save(session: TrainingSession) -> None:
    """Save.

    Raises
    ------
    UserError
        If that is impossible, such as on a full disk.
    """
    try:
        session.save()
    except OSError as problem:
        safe = f"iteration {session.saved_iteration}" if session.saved_iteration >= 0 else "nothing"
        raise UserError(
            f'cannot save into "{session.options.model_dir}": {problem.strerror}; '
            f"{safe} is saved there"
        ) from problem


def try_to_save(session: TrainingSession, progress: Progress) -> None:
    """Save in the middle of training; if that is impossible, go on with what is in memory."""
    try:
        save(session)
        progress.say(f"saved iteration {session.iteration}")
    except UserError as problem:
        console.warn(str(problem))


def try_to_back_up(session: TrainingSession, progress: Progress) -> None:
    """Save, and keep that generation for good."""
    try:
        save(session)
        folder = checkpoint.back_up(session.options.model_dir)
        progress.say(f'iteration {session.iteration} is kept in "{folder}"')
    except UserError as problem:
        console.warn(str(problem))
    except OSError as problem:
        console.warn(f"no backup could be made: {problem.strerror}")


@contextmanager
def saved_first(session: TrainingSession, progress: Progress) -> Iterator[None]:
    """Save before an error ends the training."""
    try:
        yield
    except UserError:
        try_to_save(session, progress)
        raise
