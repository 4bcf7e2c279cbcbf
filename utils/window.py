"""A window on the desktop: pictures go in, keys and mouse movements come out as plain data.

OpenCV must have been imported before PyAV: both bring libraries for X11, and the other way round
the first window never opens.

What a window is for is decided elsewhere, by code that takes `Event`s and is tested without one.
OpenCV's windows are used because OpenCV is here; they belong to the thread that makes them.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from utils.device import no_greeting


@dataclass(frozen=True)
class Key:
    """A key: the character it types ("a", "+", "<"), or one of the names in `NAMED`.

    Letters are always small: not every system tells whether shift was held.
    """

    name: str


@dataclass(frozen=True)
class Mouse:
    """A movement of the mouse.

    Attributes
    ----------
    what : "move", "wheel", or "left", "right", "middle" followed by "down", "up" or "double"
    x, y : where, in pixels of the picture that is shown
    wheel : 1 away from the person, -1 toward, 0 otherwise
    """

    what: str
    x: int
    y: int
    wheel: int = 0
    ctrl: bool = False
    shift: bool = False


@dataclass(frozen=True)
class Closed:
    """The person closed the window."""


Event = Key | Mouse | Closed

NAMED = {
    8: "backspace", 9: "tab", 10: "enter", 13: "enter", 27: "escape", 32: "space", 127: "delete",
    # those of X11, for Qt and GTK:
    65288: "backspace", 65289: "tab", 65293: "enter", 65421: "enter", 65307: "escape",
    65360: "home", 65361: "left", 65362: "up", 65363: "right", 65364: "down", 65365: "page up",
    65366: "page down", 65367: "end", 65535: "delete", 65379: "insert",
    # Windows
    0x210000: "page up", 0x220000: "page down", 0x230000: "end", 0x240000: "home",
    0x250000: "left", 0x260000: "up", 0x270000: "right", 0x280000: "down", 0x2D0000: "insert",
    0x2E0000: "delete",
    # macOS
    63232: "up", 63233: "down", 63234: "left", 63235: "right", 63272: "delete", 63273: "home",
    63275: "end", 63276: "page up", 63277: "page down",
}  # fmt: skip
"""OpenCV's codes of keys that type no character, on every system it has windows for."""
MODIFIERS = {*range(65505, 65519), 65027, 65407}  # X11: shift, control, alt ... pressed alone
MOUSE = {
    cv2.EVENT_MOUSEMOVE: "move", cv2.EVENT_MOUSEWHEEL: "wheel",
    cv2.EVENT_LBUTTONDOWN: "left down", cv2.EVENT_LBUTTONUP: "left up",
    cv2.EVENT_LBUTTONDBLCLK: "left double", cv2.EVENT_RBUTTONDOWN: "right down",
    cv2.EVENT_RBUTTONUP: "right up", cv2.EVENT_RBUTTONDBLCLK: "right double",
    cv2.EVENT_MBUTTONDOWN: "middle down", cv2.EVENT_MBUTTONUP: "middle up",
    cv2.EVENT_MBUTTONDBLCLK: "middle double",
}  # fmt: skip
PROBE = "import cv2; cv2.namedWindow('probe'); cv2.destroyAllWindows()"
PROBE_SECONDS = 20


@cache
def available() -> bool:
    """Whether windows can be opened here: there is a display, and this OpenCV was built for it.

    Asked of another process, because a display that does not answer ends the process that asks.
    """
    if sys.platform in ("win32", "darwin"):
        return True
    if not os.environ.get("DISPLAY"):
        return False
    command = [sys.executable, "-c", PROBE]
    try:
        return not subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS).returncode
    except subprocess.TimeoutExpired:
        return False


class Window:
    """One window; use it as a context, in one thread. Closed by the person, it stays closed.

    Parameters
    ----------
    title : what stands above it; also its identity, so two windows need two titles
    size : width and height in screen pixels; None: that of the first picture
    """

    def __init__(self, title: str, size: tuple[int, int] | None = None) -> None:
        self.title = title
        self.closed = False
        self._events: list[Event] = []
        # Qt says on stderr that it has no fonts and no permissions, which is nobody's business
        with no_greeting():
            cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            self._size = size
            if size is not None:
                cv2.resizeWindow(title, *size)
            cv2.setMouseCallback(title, self._hear)
            cv2.waitKey(1)

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def show(self, picture: np.ndarray) -> None:
        """Show a picture (H, W, 3) uint8 BGR, scaled to the window; nothing once it is closed."""
        if self.closed:
            return
        if self._size is None:
            self._size = (picture.shape[1], picture.shape[0])
            cv2.resizeWindow(self.title, *self._size)
        cv2.imshow(self.title, picture)

    def events(self, milliseconds: int) -> Iterator[Event]:
        """Wait so long at the most (at least 1) for something to happen; yield what has."""
        if self.closed:
            return
        code = cv2.waitKeyEx(max(1, milliseconds))
        events, self._events = self._events, []
        yield from events
        while code != -1:
            if (key := key_of(code)) is not None:
                yield key
            code = cv2.waitKeyEx(1)
        if not self._is_there():
            self.closed = True
            yield Closed()

    def close(self) -> None:
        """Take the window from the screen."""
        if not self.closed and self._is_there():
            cv2.destroyWindow(self.title)
            cv2.waitKey(1)
        self.closed = True

    def _is_there(self) -> bool:
        try:
            return cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # some systems say so when it is gone
            return False

    def _hear(self, event: int, x: int, y: int, flags: int, _: object) -> None:
        """OpenCV's mouse callback, called while waiting for keys."""
        if (what := MOUSE.get(event)) is None:
            return
        wheel = 0
        if what == "wheel":  # the upper half of the flags is a signed distance
            wheel = 1 if flags >> 16 > 0 else -1
        ctrl, shift = bool(flags & cv2.EVENT_FLAG_CTRLKEY), bool(flags & cv2.EVENT_FLAG_SHIFTKEY)
        heard = Mouse(what, x, y, wheel, ctrl, shift)
        last = self._events[-1] if self._events else None
        if what == "move" and isinstance(last, Mouse) and last.what == "move":
            self._events[-1] = heard  # only where the mouse is now matters
        else:
            self._events.append(heard)


def key_of(code: int) -> Key | None:
    """Return the key for a code of `cv2.waitKeyEx`; None for a modifier pressed alone."""
    if code in NAMED:
        return Key(NAMED[code])
    code &= 0xFFFF  # GTK puts the modifiers above
    if code in NAMED:
        return Key(NAMED[code])
    if code in MODIFIERS or not chr(code).isprintable():
        return None
    return Key(chr(code).lower())
