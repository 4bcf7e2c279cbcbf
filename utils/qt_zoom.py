"""Undoes what OpenCV's Qt windows do on their own when the mouse wheel turns: zoom in.

No option of OpenCV switches that off (its issue 11500). Zooming out ends at the whole image, so Qt
is sent one more event of the wheel. The packages of OpenCV for Linux bring a Qt 5 of their own,
whose functions are called by their C++ names; where it is not loaded, nothing is done.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

MAPS = Path("/proc/self/maps")
FAR_OUT = -1200
"""An angle that takes any zoom back at once."""
TIMES = 2
"""The first event may miss exactly 1 by a rounding error."""
EVENT_BYTES = 1024
"""Room for a QWheelEvent, which has about 100 bytes."""
NO_PHASE, NOT_SYNTHESIZED = 0, 0

POSITION = "_ZN14QtOpenCVPython7QCursor3posEv"
WIDGET_AT = "_ZN14QtOpenCVPython12QApplication8widgetAtERKNS_6QPointE"
NOTIFY = "_ZN14QtOpenCVPython16QCoreApplication15notifyInternal2EPNS_7QObjectEPNS_6QEventE"
WHEEL_EVENT = (
    "_ZN14QtOpenCVPython11QWheelEventC1ENS_7QPointFES1_NS_6QPointES2_"
    "NS_6QFlagsINS_2Qt11MouseButtonEEENS3_INS4_16KeyboardModifierEEE"
    "NS4_11ScrollPhaseEbNS4_16MouseEventSourceE"
)


class _PointF(ctypes.Structure):
    _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_double)]


class _Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_int)]


def undo() -> None:
    """Take the zoom of the window under the mouse back."""
    if (zoom_out := _zoom_out()) is not None:
        zoom_out()


@lru_cache(maxsize=1)
def _zoom_out() -> Callable[[], None] | None:
    """Return a function that sends the event; None where the windows are not Qt 5's."""
    try:
        core, gui, widgets = map(_loaded, ("Qt5Core", "Qt5Gui", "Qt5Widgets"))
        make, cursor = gui[WHEEL_EVENT], gui[POSITION]
        widget_at, send = widgets[WIDGET_AT], core[NOTIFY]
    except (OSError, AttributeError):
        return None
    cursor.restype, widget_at.restype = _Point, ctypes.c_void_p
    widget_at.argtypes, send.argtypes = [ctypes.c_void_p], [ctypes.c_void_p] * 2
    numbers: list[Any] = [ctypes.c_int] * 3 + [ctypes.c_bool, ctypes.c_int]
    make.argtypes = [ctypes.c_void_p, _PointF, _PointF, _Point, _Point, *numbers]
    make.restype = None

    def zoom_out() -> None:
        at = cursor()
        widget = widget_at(ctypes.byref(at))
        for _ in range(TIMES if widget else 0):
            event = ctypes.create_string_buffer(EVENT_BYTES)
            corner, turn = _PointF(0, 0), _Point(0, FAR_OUT)
            make(event, corner, corner, _Point(0, 0), turn, 0, 0, NO_PHASE, False, NOT_SYNTHESIZED)
            send(widget, event)

    return zoom_out


def _loaded(name: str) -> ctypes.CDLL:
    """Return a library that this process has loaded, by the beginning of its file's name."""
    for line in MAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        path = line.partition("/")
        if Path(path[2]).name.startswith(f"lib{name}"):
            return ctypes.CDLL("/" + path[2])
    raise OSError(f"{name} is not loaded")
