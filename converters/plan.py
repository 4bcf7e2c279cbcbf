"""Where a run's looks come from: the flags, a session, or a person at the window."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from converters.interactive import session_file
from converters.look import Look
from converters.look_timeline import LookTimeline
from converters.options import ConvertOptions
from converters.predictor import Predictor
from facelib.faceset import FaceInfo
from utils import console
from utils.files import list_images
from utils.options import to_json
from utils.video.source import FrameSource

VIDEO_FRAME = re.compile(r"\d{6,}")  # how frames of a video are called
NumberOf = Callable[[str], int | None]
"""Gives the number of a frame by its name."""


@dataclass(frozen=True)
class Plan:
    """The looks of a run.

    Attributes
    ----------
    looks : of each frame
    number_of : the number of a frame by its name, if frames have settings of their own
    """

    looks: LookTimeline
    number_of: NumberOf | None = None

    def facts(self, as_whole: bool) -> dict[str, object]:
        """Return what tells this run from others: what frames are compared one by one is left out.

        Parameters
        ----------
        as_whole : whether the result is one piece, such as a video
        """
        if self.number_of is None:
            return {"look": to_json(self.looks.at(0))}
        if not as_whole:
            return {"look": "of each frame"}
        return {"look": {str(index): to_json(look) for index, look in self.looks.own.items()}}

    @property
    def look_fingerprint(self) -> Callable[[str], str] | None:
        """What gives a frame's name a text that changes with its look, if frames differ."""
        number_of = self.number_of
        if number_of is None:
            return None
        return lambda name: digest(self.looks.at(number_of(name) or 0))


def digest(look: Look) -> str:
    """Return a short text that two looks share only if they are the same."""
    return blake2b(json.dumps(to_json(look)).encode(), digest_size=8).hexdigest()


def check(options: ConvertOptions) -> None:
    """Refuse what cannot work, before anything slow is done.

    Raises
    ------
    UserError
        If there is no screen for a window, or a named session does not exist.
    """
    if options.interactive:
        # not at the top: nobody else needs a window
        from converters.interactive import app

        app.check_screen()
    session_file.find(options)


def choose(
    options: ConvertOptions,
    predictor: Predictor,
    source: FrameSource,
    faces: Mapping[str, list[FaceInfo]],
) -> Plan | None:
    """Return the looks of all frames; None if a person at the window wants to go on later.

    Raises
    ------
    UserError
        If a session or a window is asked for that cannot be used.
    """
    if options.interactive:
        from converters.interactive import app

        looks = app.choose(options, predictor, source, faces)
        return None if looks is None else Plan(looks, numbers(source))
    path = session_file.find(options)
    if path is None:
        return Plan(LookTimeline.all_alike(options))
    number_of = numbers(source)
    saved = session_file.load(path, options.input_dir.name, number_of)
    session_file.warn_of_missing(saved)
    console.say(f'Each frame gets its settings from the session "{path}".')
    return Plan(saved.timeline, number_of)


def numbers(source: FrameSource) -> NumberOf:
    """Return what knows the number of a frame by its name."""
    if not source.is_video:
        return {path.name: index for index, path in enumerate(list_images(source.path))}.get

    def number(name: str) -> int | None:
        stem = Path(name).stem
        return int(stem) if VIDEO_FRAME.fullmatch(stem) else None

    return number
