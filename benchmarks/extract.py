"""Time `extract` against a plain loop with the same detector and landmarker, in turns.

    python benchmarks/extract.py [--frames 150] [--rounds 3] [--size 640x480 ...]

Plain: read an image, find faces, landmarks, warp, write; sequentially, OpenCV with its own threads.
Ours: the streaming `extract` stage on the same JPEGs, and on the clip as a video. The clip is made
from scikit-image's photograph of the astronaut, moving and growing. Each run has a process of its
own; ours includes loading its networks (0.1 s). Quote the ratio, not the seconds.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import av
import cv2
import numpy as np
import skimage.data

from extractor import extract
from extractor.extract import face_search
from extractor.face_finder import FaceFinder
from extractor.options import ExtractOptions
from facelib.faceset import FaceInfo, write_face
from facelib.geometry import apply, crop_matrix

FACE = np.array([222.0, 115.0])  # its position in the photograph


def clip(width: int, height: int, count: int) -> Iterator[np.ndarray]:
    """Yield frames in which the face moves and grows."""
    photograph = skimage.data.astronaut()[..., ::-1].copy()
    for phase in np.linspace(0, 2 * np.pi, count, endpoint=False):
        zoom = height / 512 * (1.3 + 0.3 * np.sin(phase))
        place = np.array([width * (0.5 + 0.1 * np.cos(phase)), height * 0.45])
        matrix = np.column_stack([np.eye(2) * zoom, place - zoom * FACE])
        border = cv2.BORDER_REPLICATE
        yield cv2.warpAffine(
            photograph, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=border
        )


def make_footage(folder: Path, size: tuple[int, int], count: int) -> None:
    """Write the clip as `clip.mp4` and as JPEGs in `frames`."""
    (folder / "frames").mkdir()
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height = size
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "18", "preset": "veryfast"}
        for index, frame in enumerate(clip(*size, count)):
            cv2.imwrite(str(folder / "frames" / f"{index:06d}.jpg"), frame)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


def plain(folder: Path, out: Path, detector: str) -> Callable[[], int]:
    """Return the plain loop over the images."""
    options = ExtractOptions(input_dir=folder, output_dir=out, detector=detector)
    finder = FaceFinder(face_search(options))
    out.mkdir()

    def run() -> int:
        count = 0
        for index, path in enumerate(sorted((folder / "frames").iterdir())):
            image = cv2.imread(str(path))
            for number, face in enumerate(finder.find(image)):
                matrix = crop_matrix(face.landmarks, 256, options.face_type)
                aligned = cv2.warpAffine(image, matrix, (256, 256), flags=cv2.INTER_CUBIC)
                info = FaceInfo(
                    face_type=options.face_type,
                    size=256,
                    landmarks=apply(matrix, face.landmarks),
                    source_landmarks=face.landmarks,
                    source_rect=face.rect,
                    source_name=path.name,
                    source=folder.name,
                    frame_index=index,
                    time=None,
                    face_index=number,
                    detector=detector,
                    landmarker="mesh",
                    score=face.score,
                    quality=face.quality,
                    matrix=matrix,
                )
                write_face(out / f"{path.stem}_{number}.png", aligned, info)
                count += 1
        return count

    return run


def ours(source: Path, out: Path, detector: str) -> Callable[[], int]:
    """Return the `extract` stage."""
    options = ExtractOptions(input_dir=source, output_dir=out, detector=detector)
    return lambda: extract.run(options).counts["faces"]


def measure(kind: str, folder: Path, detector: str) -> None:
    """Run one kind in this process and print its cost as JSON."""
    with tempfile.TemporaryDirectory() as out:
        work = {
            "plain loop, images": lambda: plain(folder, Path(out) / "faces", detector),
            "extract, images": lambda: ours(folder / "frames", Path(out) / "faces", detector),
            "extract, video": lambda: ours(folder / "clip.mp4", Path(out) / "faces", detector),
        }[kind]()
        start, cpu = time.perf_counter(), time.process_time()
        faces = work()
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall": wall, "cpu": cpu, "memory": memory, "faces": faces}))


KINDS = ("plain loop, images", "extract, images", "extract, video")


def compare(size: tuple[int, int], count: int, rounds: int, detector: str) -> None:
    """Time all kinds in turns and print a comparison."""
    print(f"{size[0]}x{size[1]}, {count} frames, {detector}, median of {rounds} rounds")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_footage(folder, size, count)
        results: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for _ in range(rounds):
            for kind in KINDS:
                command = [sys.executable, __file__, "--measure", kind, "--folder", name]
                command += ["--detector", detector]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                results[kind].append(json.loads(output.splitlines()[-1]))
    base = results[KINDS[0]]
    for kind, runs in results.items():
        rate = median(count / run["wall"] for run in runs)
        ratio = median(first["wall"] / run["wall"] for first, run in zip(base, runs, strict=True))
        cpu = median(run["cpu"] for run in runs) / count
        busy = median(run["cpu"] / run["wall"] for run in runs)
        memory = max(run["memory"] for run in runs)
        print(
            f"  {kind:21} {rate:6.1f} frames/s  x{ratio:4.2f}  {busy:4.2f} cores busy  "
            f"{1000 * cpu:5.1f} ms CPU/frame  {memory:4.0f} MB peak  {runs[0]['faces']:.0f} faces"
        )


def main() -> None:
    """Read the arguments and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", nargs="+", default=["640x480", "1920x1080"])
    parser.add_argument("--detector", default="yunet")
    parser.add_argument("--measure", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, arguments.folder, arguments.detector)
        return
    for size in arguments.size:
        width, height = (int(side) for side in size.split("x"))
        compare((width, height), arguments.frames, arguments.rounds, arguments.detector)


if __name__ == "__main__":
    main()
