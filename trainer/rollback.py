"""Going back to a saved state of a training that broke down, and when that is given up."""

from models import checkpoint
from trainer.session import TrainingSession
from utils.errors import UserError

MOST = 3
"""Returns to the same generation."""


class Rollbacks:
    """Takes a session back to what was saved, and counts how often."""

    def __init__(self, session: TrainingSession) -> None:
        self._session = session
        self._count, self._reached = 0, -1

    def to(self, healthy: int) -> None:
        """Return to the newest generation up to iteration `healthy` and remove newer ones.

        Raises
        ------
        UserError
            When that has happened too often, or there is nothing to return to.
        """
        session = self._session
        if not session.restore_newest(healthy):
            raise nothing_healthy(session)
        again = session.iteration <= self._reached
        self._count = self._count + 1 if again else 1
        self._reached = session.iteration
        session.forget_newer()
        if self._count > MOST:
            raise UserError(
                f"training breaks down repeatedly after iteration {session.saved_iteration}, which "
                f"is saved: lower --learning-rate (now {session.schedule.learning_rate:g}), "
                "use --clip-gradients 1, or look for damaged faces with --debug"
            )


def nothing_healthy(session: TrainingSession) -> UserError:
    """Return the error for a model folder of which no generation can be trained further."""
    return UserError(
        f'no saved state in "{session.save_settings.model_dir / checkpoint.GENERATIONS}" is '
        f'healthy, so training cannot go on: copy one from "{checkpoint.BACKUPS}" there, or '
        "start again in another --model-dir with a lower --learning-rate (now "
        f"{session.schedule.learning_rate:g}) or --clip-gradients 1"
    )
