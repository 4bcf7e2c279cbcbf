"""The preview's window: a thread of its own, so that it responds during long steps."""

import sys
import threading
from queue import Empty, SimpleQueue

import numpy as np

from utils import console, display, text
from utils.images import Image
from utils.window import Closed, Key, Window

TITLE = "Training preview"
MAX_SIZE = (1500, 850)  # screen pixels; larger previews are scaled down
POLL = 50  # ms
HELP = (
    "s  save     Enter  save and quit     p  refresh     Space  other faces",
    "b  backup   l  range of the losses   closing this window does not stop the training",
)
HEAD = 48  # pixels


class PreviewWindow:
    """Shows the newest preview and collects keys; stays closed once the user closes it."""

    def __init__(self) -> None:
        self.closed = False
        self._image: Image | None = None
        self._keys: SimpleQueue[str] = SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="preview window", daemon=True)
        self._thread.start()

    def show(self, image: Image) -> None:
        """Show an image (H, W, 3) uint8 BGR below the help on keys."""
        head = np.zeros((HEAD, *image.shape[1:]), np.uint8)
        self._image = np.vstack([text.panel(head, HELP), image])

    def keys(self) -> list[str]:
        """Return the keys pressed since the last call."""
        pressed = []
        while True:
            try:
                pressed.append(self._keys.get_nowait())
            except Empty:
                return pressed

    def close(self) -> None:
        """Close the window."""
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while self._image is None:
            if self._stop.wait(POLL / 1000):
                return
        with Window(TITLE, _size(self._image), wheel_zooms=True) as opened:
            shown = None
            while not (self._stop.is_set() or opened.closed):
                if self._image is not shown:
                    shown = self._image
                    opened.show(shown)
                for event in opened.events(POLL):
                    if isinstance(event, Key):
                        self._keys.put(event.name)
                    elif isinstance(event, Closed):
                        console.say("\nthe preview is closed; training goes on")
        self.closed = True


def _size(image: Image) -> tuple[int, int]:
    height, width = image.shape[:2]
    factor = min(1.0, MAX_SIZE[0] / width, MAX_SIZE[1] / height)
    return round(width * factor), round(height * factor)


def open_window() -> PreviewWindow | None:
    """Open the window where possible; macOS allows windows in the main thread only."""
    if sys.platform == "darwin" or not display.available():
        return None
    return PreviewWindow()
