"""Where a run's looks come from: the command line, a session, or the user at the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from converters.interactive import session_file
from converters.interactive.session_file import SessionFile
from converters.look import Look, fingerprint, identity, used, wants_trained_mask
from converters.look_timeline import LookTimeline
from utils import console


@dataclass(frozen=True)
class Plan:
    """The looks of a run.

    Attributes
    ----------
    timeline : LookTimeline
        The look of each frame.
    from_session : bool
        Whether frames may have looks of their own.
    """

    timeline: LookTimeline
    from_session: bool = False

    def facts(self, as_whole: bool) -> dict[str, object]:
        """Return what the journal's header says of the looks.

        Parameters
        ----------
        as_whole : bool
            Whether the result is one piece, such as a video; else frames whose look has changed are
            told apart by `fingerprints`.
        """
        if not self.from_session:
            return {"look": identity(self.timeline.at(0))}
        if not as_whole:
            return {"look": "of each frame"}
        return {"look": {str(index): identity(look) for index, look in self.timeline.own.items()}}

    @property
    def wants_trained_masks(self) -> bool:
        """Whether a trained mask model is needed for a frame."""
        return any(map(wants_trained_mask, self.timeline.own.values()))

    def fingerprints(
        self, number_of: Callable[[str], int | None], mask_model: str | None = None
    ) -> Callable[[str], str] | None:
        """Return what turns a frame's name into the fingerprint of its look; None if all are alike.

        Parameters
        ----------
        number_of : callable
            Name of a frame -> its number.
        mask_model : str or None
            Name of the mask model, on which looks with trained masks depend.
        """
        if not self.from_session:
            return None

        def of(name: str) -> str:
            look = self.timeline.at(number_of(name) or 0)
            known = fingerprint(look)
            return f"{known}, {mask_model}" if mask_model and wants_trained_mask(look) else known

        return of


def read_plan(
    look: Look, session: SessionFile, footage: str, number_of: Callable[[str], int | None]
) -> Plan:
    """Return the looks of a run without a window: those of the session, else one look for all.

    Parameters
    ----------
    look : Look
        The look without a session.
    session : SessionFile
        Where settings per frame may be.
    footage : str
        The name of the footage.
    number_of : callable
        Name of a frame -> its number; None if the footage has no such frame.

    Raises
    ------
    InputError
        If the session is damaged or belongs to other footage.
    """
    if not session.resume:
        return Plan(LookTimeline.all_alike(used(look)))
    saved = session_file.load(session.path, footage, number_of)
    session_file.warn_of_missing(saved)
    console.say(f'Each frame gets its settings from the session "{session.path}".')
    return Plan(saved.timeline, from_session=True)
