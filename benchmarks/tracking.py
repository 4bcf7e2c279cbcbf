"""What `extract --track` saves and changes: CPU time, landmarks, faces; against `--no-track`.

    python -m benchmarks.tracking [--workspace workspace] [--rounds 3] [--clip FILE ...]

Both run in turns on one core, each in a process of its own, on both demo clips
(`python -m scripts.fetch_clips`), on src enlarged to 1080p, and on scikit-image's astronaut, moving
and growing, at 640 x 480 and 1080p. Faces of one frame belong together if their boxes overlap by
half. How far landmarks are apart is in % of the eye distance, as they are written, smoothed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.detectors import CLIPS, make_clip
from benchmarks.extract import make_footage
from extractor import extract
from extractor.options import ExtractOptions
from facelib.faceset import FaceInfo, Faceset
from facelib.landmarks import inter_ocular
from facelib.types import overlap

KINDS = ("searched", "tracked")
SAME = 0.5  # intersection over union
ENLARGED = 60  # frames of src at 1080p
MOVING = 100  # frames of the astronaut

Frames = dict[int, list[FaceInfo]]


def stage(clip: Path, out: Path, kind: str) -> None:
    """Run `extract` in this process on one core; print milliseconds of CPU time per frame."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    options = ExtractOptions(input_dir=clip, output_dir=out, track=kind == "tracked")
    start = time.process_time()
    report = extract.run(options)
    print(json.dumps(1000 * (time.process_time() - start) / report.counts["frames"]))


def faces_in(folder: Path) -> Frames:
    """Return the faces of each frame."""
    frames: Frames = defaultdict(list)
    for _, info in Faceset.open(folder):
        frames[info.frame_index].append(info)
    return frames


def apart(one: Frames, other: Frames) -> tuple[np.ndarray, int, int]:
    """Return how far landmarks are apart, in % of the eye distance, and what only one has."""
    away, pairs = [], 0
    for index, faces in one.items():
        for face in faces:
            near = max(
                other[index],
                key=lambda each: overlap(each.source_rect, face.source_rect),
                default=None,
            )
            if near is None or overlap(near.source_rect, face.source_rect) < SAME:
                continue
            pairs += 1
            distance = np.linalg.norm(near.source_landmarks - face.source_landmarks, axis=1)
            away.append(100 * distance / inter_ocular(face.source_landmarks))
    first, second = (sum(map(len, frames.values())) for frames in (one, other))
    return np.concatenate(away), first - pairs, second - pairs


def compare(clip: Path, rounds: int) -> None:
    """Print a row for a clip."""
    spent: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as name:
        for number in range(rounds):
            for kind in KINDS:
                command = [sys.executable, "-m", "benchmarks.tracking", "--stage", kind]
                command += ["--clip", str(clip), "--out", f"{name}/{number} {kind}"]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                spent[kind].append(json.loads(output.splitlines()[-1]))
        searched, tracked = (faces_in(Path(name) / f"0 {kind}") for kind in KINDS)
    away, lost, more = apart(searched, tracked)
    ratio = median(a / b for a, b in zip(*spent.values(), strict=True))
    before, after = (median(spent[kind]) for kind in KINDS)
    print(
        f"| {clip.parent.name}/{clip.name} | {before:.1f} ms | {after:.1f} ms | {ratio:.2f}x "
        f"| {np.median(away):.2f} % | {np.percentile(away, 99):.2f} % "
        f"| {sum(map(len, searched.values()))} | {lost} | {more} |",
        flush=True,
    )


def main() -> None:
    """Read the arguments, make the clips, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clip", type=Path, nargs="+", help="these videos instead")
    parser.add_argument("--stage", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        stage(arguments.clip[0], arguments.out, arguments.stage)
        return
    print("| clip | searched | tracked | | apart, median | 99 of 100 | faces | lost | more |")
    print(f"|{'---|' * 9}")
    with tempfile.TemporaryDirectory() as name:
        clips = arguments.clip or [arguments.workspace / clip for clip in CLIPS]
        if not arguments.clip:
            make_clip(Path(name) / "src 1080p.mp4", arguments.workspace, ENLARGED)
            clips.append(Path(name) / "src 1080p.mp4")
            for size in ((640, 480), (1920, 1080)):
                folder = Path(name) / f"astronaut {size[1]}p"
                folder.mkdir()
                make_footage(folder, size, MOVING)
                clips.append(folder / "clip.mp4")
        for clip in clips:
            compare(clip, arguments.rounds)


if __name__ == "__main__":
    main()
