"""The program with a detector, a decoder and networks that crash or hang in native code.

    python tests/support/fragile.py extract --detector fragile ...

A black frame crashes the detector, a white one hangs it. FRAGILE=start crashes it when it is made,
FRAGILE=video crashes the decoder of videos after the sixth frame.
"""

import ctypes
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from facelib import detectors
from utils.registry import Registry

# where the program and, as it runs this file too, its child find it
TABLE = {**detectors.DETECTORS, "fragile": ("support.fragile:Fragile", "dies")}
detectors.DETECTORS = Registry("detector", TABLE)

import main  # noqa: E402 - it must find the table above


def crash():
    """Read what is at address 0."""
    ctypes.string_at(0)


class Fragile:
    """A detector that is sound but for some pictures."""

    def __init__(self, **options):
        from facelib.detectors.yunet import YuNet

        self._sound = YuNet(**options)
        if os.environ.get("FRAGILE") == "start":
            crash()
        if os.environ.get("FRAGILE") == "video":
            break_decoder()

    def detect(self, images):
        if images[0].max() == 0:
            crash()
        while images[0].min() == 255:
            time.sleep(1)
        return self._sound.detect(images)


def break_decoder():
    from utils.video.decoder import VideoSource

    whole = VideoSource.frames

    def frames(self, *span):
        for frame in whole(self, *span):
            if frame.index == 6:
                crash()
            yield frame

    VideoSource.frames = frames


if __name__ == "__main__":
    sys.exit(main.main())
