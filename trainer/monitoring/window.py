"""The preview's window: a thread of its own, so that it answers while a long step computes."""

import sys
import threading
from queue import Empty, SimpleQueue

import numpy as np

from utils import console, text, window
from utils.window import Closed, Key, Window

TITLE = "Training preview"
LARGEST = (1500, 850)  # screen pixels; larger previews are shown smaller
POLL = 50  # ms
HELP = (
    "s  save     Enter  save and quit     p  refresh     Space  other faces",
    "b  backup   l  range of the losses   closing this window does not stop the training",
)
HEAD = 48  # pixels


class PreviewWindow:
    """Shows the newest picture and collects keys; gone for good when the person closes it."""

    def __init__(self) -> None:
        self.closed = False
        self._picture: np.ndarray | None = None
        self._keys: SimpleQueue[str] = SimpleQueue()
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._live, name="preview window", daemon=True)
        self._thread.start()

    def show(self, picture: np.ndarray) -> None:
        """Show a picture (H, W, 3) uint8 BGR under the help on keys."""
        head = np.zeros((HEAD, *picture.shape[1:]), np.uint8)
        self._picture = np.vstack([text.panel(head, HELP), picture])

    def keys(self) -> list[str]:
        """Return the keys pressed since the last call."""
        pressed = []
        while True:
            try:
                pressed.append(self._keys.get_nowait())
            except Empty:
                return pressed

    def close(self) -> None:
        """Take the window from the screen."""
        self._leave.set()
        self._thread.join(5)

    def _live(self) -> None:
        while self._picture is None:
            if self._leave.wait(POLL / 1000):
                return
        with Window(TITLE, _size(self._picture)) as shown:
            before = None
            while not (self._leave.is_set() or shown.closed):
                if self._picture is not before:
                    before = self._picture
                    shown.show(before)
                for event in shown.events(POLL):
                    if isinstance(event, Key):
                        self._keys.put(event.name)
                    elif isinstance(event, Closed):
                        console.say("\nthe preview is closed; training goes on")
        self.closed = True


def _size(picture: np.ndarray) -> tuple[int, int]:
    height, width = picture.shape[:2]
    factor = min(1.0, LARGEST[0] / width, LARGEST[1] / height)
    return round(width * factor), round(height * factor)


def open_viewer(wanted: bool) -> PreviewWindow | None:
    """Open the window where there can be one; macOS allows windows to the main thread only."""
    if not wanted or sys.platform == "darwin" or not window.available():
        return None
    return PreviewWindow()
