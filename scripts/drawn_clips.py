"""Writes two clips to try the program with: faces drawn from one public-domain photograph.

    python -m scripts.drawn_clips workspace

They show scikit-image's astronaut and a man who is the same photograph, reshaped
(docs/pictures.md).
"""

import argparse
import sys
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.readme_footage import dst_frames, src_frames, write_clip
from utils.console import say

FOOTAGE = {"src": src_frames, "dst": dst_frames}


def main() -> None:
    """Write data_src.mp4 and data_dst.mp4, unless they are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path, help="the folder for the clips")
    parser.add_argument("--frames", type=int, default=80, help="of each clip, at most (80)")
    arguments = parser.parse_args()
    arguments.workspace.mkdir(parents=True, exist_ok=True)
    for side, frames in FOOTAGE.items():
        path = arguments.workspace / f"data_{side}.mp4"
        if not path.exists():
            say(f'drawing "{path}"')
            write_clip(path, islice(frames(), arguments.frames))


if __name__ == "__main__":
    main()
