"""Stands in for main.py where the workbench starts `convert`: a render that costs nothing.

The environment names a picture; each preview is that, its edge colored by the erosion.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.conversion import INVERT

import main
from converters import predictor
from converters.interactive.preview import PreviewImage, PreviewRenderer, PreviewRequest
from utils import program
from utils.images import read_image

PICTURE = "BENCHMARK_PICTURE"


def run() -> int:
    """Run the command with a renderer that has the picture already."""
    picture = read_image(Path(os.environ[PICTURE]))

    def chosen(self: PreviewRenderer, request: PreviewRequest) -> PreviewImage:
        picture[:8] = request.frame_looks[-1].erode_modifier
        return PreviewImage(picture, self.frames[request.frame], None, [])

    program.start = lambda: [sys.executable, __file__]
    predictor.load = lambda *_: INVERT
    main._check = lambda *_: None  # there is no model
    PreviewRenderer.__call__ = chosen
    return main.main()


if __name__ == "__main__":
    sys.exit(run())
