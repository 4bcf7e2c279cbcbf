"""Manual extraction, frame after frame, in a window.

Each decision is written and recorded at once, so nothing is lost however the program ends, and the
next run continues from there.
"""

from collections import deque
from pathlib import Path

import numpy as np

from extractor import journal
from extractor.frames import Pending, SampledSource
from extractor.manual.controls import handle
from extractor.manual.drawing import FrameDrawing
from extractor.manual.editor import Decision, Editor, Navigation, ToolState
from extractor.manual.frame_cache import FrameCache
from extractor.manual.state import FrameFaces
from extractor.manual.store import Store
from extractor.options import ManualMode
from extractor.writer import FaceWriter
from facelib.landmarkers import LANDMARKERS
from facelib.types import Detection
from utils import console
from utils.console import Report
from utils.errors import InputError
from utils.files import Manifest, natural_key
from utils.window import Event, Window

TITLE = "Manual extraction"
WAIT = 15  # milliseconds to wait for an event


def run(
    mode: ManualMode,
    footage: SampledSource,
    writer: FaceWriter,
    manifest: Manifest,
    report: Report,
    window_size: int,
) -> None:
    """Show the frames that need a person, and write what the person decides."""
    names, decided = _choose(mode, writer.folder, manifest)
    if names is not None and names <= decided:
        console.say("no frame is left for manual extraction")
        return
    frames = FrameCache(footage, lambda name: names is None or name in names)
    total = footage.count if names is None else len(names)
    session = _ManualSession(frames, Store(writer, manifest), decided, total, window_size)
    session.offers_existing = mode is not ManualMode.DEBUG_DELETED
    session.run()
    report.failures += dict.fromkeys([*frames.failures, *session.failures])
    left = sorted(names - decided if names else session.undecided - decided, key=natural_key)
    report.notes["frames left for another time"] = left
    report.unfinished = bool(left)


def _choose(mode: ManualMode, folder: Path, manifest: Manifest) -> tuple[set[str] | None, set[str]]:
    """Return the names of the frames to show, None for all, and of those decided already."""
    frames = journal.frames_of(manifest)
    if mode is ManualMode.DEBUG_DELETED:
        remaining = {path.stem for path in journal.debug_dir(folder).glob("*.jpg")}
        return {name for name, _ in frames if Path(name).stem not in remaining}, set()
    decided = journal.manual_frames(manifest)
    if mode is ManualMode.ALL:
        return None, decided
    return {name for name, faces in frames if not faces} | decided, decided


class _ManualSession:
    """A person at work.

    Attributes
    ----------
    decided : set of str
        Names of the frames that a person has decided on, now or before.
    undecided : set of str
        Names of the frames that were shown and left without a decision.
    failures : list of str
        A sentence for each frame that could not be shown or written.
    offers_existing : bool
        Whether faces that a frame has from an earlier run are shown for editing.
    """

    def __init__(
        self,
        frames: FrameCache,
        store: Store,
        decided: set[str],
        total: int | None,
        window_size: int,
    ) -> None:
        self.decided = decided
        self.undecided: set[str] = set()
        self.failures: list[str] = []
        self.offers_existing = True
        self._frames, self._store = frames, store
        self._total, self._window_size = total, window_size
        self._landmarker = LANDMARKERS.load(store.writer.landmarker)()
        self._tool = ToolState()
        self._events: deque[Event] = deque()

    def run(self) -> None:
        """Show frame after frame, from the first one that is not decided."""
        position, navigation = self._next_undecided(0), Navigation.NEXT
        if self._frames.at(position) is None:
            return
        with Window(TITLE) as window:
            while (frame := self._frames.at(position)) is not None:
                try:
                    image = frame.image()
                except InputError as problem:
                    self.failures.append(str(problem))
                    # on in the same direction
                    navigation = Navigation.NEXT if position == 0 else navigation
                else:
                    navigation = self._edit(window, frame, image, position)
                self._tool.help = False  # shown with the first frame only; h brings it back
                if navigation is Navigation.QUIT:
                    return
                if navigation is Navigation.NEXT_UNDECIDED:
                    position = self._next_undecided(position + 1)
                else:
                    position = max(0, position + navigation.value)

    def _next_undecided(self, position: int) -> int:
        while (frame := self._frames.at(position)) is not None and frame.name in self.decided:
            position += 1
        return position

    def _edit(self, window: Window, frame: Pending, image: np.ndarray, position: int) -> Navigation:
        """Show a frame until it is left; return where to go."""
        offered = self.offers_existing or frame.name in self.decided
        existing = self._store.faces(frame.name) if offered else ()
        editor = Editor(
            lambda rect: self._landmarker.locate(image, [Detection(rect, 1.0)])[0],
            (image.shape[1], image.shape[0]),
            self._tool,
            faces=existing,
            previous=self._store.previous(frame),
            window_size=self._window_size,
        )
        drawing = FrameDrawing(image, self._store.writer.face_type)
        of = f" of {self._total}" if self._total else ""
        caption = f"{position + 1}{of}: {frame.name}"
        while True:
            decision = self._wait_for_decision(window, editor, drawing, caption)
            try:
                self._keep(frame, image, decision.faces, existing)
            except InputError as problem:  # the landmarks cannot be aligned
                if window.closed:
                    self.failures.append(f'"{frame.name}": {problem}')
                    return Navigation.QUIT
                editor.message = str(problem)
            else:
                return decision.navigation

    def _wait_for_decision(
        self, window: Window, editor: Editor, drawing: FrameDrawing, caption: str
    ) -> Decision:
        """Pass events to the editor and show what they change, until there is a decision."""
        changed = True
        while True:
            while self._events:
                changed = True
                decision = handle(editor, self._events.popleft())
                if decision is not None:
                    return decision
            if changed:
                editor.refresh()
                window.show(drawing.draw(editor, caption))
            changed = False
            self._events.extend(window.events(WAIT))

    def _keep(
        self, frame: Pending, image: np.ndarray, faces: FrameFaces | None, existing: FrameFaces
    ) -> None:
        """Write what was decided, unless it is on disk already."""
        if faces is None:
            if frame.name not in self.decided:
                self.undecided.add(frame.name)
            return
        if frame.name not in self.decided or faces != existing:
            self._store.keep(frame, image, faces)
        self.decided.add(frame.name)
