"""Placing faces by hand, frame after frame, in a window.

`--detector manual` offers every frame, `--manual-fix` those without a face,
`--manual-output-debug-fix` those whose debug picture was deleted. Each decision is written and
recorded at once, so whatever ends the program, nothing is lost and the next run goes on from there.
"""

from collections import deque
from pathlib import Path

import numpy as np

from extractor import journal
from extractor.frames import Pending
from extractor.manual.drawing import FrameDrawing
from extractor.manual.editor import Editor, Hand, Move, Verdict
from extractor.manual.frame_cache import FrameCache
from extractor.manual.state import FrameFaces
from extractor.manual.store import Store
from extractor.options import MANUAL, ExtractOptions
from facelib.landmarkers import LANDMARKERS
from facelib.types import Detection
from utils import console
from utils.console import Report
from utils.errors import InputError, UsageError, UserError
from utils.files import Manifest, natural_key
from utils.video.source import FrameSource
from utils.window import Event, Window, available

TITLE = "Faces by hand"
WAIT = 15  # milliseconds to wait for an event


def wanted(options: ExtractOptions) -> bool:
    """Whether the options ask for a person at all."""
    return options.detector == MANUAL or options.manual_fix or options.manual_output_debug_fix


def check(options: ExtractOptions) -> None:
    """Raise UserError if nobody can place faces here: no window, or no debug pictures to go by."""
    if not available():
        raise UserError(
            "faces are placed by hand in a window, and there is no display to open it on; run this "
            "at a desktop, or leave the faces to a detector such as --detector yunet"
        )
    if not options.manual_output_debug_fix:
        return
    if options.overwrite:
        raise UsageError("--overwrite would throw away what --manual-output-debug-fix is to mend")
    folder = journal.debug_dir(options.output_dir)
    if not folder.is_dir():
        raise InputError(
            f'there is no folder "{folder}"; extract with --debug first, look through it, and '
            "delete the pictures of the frames whose faces are wrong"
        )


def work_through(
    options: ExtractOptions, source: FrameSource, manifest: Manifest, report: Report
) -> None:
    """Show the frames that want a person and keep what the person decides."""
    names, decided = _choose(options, manifest)
    if names is not None and names <= decided:
        console.say("no frame is left to be done by hand")
        return
    reel = FrameCache(source, options, lambda name: names is None or name in names)
    total = source.count and -(-source.count // options.every) if names is None else len(names)
    store = Store(options, source.path.name, manifest)
    session = _Session(options, reel, store, decided, total)
    session.run()
    report.failures += dict.fromkeys([*reel.failures, *session.failures])
    left = sorted(names - decided if names else session.left - decided, key=natural_key)
    report.notes["frames left for another time"] = left


def _choose(options: ExtractOptions, manifest: Manifest) -> tuple[set[str] | None, set[str]]:
    """Return the names of the frames to be shown, None for all, and of those decided already."""
    frames = journal.frames_of(manifest)
    if options.manual_output_debug_fix:
        folder = journal.debug_dir(options.output_dir)
        there = {path.stem for path in folder.glob("*.jpg")}
        return {name for name, _ in frames if Path(name).stem not in there}, set()
    decided = journal.by_hand(manifest)
    if options.detector == MANUAL:
        return None, decided
    return {name for name, marks in frames if not marks} | decided, decided


class _Session:
    """One sitting.

    Attributes
    ----------
    decided : names of the frames that a person has decided on, now or before
    left : names of the frames that were shown and not decided on
    failures : sentences
    """

    def __init__(
        self, options: ExtractOptions, reel: FrameCache, store: Store, decided: set[str],
        total: int | None,
    ) -> None:  # fmt: skip
        self.decided = decided
        self.left: set[str] = set()
        self.failures: list[str] = []
        self._options, self._reel, self._store, self._total = options, reel, store, total
        self._landmarker = LANDMARKERS.load(options.landmarker)()
        self._hand = Hand()
        self._events: deque[Event] = deque()

    def run(self) -> None:
        """Show frame after frame, from the first one that is not decided."""
        position, step = self._undecided(0), Move.FORTH
        if self._reel.at(position) is None:
            return
        with Window(TITLE) as window:
            while (frame := self._reel.at(position)) is not None:
                try:
                    image = frame.image()
                except InputError as problem:
                    self.failures.append(str(problem))
                    step = Move.FORTH if position == 0 else step  # on in the same direction
                else:
                    step = self._work_on(window, frame, image, position)
                self._hand.help = False  # it was there for the first frame; h brings it back
                if step is Move.STOP:
                    return
                if step is Move.NEXT:
                    position = self._undecided(position + 1)
                else:
                    position = max(0, position + step.value)

    def _undecided(self, position: int) -> int:
        while (frame := self._reel.at(position)) is not None and frame.name in self.decided:
            position += 1
        return position

    def _work_on(self, window: Window, frame: Pending, image: np.ndarray, position: int) -> Move:
        """Show a frame until it is left; return where to go."""
        known = not self._options.manual_output_debug_fix or frame.name in self.decided
        had = self._store.faces(frame.name) if known else ()
        editor = Editor(
            lambda rect: self._landmarker.locate(image, [Detection(rect, 1.0)])[0],
            (image.shape[1], image.shape[0]), self._hand, faces=had,
            before=self._store.before(frame), window_size=self._options.manual_window_size,
        )  # fmt: skip
        painter = FrameDrawing(image, self._options.face_type)
        of = f" of {self._total}" if self._total else ""
        caption = f"{position + 1}{of}: {frame.name}"
        while True:
            verdict = self._watch(window, editor, painter, caption)
            try:
                self._keep(frame, image, verdict, had)
            except InputError as problem:  # points that make no face
                if window.closed:
                    self.failures.append(f'"{frame.name}": {problem}')
                    return Move.STOP
                editor.message = str(problem)
            else:
                return verdict.step

    def _watch(
        self, window: Window, editor: Editor, painter: FrameDrawing, caption: str
    ) -> Verdict:
        """Bring events to the editor, and show what they change, until there is a verdict."""
        changed = True
        while True:
            while self._events:
                changed = True
                verdict = editor.handle(self._events.popleft())
                if verdict is not None:
                    return verdict
            if changed:
                editor.settle()
                window.show(painter.paint(editor, caption))
            changed = False
            self._events.extend(window.events(WAIT))

    def _keep(self, frame: Pending, image: np.ndarray, verdict: Verdict, had: FrameFaces) -> None:
        """Write what was decided, unless it is what is there."""
        if verdict.faces is None:
            if frame.name not in self.decided:
                self.left.add(frame.name)
            return
        if frame.name not in self.decided or verdict.faces != had:
            self._store.keep(frame, image, verdict.faces)
        self.decided.add(frame.name)
