"""The preview's window: a thread of its own, so that it responds during long steps."""

import sys
import threading
from queue import Empty, SimpleQueue

import cv2
import numpy as np

from trainer.monitoring.plots import DIM, LIGHT
from trainer.monitoring.preview import WIDTH
from utils import console, display, text
from utils.images import Image
from utils.window import Closed, Key, Window

TITLE = "Training preview"
MAX_SIZE = (1500, 850)  # screen pixels; larger previews are scaled down
POLL = 50  # ms
KEYS = {
    "s": "save",
    "Enter": "save and quit",
    "b": "backup",
    "Space": "other faces",
    "l": "range of the losses",
    "p": "refresh",
}
CLOSING = "closing this window does not stop the training"
KEY_SIZE = 15  # of the font, for the smallest preview


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
        self._image = np.vstack([key_line(image.shape[1]), image])

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
        size = _first_size(self._image)
        with Window(TITLE, size, any_shape=True, wheel_zooms=True) as opened:
            shown, shown_size = None, size
            while not (self._stop.is_set() or opened.closed):
                if self._image is not shown or opened.size != shown_size:
                    shown, shown_size = self._image, opened.size
                    opened.show(fit(shown, shown_size))
                for event in opened.events(POLL):
                    if isinstance(event, Key):
                        self._keys.put(event.name)
                    elif isinstance(event, Closed):
                        console.say("\nthe preview is closed; training goes on")
        self.closed = True


def key_line(width: int) -> Image:
    """Return a line about the keys, as wide as a preview."""
    pieces = [piece for key, about in KEYS.items() for piece in ((key, LIGHT), (about, DIM))]
    pieces.append((CLOSING, DIM))
    size = round(KEY_SIZE * width / WIDTH)
    while sum(text.width(line, size) + size for line, _ in pieces) > width:
        size -= 1
    image = np.zeros((2 * size, width, 3), np.uint8)
    x = size
    for line, color in pieces:
        text.write(image, line, (x, round(1.4 * size)), size=size, color=color)
        # a key stands close to what it does
        x += text.width(line, size) + round(size * (0.6 if color == LIGHT else 1.4))
    return image


def fit(image: Image, size: tuple[int, int]) -> Image:
    """Scale an image smoothly, which the window would not, and center it in width and height."""
    height, width = image.shape[:2]
    factor = min(size[0] / width, size[1] / height)
    inner = max(1, round(width * factor)), max(1, round(height * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(image, inner, interpolation=method)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = scaled
    return canvas


def _first_size(image: Image) -> tuple[int, int]:
    height, width = image.shape[:2]
    factor = min(1.0, MAX_SIZE[0] / width, MAX_SIZE[1] / height)
    return round(width * factor), round(height * factor)


def open_window() -> PreviewWindow | None:
    """Open the window where possible; macOS allows windows in the main thread only."""
    if sys.platform == "darwin" or not display.available():
        return None
    return PreviewWindow()
