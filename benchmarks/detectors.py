"""Recall, false detections and speed of each face detector.

    python -m benchmarks.detectors [--workspace workspace] [--frames 12] [--detector NAME ...]

Recall: frames of the two demo clips (`python -m scripts.fetch_clips`), one face each, unchanged,
rotated, with a face of 30 pixels, blurred by 6 % of the face, and darkened to 15 %. `+turns`: with
the search of `extract`, which rotates a frame in which nothing is found. A face is found when a box
contains its center and is 0.6 to 1.8 times as long; every other box is a false detection. Those are
also counted in the clips with the face painted over and in photographs of things. Times are CPU
time of one core, the median of some frames with a face.

`mt 2019` is MTCNN with DeepFaceLab's settings of 2019 (`mtcnn_2019.py`). `--speed` times the whole
stage at 1080p with it and with the default, each on one core.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import av
import cv2
import numpy as np
import skimage.data
from skimage.util import img_as_ubyte

from extractor import extract, face_finder
from extractor.extract import face_search
from extractor.face_finder import FaceFinder
from extractor.options import ExtractOptions
from facelib.detectors import DETECTORS
from facelib.detectors.scale import shrink
from facelib.types import Rect
from utils.registry import Registry
from utils.video.io import open_source

CLIPS = ("data_src.mp4", "data_dst.mp4")
THINGS = (
    "brick", "grass", "gravel", "coffee", "rocket", "moon", "coins", "clock", "horse", "cat",
    "retina", "page", "text", "colorwheel", "hubble_deep_field", "immunohistochemistry",
)  # fmt: skip
SMALL, BLUR, DARK = 30, 0.06, 0.15
MTCNN_2019 = "mt 2019"


TABLE = {name: (entry.target, entry.help) for name, entry in DETECTORS.items() if name != "manual"}
TABLE[MTCNN_2019] = ("benchmarks.mtcnn_2019:Mtcnn2019", "MTCNN as in 2019")
face_finder.DETECTORS = Registry("detector", TABLE)


class Sample(NamedTuple):
    """An image with one face, its center (x, y) and its length from hairline to chin."""

    image: np.ndarray
    center: np.ndarray
    length: float


def samples(workspace: Path, count: int) -> list[Sample]:
    """Return frames of both clips, their faces located by the landmarks."""
    locate, found = FaceFinder(face_search(options("yunet"))), []
    for clip in CLIPS:
        source = open_source(workspace / clip)
        frames = [frame.image for frame in source]
        for image in frames[:: max(1, len(frames) // count)][:count]:
            face = locate.find(image)[0]
            points = face.landmarks
            length = 1.3 * np.linalg.norm(points[17:27].mean(axis=0) - points[8])
            found.append(Sample(image, points[[*range(36, 48), 30, 48, 54]].mean(axis=0), length))
    return found


def rotated(degrees: float) -> Callable[[Sample], Sample]:
    """Return the change that rotates a frame, padded with black so that nothing is cropped."""

    def change(sample: Sample) -> Sample:
        height, width = sample.image.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
        cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
        size = round(width * cos + height * sin), round(width * sin + height * cos)
        matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
        image = cv2.warpAffine(sample.image, matrix, size, flags=cv2.INTER_CUBIC)
        return Sample(image, matrix[:, :2] @ sample.center + matrix[:, 2], sample.length)

    return change


def small(sample: Sample) -> Sample:
    """Scale the frame until the face has 30 pixels, and paste it on a still life of 640 x 480."""
    zoom = SMALL / sample.length
    little = cv2.resize(sample.image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    image = cv2.resize(skimage.data.coffee()[..., ::-1], (640, 480)).copy()
    top, left = 240 - little.shape[0] // 2, 400 - little.shape[1] // 2
    image[top : top + little.shape[0], left : left + little.shape[1]] = little
    return Sample(image, sample.center * zoom + (left, top), SMALL)


def blurred(sample: Sample) -> Sample:
    """Blur the frame by a Gaussian of 6 % of the face."""
    return sample._replace(image=cv2.GaussianBlur(sample.image, (0, 0), BLUR * sample.length))


def dark(sample: Sample) -> Sample:
    """Darken the frame to 15 %."""
    return sample._replace(image=np.rint(sample.image * DARK).astype(np.uint8))


CHANGES: dict[str, Callable[[Sample], Sample]] = {
    "plain": lambda sample: sample,
    "45°": rotated(45),
    "90°": rotated(90),
    "180°": rotated(180),
    f"{SMALL} px": small,
    "blurred": blurred,
    "dark": dark,
}


def faceless(found: list[Sample]) -> Iterator[np.ndarray]:
    """Yield the frames with the face painted over, and photographs of things."""
    for image, (x, y), length in found:
        hidden = cv2.GaussianBlur(image, (0, 0), length)
        mask = np.zeros(image.shape[:2], np.float32)
        axes = round(0.8 * length), round(1.0 * length)
        cv2.ellipse(mask, (round(x), round(y)), axes, 0, 0, 360, 1, -1)
        mask = cv2.GaussianBlur(mask, (0, 0), length / 8)[..., None]
        yield np.rint(image * (1 - mask) + hidden * mask).astype(np.uint8)
    for name in THINGS:
        photo = img_as_ubyte(getattr(skimage.data, name)())
        photo = np.dstack([photo] * 3) if photo.ndim == 2 else photo[..., 2::-1]
        yield shrink(np.ascontiguousarray(photo), 640)[0]


def is_hit(rect: Rect, sample: Sample) -> bool:
    """Whether a box is the sample's face."""
    x, y = sample.center
    inside = rect.left < x < rect.right and rect.top < y < rect.bottom
    return inside and 0.6 < max(rect.width, rect.height) / sample.length < 1.8


def options(detector: str, **values: object) -> ExtractOptions:
    """Return options for a finder."""
    nowhere = Path("nowhere")
    return ExtractOptions(input_dir=nowhere, output_dir=nowhere, detector=detector, **values)


def recall(detector: str, found: list[Sample], things: list[np.ndarray], turns: bool) -> dict:
    """Count hits for each change, wrong boxes, and boxes in images without a face."""
    search = FaceFinder(face_search(options(detector, rotated_search=turns)))
    hits, wrong = {}, 0
    for name, change in CHANGES.items():
        hits[name] = 0
        for sample in map(change, found):
            rects = [face.rect for face in search.find(sample.image)]
            right = sum(is_hit(rect, sample) for rect in rects)
            hits[name] += right > 0
            wrong += len(rects) - min(1, right)
    return {"hits": hits, "wrong": wrong, "invented": sum(len(search.find(i)) for i in things)}


def milliseconds(detector: str, image: np.ndarray, times: int) -> float:
    """Return the median CPU time of a frame."""
    net = face_finder.DETECTORS.load(detector)(cpu_only=True)
    net.detect([image])
    spent = []
    for _ in range(times):
        start = time.process_time()
        net.detect([image])
        spent.append(1000 * (time.process_time() - start))
    return median(spent)


def scene(found: list[Sample], size: tuple[int, int]) -> np.ndarray:
    """Return a frame of the first clip at another size, cropped to its aspect ratio."""
    image, (width, height) = found[0].image, size
    zoom = max(width / image.shape[1], height / image.shape[0])
    large = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    left = round(np.clip(found[0].middle[0] * zoom - width / 2, 0, large.shape[1] - width))
    return np.ascontiguousarray(large[:height, left : left + width])


def table(workspace: Path, count: int, detectors: Sequence[str]) -> None:
    """Print a row for each detector, with and without rotated search."""
    found = samples(workspace, count)
    things = list(faceless(found))
    heads = [*CHANGES, "wrong boxes", f"false in {len(things)}", "640x480", "1080p"]
    print(f"{len(found)} faces\n| detector | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
    for name in detectors:
        times = 3 if name == "dlib" else 15
        vga, hd = (milliseconds(name, scene(found, s), times) for s in ((640, 480), (1920, 1080)))
        for turns in (False, True):
            counts = recall(name, found, things, turns)
            cells = [*counts["hits"].values(), counts["wrong"], counts["invented"]]
            cells += ["", ""] if turns else [f"{vga:.0f} ms", f"{hd:.0f} ms"]
            print(f"| `{name}`{' +turns' * turns} | {' | '.join(map(str, cells))} |", flush=True)


def make_clip(path: Path, workspace: Path, frames: int) -> None:
    """Write the beginning of the first clip at 1920 x 1080."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        for frame in open_source(workspace / CLIPS[0]):
            if frame.index == frames:
                break
            image = cv2.resize(frame.image, (1920, 1080), interpolation=cv2.INTER_CUBIC)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())


def stage(clip: Path, detector: str) -> None:
    """Run `extract` in this process on one core; print CPU seconds and counts as JSON."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    with tempfile.TemporaryDirectory() as out:
        chosen = ExtractOptions(input_dir=clip, output_dir=Path(out) / "faces", detector=detector)
        once = replace(chosen, rotated_search=False)
        # starts the libraries
        FaceFinder(face_search(once)).find(np.zeros((480, 640, 3), np.uint8))
        start, wall = time.process_time(), time.perf_counter()
        report = extract.run(chosen)
        spent = {"cpu": time.process_time() - start, "wall": time.perf_counter() - wall}
    print(json.dumps({**report.counts, **spent, "missed": report.notes["frames without a face"]}))


def speed(workspace: Path, frames: int, rounds: int) -> None:
    """Time the whole stage at 1080p, with today's detectors and that of 2019, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        make_clip(clip, workspace, frames)
        results: dict[str, list[dict]] = {"yunet": [], "mt": [], MTCNN_2019: []}
        for name in list(results) * rounds:
            command = [sys.executable, "-m", "benchmarks.detectors", "--stage", name]
            command += ["--clip", str(clip)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            results[name].append(json.loads(output.splitlines()[-1]))
    base = median(run["cpu"] for run in results[MTCNN_2019])
    for name, runs in results.items():
        cpu, (first, *_) = median(run["cpu"] for run in runs), runs
        print(
            f"{name:8} {1000 * cpu / frames:7.1f} ms CPU per frame  x{base / cpu:5.2f}  "
            f"{first['faces']} faces in {frames} frames, without a face: {len(first['missed'])}"
        )


def main() -> None:
    """Read the arguments and print the table or the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--detector", nargs="+", default=list(TABLE), choices=list(TABLE))
    parser.add_argument("--speed", action="store_true", help="time the stage at 1080p instead")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--clip", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.stage:
        stage(arguments.clip, arguments.stage)
    elif arguments.speed:
        speed(arguments.workspace, arguments.frames, arguments.rounds)
    else:
        table(arguments.workspace, arguments.frames, arguments.detector)


if __name__ == "__main__":
    main()
