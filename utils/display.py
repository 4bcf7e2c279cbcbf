"""Whether windows can be opened; asked before the library that opens them is imported."""

import os
import subprocess
import sys
from functools import cache

PROBE = "import cv2; cv2.namedWindow('probe'); cv2.destroyAllWindows()"
PROBE_SECONDS = 20


@cache
def available() -> bool:
    """Whether windows can be opened: there is a display, and OpenCV was built with a GUI.

    Checked in another process, because a display that does not respond aborts the process.
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
