"""Training samples per second: ours compared with a plain implementation, in one run.

    python -m benchmarks.sampler [--resolution 64] [--size 256] [--seconds 10] [--only ours ...]

A sample is a warped image, its target and its mask, in a finished batch. The plain implementation
is that of 2019: it reads the image from disk for every sample and makes the three outputs by
separate Lanczos warps, in float32 at full size. Options of `train` that change samples are
measured one by one, as they are for src, without threads, and "more" is what a sample costs above
"ours". Variants run in turns, each in its own process; the median of the rounds is printed.
"""

import argparse
import atexit
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import skimage.data

from facelib import landmarks as marks
from facelib.color_transfer import COLORS
from facelib.faceset import FaceInfo, Faceset, read_face, write_face
from facelib.geometry import MEAN_FACE, apply, crop_matrix, warp_face
from facelib.types import FaceType, Rect
from trainer.data import augment
from trainer.data.loader import BatchLoader
from trainer.data.sampler import Sampler, SamplerSettings
from trainer.data.yaw_matching import YawMatcher
from utils.images import to_float

BATCH, FACES, ROUNDS = 16, 64, 3
SLICE = 0.1  # seconds; the median of many bears other programs that come and go
WARM_UP = 8  # rounds of all faces, since some variants pick at random
KIND = FaceType.HALF
BatchMaker = Callable[[], object]


def main() -> None:
    """Run every variant in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resolution", type=int, default=64, help="side of the samples")
    parser.add_argument("--size", type=int, default=256, help="side of the aligned images")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to measure a variant")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, help="which rows to measure")
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.variant:
        print(json.dumps(measure(options)))
        return
    with tempfile.TemporaryDirectory() as name:
        write_faces(Path(name), options.size)
        results = {variant: [] for variant in options.only or VARIANTS}
        for _ in range(ROUNDS):
            for variant, found in results.items():
                found.append(in_a_process(variant, Path(name), options))
    report(results, options)


def in_a_process(variant: str, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Measure a variant in a new process, with its own memory and caches."""
    command = [sys.executable, "-m", "benchmarks.sampler", "--variant", variant]
    command += ["--folder", str(folder), "--resolution", str(options.resolution)]
    command += ["--seconds", str(options.seconds / ROUNDS)]
    one_core = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=one_core)
    return json.loads(done.stdout)


def report(results: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> None:
    """Print the medians, each beside that of our samples without any option."""
    print(f"images {options.size} px, samples {options.resolution} px, batches of {BATCH}")
    print(f"{'':28}{'samples/s':>10}{'per core':>10}{'us each':>9}{'more':>7}{'peak MB':>9}")
    ours = 1e6 / median(round_["per_core"] for round_ in results.get("ours", [{"per_core": 1e9}]))
    for variant, rounds in results.items():
        wall, core, peak = (median(r[k] for r in rounds) for k in ("wall", "per_core", "peak"))
        each, name = 1e6 / core, VARIANTS[variant][0]
        print(f"{name:28}{wall:10.0f}{core:10.0f}{each:9.0f}{each - ours:+7.0f}{peak:9.0f}")


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Make batches for a while: samples per second and per CPU second, peak memory in MB."""
    cv2.setNumThreads(1)
    make = VARIANTS[options.variant][1](Faceset.open(options.folder), options.resolution)
    for _ in range(WARM_UP * FACES // BATCH):  # reads the images
        make()
    slices = [rates(make) for _ in range(max(1, round(options.seconds / SLICE)))]
    wall, core = (median(one[which] for one in slices) for which in (0, 1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"wall": wall, "per_core": core, "peak": peak}


def rates(make: BatchMaker) -> tuple[float, float]:
    """Make batches for a moment: samples per second and per CPU second."""
    start, cpu, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < SLICE:
        make()
        count += BATCH
    return count / (time.perf_counter() - start), count / (time.process_time() - cpu)


def write_faces(folder: Path, size: int) -> None:
    """Write aligned full faces of a photograph, each slightly different."""
    image = skimage.data.astronaut()[..., ::-1]
    angles = np.linspace(np.pi, 0, 17)
    jaw = np.stack([0.49 + 0.56 * np.cos(angles), 0.2 + 0.9 * np.sin(angles)], axis=1)
    shape = np.concatenate([jaw, MEAN_FACE])
    for number in range(FACES):
        landmarks = (shape * (90 + number / 8) + (180, 70)).astype(np.float32)
        matrix = crop_matrix(landmarks, size, FaceType.FULL)
        info = FaceInfo(
            face_type=FaceType.FULL,
            size=size,
            landmarks=apply(matrix, landmarks),
            source_landmarks=landmarks,
            source_rect=Rect(160, 60, 300, 220),
            source_name=f"{number:06d}.png",
            source="frames",
            frame_index=number,
            time=None,
            face_index=0,
            detector="none",
            landmarker="none",
            score=1.0,
            quality=0.0,
            matrix=matrix,
        )
        write_face(folder / f"{number:06d}_0.png", warp_face(image, matrix, size), info)


def ours(
    faces: Faceset, resolution: int, *, warp: bool = True, by_yaw: bool = False, **options: object
) -> BatchMaker:
    """Make batches as training does, without threads; `options` are of `SamplerSettings`."""
    settings = SamplerSettings(KIND, resolution)._replace(**options)
    dst = Sampler(faces, settings, (2,))
    picks = YawMatcher(faces, dst, (1,)) if by_yaw else None
    sampler = Sampler(faces, settings, (1,), picks=picks, partners=dst)
    numbers = iter(range(1 << 30))
    return lambda: sampler.batch(next(numbers), BATCH, warp=warp)


def threaded(faces: Faceset, resolution: int, workers: int) -> BatchMaker:
    """Make batches as training does, in background threads; half of them of each side."""
    src, dst = (Sampler(faces, SamplerSettings(KIND, resolution), (side,)) for side in (0, 1))
    loader = BatchLoader(src, dst, BATCH // 2, workers=workers).__enter__()
    atexit.register(loader.__exit__)  # threads in native code must end before the interpreter
    return loader.next


def plain(faces: Faceset, resolution: int) -> BatchMaker:
    """Make batches with the plain implementation."""
    rng = np.random.default_rng(1)

    def batch() -> list[np.ndarray]:
        picks = rng.integers(len(faces), size=BATCH)
        samples = [plain_sample(faces[int(i)][0], resolution, rng) for i in picks]
        return [np.stack(parts) for parts in zip(*samples, strict=True)]

    return batch


def plain_sample(path: Path, resolution: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return warped, target and mask, each by separate warps."""
    image, info = read_face(path)
    source, size = to_float(image), info.size
    jitter = augment.draw(rng, size)
    cell = size // (len(jitter.nodes) + 1)
    steps = np.arange(0, size + 1, cell, dtype=np.float32)
    maps = []
    for axis, grid in enumerate(np.meshgrid(steps, steps)):
        grid[1:-1, 1:-1] += jitter.nodes[..., axis]
        large = cv2.resize(grid, (size + cell, size + cell))
        maps.append(large[cell // 2 : -cell // 2, cell // 2 : -cell // 2])
    crop = crop_matrix(info.landmarks, resolution, KIND)
    outputs = []
    for kind in ("warped", "target", "mask"):
        out = source
        if kind == "mask":
            out = np.dstack([source, marks.hull_mask(info.landmarks, (size, size))])
        if kind == "warped":
            out = cv2.remap(out, *maps, cv2.INTER_LANCZOS4)
        out = cv2.warpAffine(out, jitter.matrix, (size, size), flags=cv2.INTER_LANCZOS4)
        if jitter.flip:
            out = out[:, ::-1]
        out = cv2.warpAffine(out, crop, (resolution, resolution), flags=cv2.INTER_LANCZOS4)
        outputs.append(out[..., 3:] if kind == "mask" else out)
    return outputs


VARIANTS = {
    "plain": ("plain, from disk", plain),
    "ours": ("ours", ours),
    "one_thread": ("ours, a thread", partial(threaded, workers=1)),
    "threaded": ("ours, two threads", partial(threaded, workers=2)),
    "unwarped": ("--warp-off 1", partial(ours, warp=False)),
    "unflipped": ("without mirroring", partial(ours, random_flip=False)),
    "priority": ("--eyes-mouth-priority", partial(ours, with_priority=True)),
    "expression": ("--expression-head", partial(ours, with_expression=True)),
    "by_yaw": ("--sort-by-yaw", partial(ours, by_yaw=True)),
    "input_jitter": ("--input-jitter 0.15", partial(ours, input_jitter=0.15)),
    **{
        name: (f"--train-color-transfer {name}", partial(ours, color_transfer=name))
        for name in COLORS
    },
    "blur": ("--blur-out-mask", partial(ours, blur_background=True)),
    "uniform": (
        "--uniform-pose, -expression",
        partial(ours, uniform_pose=True, uniform_expression=True),
    ),
}

if __name__ == "__main__":
    main()
