"""Manual extraction, frame after frame, in a window or on another screen.

Each decision is written and recorded at once, so nothing is lost however the program ends, and the
next run continues from there.
"""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from extractor import journal
from extractor.frames import Pending, SampledSource
from extractor.manual.controls import handle
from extractor.manual.drawing import FrameDrawing
from extractor.manual.editor import Decision, Editor, Navigation, ToolState
from extractor.manual.frame_cache import FrameCache
from extractor.manual.screen import Screen, ScreenEvent
from extractor.manual.state import FrameFaces
from extractor.manual.store import Store
from extractor.options import ManualMode
from extractor.writer import FaceWriter
from facelib.landmarkers import LANDMARKERS
from facelib.types import Detection, FaceType
from utils import console
from utils.console import Report
from utils.errors import InputError
from utils.files import Manifest, natural_key
from utils.window import Window

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
    session = ManualSession(frames, Store(writer, manifest), decided, window_size)
    session.offers_existing = mode is not ManualMode.DEBUG_DELETED
    session.run(lambda: WindowScreen(writer.face_type, total))
    report.failures += session.problems()
    left = (session.undecided if names is None else names) - decided
    report.notes["frames left for another time"] = sorted(left, key=natural_key)
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


class ManualSession:
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
    shows_decided : bool
        Whether it begins with the first frame even if that is decided.
    """

    def __init__(
        self,
        frames: FrameCache,
        store: Store,
        decided: set[str],
        window_size: int = 0,
    ) -> None:
        self.decided = decided
        self.undecided: set[str] = set()
        self.failures: list[str] = []
        self.offers_existing = True
        self.shows_decided = False
        self._frames, self._store, self._window_size = frames, store, window_size
        self._landmarker = LANDMARKERS.load(store.writer.landmarker)()
        self._tool = ToolState()
        self._events: deque[ScreenEvent] = deque()

    def run(self, open_screen: Callable[[], AbstractContextManager[Screen]]) -> None:
        """Show frame after frame, from the first one that is not decided."""
        position = 0 if self.shows_decided else self._next_undecided(0)
        decision = Decision(Navigation.NEXT, None)
        if self._frames.at(position) is None:
            return
        with open_screen() as screen:
            while (frame := self._frames.at(position)) is not None:
                try:
                    image = frame.image()
                except InputError as problem:
                    self.failures.append(str(problem))
                    if position == 0 or decision.navigation is Navigation.GO_TO:
                        decision = Decision(Navigation.NEXT, None)
                    # else on in the same direction
                else:
                    screen.begin(frame, image, position)
                    decision = self._edit(screen, frame, image)
                self._tool.help = False  # shown with the first frame only; h brings it back
                if decision.navigation is Navigation.QUIT:
                    return
                position = self._after(position, decision)

    def problems(self) -> Iterable[str]:
        """Return a sentence for each frame that failed."""
        return dict.fromkeys([*self._frames.failures, *self.failures])

    def _after(self, position: int, decision: Decision) -> int:
        """Return the position of the frame to go to."""
        if decision.navigation is Navigation.NEXT_UNDECIDED:
            return self._next_undecided(position + 1)
        if decision.navigation is Navigation.GO_TO:
            there = self._frames.at(decision.position) is not None
            return decision.position if there else position
        return max(0, position + decision.navigation.value)

    def _next_undecided(self, position: int) -> int:
        while (frame := self._frames.at(position)) is not None and frame.name in self.decided:
            position += 1
        return position

    def _edit(self, screen: Screen, frame: Pending, image: np.ndarray) -> Decision:
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
        while True:
            decision = self._wait_for_decision(screen, editor)
            try:
                if self._keep(frame, image, decision, existing):
                    screen.saved(frame.name, len(decision.faces or ()))
            except InputError as problem:  # the landmarks cannot be aligned
                if screen.closed:
                    self.failures.append(f'"{frame.name}": {problem}')
                    return Decision(Navigation.QUIT, None)
                editor.message = str(problem)
            else:
                return decision

    def _wait_for_decision(self, screen: Screen, editor: Editor) -> Decision:
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
                screen.show(editor)
            changed = False
            self._events.extend(screen.events(WAIT))

    def _keep(
        self, frame: Pending, image: np.ndarray, decision: Decision, existing: FrameFaces
    ) -> bool:
        """Write what was decided, unless it is on disk already; return whether it was written."""
        faces = decision.faces
        passing = decision.navigation is not Navigation.NEXT_UNDECIDED
        if faces is None or (passing and faces == existing):  # looked at, but not confirmed
            if frame.name not in self.decided:
                self.undecided.add(frame.name)
            return False
        writes = frame.name not in self.decided or faces != existing
        if writes:
            self._store.keep(frame, image, faces)
        self.decided.add(frame.name)
        return writes


class WindowScreen:
    """A desktop window, in which the faces are drawn.

    Parameters
    ----------
    face_type : FaceType
        How much of the head the red square shows.
    total : int or None
        How many frames there are.
    """

    def __init__(self, face_type: FaceType, total: int | None) -> None:
        self._face_type, self._total = face_type, total
        self._caption = ""
        self._drawing: FrameDrawing | None = None

    def __enter__(self) -> "WindowScreen":
        self._window = Window(TITLE)
        self._window.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._window.__exit__(*error)

    @property
    def closed(self) -> bool:
        """Whether the user closed the window."""
        return self._window.closed

    def begin(self, frame: Pending, image: np.ndarray, position: int) -> None:
        """Show another frame."""
        of = f" of {self._total}" if self._total else ""
        self._caption = f"{position + 1}{of}: {frame.name}"
        self._drawing = FrameDrawing(image, self._face_type)

    def show(self, editor: Editor) -> None:
        """Draw the faces."""
        if self._drawing is not None:
            self._window.show(self._drawing.draw(editor, self._caption))

    def events(self, milliseconds: int) -> Iterable[ScreenEvent]:
        """Wait for keys and the mouse."""
        return self._window.events(milliseconds)

    def saved(self, name: str, faces: int) -> None:
        """Show nothing: the next frame does."""
