"""A virtual display with a real keyboard and mouse, to test windows as a person uses them.

Needs Xvfb and xdotool: apt-get install xvfb xdotool
"""

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import ImageGrab

PATIENCE = 60  # seconds; a loaded machine needs long to start TensorFlow
PROGRAMS = ("Xvfb", "xdotool")


class Screen:
    """One display. `env` is the environment of programs that are to appear on it."""

    def __init__(self, width=1280, height=800):
        read, write = os.pipe()
        size = f"{width}x{height}x24"
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-noreset"]
        command += ["-nolisten", "tcp"]
        self._server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as answer:
            self.display = f":{answer.readline().strip()}"
        self.env = {**os.environ, "DISPLAY": self.display, "QT_QPA_PLATFORM": "xcb"}

    def close(self):
        self._server.terminate()
        self._server.wait()

    def _do(self, *words, check=True):
        result = subprocess.run(
            ["xdotool", *map(str, words)], env=self.env, capture_output=True, text=True
        )
        assert result.returncode == 0 or not check, result.stderr
        return result.stdout.split()

    def window(self, title, process=None, patience=PATIENCE):
        """Wait until a window with this title (a regular expression) is painted and has the keys.

        Without a window manager and on a busy machine Qt now and then never hears that its new
        window is on the screen and leaves it black: then it is taken away and put back. That must
        be over before a test goes on: keys and buttons that are pressed meanwhile are lost.
        """
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if process is not None and process.poll() is not None:
                pytest.fail(f"the program ended ({process.returncode}) before its window came")
            if found := self._do("search", "--onlyvisible", "--name", title, check=False):
                self._do("windowfocus", "--sync", found[-1], check=False)
                if self._painted(found[-1]):
                    return found[-1]
                self._do("windowunmap", "--sync", found[-1], check=False)
                self._do("windowmap", "--sync", found[-1], check=False)
            time.sleep(0.1)
        pytest.fail(f"no window called {title} was painted within {patience} s")

    def _painted(self, window, patience=3):
        """Wait for something in a window, for a while; Qt begins with a gray ground."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            lines = self._do("getwindowgeometry", "--shell", window, check=False)
            at = {name: int(value) for name, value in (line.split("=") for line in lines)}
            if not at:  # it is gone
                return False
            left, top = max(0, at["X"]), max(0, at["Y"])
            right, bottom = at["X"] + at["WIDTH"], at["Y"] + at["HEIGHT"]
            if self.picture()[top:bottom, left:right].any():
                return True
            time.sleep(0.1)
        return False

    def gone(self, window, patience=PATIENCE):
        """Wait until a window is no longer there."""
        wait_until(lambda: window not in self._do("search", "--onlyvisible", ".*", check=False),
                   "the window goes", patience)  # fmt: skip

    def key(self, *names):
        """Press keys one after the other, by their X names: "a", "Return", "space", "ctrl+z"."""
        self._do("key", "--delay", 50, *names)

    def move(self, window, x, y):
        """Move the mouse to a place in a window."""
        self._do("mousemove", "--window", window, round(x), round(y))

    def click(self, window, x, y, button=1):
        """Click; 4 and 5 are the wheel, away and toward."""
        self.move(window, x, y)
        self._do("click", button)

    def drag(self, window, start, end, button=1, steps=5):
        """Press at one place, go to the other, release."""
        self.move(window, *start)
        self._do("mousedown", button)
        for step in range(1, steps + 1):
            x, y = (a + (b - a) * step / steps for a, b in zip(start, end, strict=True))
            self.move(window, x, y)
            time.sleep(0.02)
        self._do("mouseup", button)

    def close_window(self, window):
        """Do what the cross in a window's corner does."""
        from Xlib import X, display, protocol  # not at the top: this file is imported on Windows

        connection = display.Display(self.display)
        protocols, delete = map(connection.intern_atom, ("WM_PROTOCOLS", "WM_DELETE_WINDOW"))
        target = connection.create_resource_object("window", int(window))
        target.send_event(
            protocol.event.ClientMessage(
                window=target, client_type=protocols, data=(32, [delete, X.CurrentTime, 0, 0, 0])
            )
        )
        connection.sync()  # or the server may drop what it has not read yet
        connection.close()

    def picture(self, path=None):
        """Return what is on the screen, (H, W, 3) uint8 BGR; also write it to a file."""
        image = ImageGrab.grab(xdisplay=self.display)
        if path is not None:
            image.save(path)
        return np.asarray(image.convert("RGB"))[..., ::-1]


def wait_until(condition, what, patience=PATIENCE):
    """Wait until a condition holds; fail with `what` did not happen.

    Looks are counted, not seconds: on a machine that stands still for a while nothing is given up.
    """
    for _ in range(int(patience / 0.05)):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"in {patience} s it did not happen that {what}")


@pytest.fixture(scope="module")
def screen():
    """A display of 1280 x 800 that the tests of a file share."""
    if not sys.platform.startswith("linux"):
        pytest.skip("windows are tested on the virtual display Xvfb, which only Linux has")
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        sentence = f"{' and '.join(missing)} not installed: apt-get install xvfb xdotool"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(sentence)
    opened = Screen()
    yield opened
    opened.close()
