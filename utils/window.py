"""A desktop window: images go in, key presses and mouse events come out as plain data.

OpenCV must be imported before PyAV: both bundle libraries for X11, and in the other order the first
window never opens.

Event handling is elsewhere, in code that takes `Event`s and is tested without a window. OpenCV's
windows belong to the thread that creates them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from utils import qt_zoom


@dataclass(frozen=True)
class Key:
    """A key: the character it types ("a", "+", "<"), or one of the names in `NAMED`.

    Letters are always lower case: not every system reports Shift.
    """

    name: str


@dataclass(frozen=True)
class Mouse:
    """A mouse event.

    Attributes
    ----------
    what : str
        "move", "wheel", or "left", "right" or "middle" followed by "down", "up" or "double".
    x, y : float
        Position in pixels of the displayed image.
    wheel : int
        1 for scrolling up, -1 for down, else 0.
    """

    what: str
    x: float
    y: float
    wheel: int = 0
    ctrl: bool = False
    shift: bool = False


@dataclass(frozen=True)
class Closed:
    """The user closed the window."""


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
"""OpenCV's key codes without a character, on all systems it has windows for."""
MODIFIERS = {*range(65505, 65519), 65027, 65407}  # X11: Shift, Control, Alt ... pressed alone
MOUSE = {
    cv2.EVENT_MOUSEMOVE: "move",
    cv2.EVENT_MOUSEWHEEL: "wheel",
    cv2.EVENT_LBUTTONDOWN: "left down",
    cv2.EVENT_LBUTTONUP: "left up",
    cv2.EVENT_LBUTTONDBLCLK: "left double",
    cv2.EVENT_RBUTTONDOWN: "right down",
    cv2.EVENT_RBUTTONUP: "right up",
    cv2.EVENT_RBUTTONDBLCLK: "right double",
    cv2.EVENT_MBUTTONDOWN: "middle down",
    cv2.EVENT_MBUTTONUP: "middle up",
    cv2.EVENT_MBUTTONDBLCLK: "middle double",
}


class Window:
    """A window; a context manager, for one thread. Once closed by the user it stays closed.

    Parameters
    ----------
    title : str
        Also its identity: two windows need different titles.
    size : tuple of int or None
        Width and height in screen pixels; None for those of the first image.
    any_shape : bool
        Whether the image is stretched over the whole window, for images drawn in the window's size;
        else it keeps its aspect ratio.
    wheel_zooms : bool
        Whether the wheel may zoom the image, which Qt's windows do on their own.
    """

    def __init__(
        self,
        title: str,
        size: tuple[int, int] | None = None,
        *,
        any_shape: bool = False,
        wheel_zooms: bool = False,
    ) -> None:
        self.title = title
        self.closed = False
        self._events: list[Event] = []
        self._wheel_zooms, self._muted = wheel_zooms, False
        ratio = cv2.WINDOW_FREERATIO if any_shape else cv2.WINDOW_KEEPRATIO
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | ratio | cv2.WINDOW_GUI_NORMAL)
        self._size = size
        if size is not None:
            cv2.resizeWindow(title, *size)
        cv2.setMouseCallback(title, self._on_mouse)
        cv2.waitKey(1)

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in screen pixels, as the user has made it."""
        if not self.closed:
            try:
                _, _, width, height = cv2.getWindowImageRect(self.title)
            except cv2.error:  # how some systems report a closed window
                width = height = 0
            if width > 0 and height > 0:
                self._size = (width, height)
        return self._size or (1, 1)

    def show(self, image: np.ndarray) -> None:
        """Show an image (H, W, 3) uint8 BGR, scaled to the window, unless it is closed."""
        if self.closed:
            return
        if self._size is None:
            self._size = (image.shape[1], image.shape[0])
            cv2.resizeWindow(self.title, *self._size)
        cv2.imshow(self.title, image)

    def events(self, milliseconds: int) -> Iterator[Event]:
        """Wait at most so long for a key; yield the events since the last call."""
        if self.closed:
            return
        code = cv2.waitKeyEx(max(1, milliseconds))
        events, self._events = self._events, []
        turned = any(isinstance(event, Mouse) and event.wheel for event in events)
        if turned and not self._wheel_zooms:
            self._muted = True  # this sends events, too
            qt_zoom.undo()
            self._muted = False
        yield from events
        while code != -1:
            if (key := key_of(code)) is not None:
                yield key
            code = cv2.waitKeyEx(1)
        if not self._is_there():
            self.closed = True
            yield Closed()

    def close(self) -> None:
        """Close the window."""
        if not self.closed and self._is_there():
            cv2.destroyWindow(self.title)
            cv2.waitKey(1)
        self.closed = True

    def _is_there(self) -> bool:
        try:
            return cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # how some systems report a closed window
            return False

    def _on_mouse(self, code: int, x: int, y: int, flags: int, _: object) -> None:
        """OpenCV's mouse callback, called while waiting for keys."""
        if (what := MOUSE.get(code)) is None or self._muted:
            return
        wheel = 0
        if what == "wheel":  # the upper half of the flags is a signed distance
            wheel = 1 if flags >> 16 > 0 else -1
        ctrl, shift = bool(flags & cv2.EVENT_FLAG_CTRLKEY), bool(flags & cv2.EVENT_FLAG_SHIFTKEY)
        mouse = Mouse(what, x, y, wheel, ctrl, shift)
        last = self._events[-1] if self._events else None
        if what == "move" and isinstance(last, Mouse) and last.what == "move":
            self._events[-1] = mouse  # only the latest position matters
        else:
            self._events.append(mouse)


def key_of(code: int) -> Key | None:
    """Return the key for a code of `cv2.waitKeyEx`; None for a lone modifier."""
    if code in NAMED:
        return Key(NAMED[code])
    code &= 0xFFFF  # GTK puts the modifiers above
    if code in NAMED:
        return Key(NAMED[code])
    if code in MODIFIERS or not chr(code).isprintable():
        return None
    return Key(chr(code).lower())
