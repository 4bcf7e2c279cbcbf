"""Sorting compared with plain loops over pixels and pairs, and of sets of many thousand faces.

    python -m benchmarks.sort [--part blur|pairs|quality|scale] [--faces N ...] [--by METHOD ...]

`blur` and `pairs` compare with DeepFaceLab's implementation: a loop over pixels, a loop over pairs
of `cv2.compareHist` (timed on a part and extrapolated, unless --whole). `quality` compares the fast
chain with the exact one on as many faces as the exact one can handle. `scale` sorts folders of N
faces in processes of their own: without and with cached measurements; seconds and peak memory. The
faces are the astronaut's, each with its own pose, crop, light and blur.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import skimage.data

from facelib.faceset import FaceInfo, Faceset, embed, read_face
from facelib.geometry import MEAN_FACE, apply, crop_matrix, warp_face
from facelib.landmarks import hull_mask
from facelib.types import FaceType, Rect
from sorter import chain, features
from sorter.job import SortJob
from sorter.metrics import Bhattacharyya, CityBlock, bhattacharyya_sums, shape_of
from sorter.options import SortOptions
from sorter.rename import STATE
from sorter.sort import run
from utils.errors import InputError
from utils.images import encode_image

T = TypeVar("T")

ROOT = Path(__file__).parent.parent
KIND = FaceType.FULL
PARTS = ("blur", "pairs", "quality", "scale")
LEFT, TOP, SIDE = 184, 80, 76  # the astronaut's brows to chin


def main() -> None:
    """Run the chosen parts and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all")
    parser.add_argument("--faces", type=int, nargs="+", default=[4_000, 20_000])
    parser.add_argument("--size", type=int, default=256, help="side of the faces")
    parser.add_argument("--by", nargs="+", default=["hist", "face", "blur", "final"])
    parser.add_argument("--whole", action="store_true", help="time the pair loops to their end")
    parser.add_argument("--folder", type=Path, help="folder in which the faces are made and kept")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(timed_sort(options.child, options.by[0])))
        return
    parts = options.part or PARTS
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name) / "faces"
        if "blur" in parts:
            blur(make(folder, 200, options.size))
        if "pairs" in parts:
            pairs(make(folder, options.faces[0], options.size), options.whole)
        if "quality" in parts:
            quality(make(folder, min(options.faces[-1], chain.EXACT_FACES), options.size))
        if "scale" in parts:
            for count in options.faces:
                scale(make(folder, count, options.size), count, options.by)


def make(folder: Path, count: int, size: int) -> Path:
    """Fill a folder up to `count` faces; existing ones are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / STATE, ignore_errors=True)
    numbers = range(len(list(folder.glob("*.png"))), count)
    blocks = [(folder, numbers[start : start + 500], size) for start in range(0, len(numbers), 500)]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(make_block, blocks))
    return folder


def make_block(block: tuple[Path, range, int]) -> None:
    """Write some faces, each the astronaut's with a pose, light and focus of its own."""
    folder, numbers, size = block
    cv2.setNumThreads(1)
    astronaut = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    jaw_angles = np.pi - np.pi * np.arange(17) / 16
    jaw = np.stack([0.49 + 0.56 * np.cos(jaw_angles), 0.2 + 0.9 * np.sin(jaw_angles)], axis=1)
    mean = np.concatenate([jaw, MEAN_FACE])
    noise = np.random.default_rng(numbers.start).normal(0, 2.5, (16, size, size, 1))
    noise = noise.astype(np.float32)
    for number in numbers:
        rng = np.random.default_rng(number)
        # pose and light change slowly, as in footage, with some noise
        yaw = 0.25 * np.sin(number / 90) + rng.normal(0, 0.02)
        points = mean + np.stack(
            [yaw * np.sin(np.pi * mean[:, 0]), rng.normal(0, 0.01, 68)], axis=1
        )
        frame_points = (points * SIDE + [LEFT, TOP] + rng.normal(0, 2, 2)).astype(np.float32)
        matrix = crop_matrix(frame_points, size, KIND)
        gain = 1 + 0.35 * np.sin(number / 400 + np.arange(3)) + rng.normal(0, 0.02)
        face = warp_face(astronaut, matrix, size) * gain.astype(np.float32)
        face += noise[rng.integers(len(noise))]
        face = cv2.GaussianBlur(face, (0, 0), 0.3 + rng.exponential(0.6))
        image = np.clip(face, 0, 255, out=face).astype(np.uint8)
        info = metadata(number, frame_points, matrix, size)
        # not write_face, which waits for the disk
        (folder / f"{number:06d}_0.png").write_bytes(embed(encode_image(image), info))


def metadata(number: int, points: np.ndarray, matrix: np.ndarray, size: int) -> FaceInfo:
    """Return the metadata of a synthetic face."""
    return FaceInfo(
        face_type=KIND,
        size=size,
        landmarks=apply(matrix, points),
        source_landmarks=points,
        source_rect=Rect(*points.min(axis=0).tolist(), *points.max(axis=0).tolist()),
        source_name=f"{number:06d}.png",
        source="astronaut",
        frame_index=number,
        time=None,
        face_index=0,
        detector="none",
        landmarker="none",
        score=1.0,
        quality=1.0,
        matrix=matrix,
    )


def pixel_loop(image: np.ndarray, points: np.ndarray) -> int:
    """Return DeepFaceLab's blur key, pixel by pixel."""
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    gray = (gray * hull_mask(points, gray.shape)[..., 0]).astype(np.uint8)
    height, width = gray.shape
    total = 0
    for y in range(height):
        for x in range(width - 1):
            total += abs(int(gray[y, x]) - int(gray[y, x + 1]))
    for x in range(width):
        for y in range(height - 1):
            total += abs(int(gray[y, x]) - int(gray[y + 1, x]))
    return total


def our_blur(image: np.ndarray, points: np.ndarray) -> int:
    """Return the same key by array operations."""
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return features.sharpness(gray, features.face_hull(points, image))


def blur(folder: Path) -> None:
    """Time the blur key of decoded faces, one thread on both sides."""
    cv2.setNumThreads(1)
    faces = [read_face(path) for path, _ in Faceset.open(folder)[:200]]
    few = faces[:10]
    loop, expected = seconds(lambda: [pixel_loop(image, info.landmarks) for image, info in few])
    ours, found = seconds(lambda: [our_blur(image, info.landmarks) for image, info in faces])
    assert found[: len(few)] == expected, "the numbers differ"
    loop, ours = loop / len(few) * 1e3, ours / len(faces) * 1e3
    print(
        f"blur     {loop:.1f} ms per face by a pixel loop, {ours:.3f} ms by ours: "
        f"{loop / ours:.0f} times; same numbers"
    )


def pairs(folder: Path, whole: bool) -> None:
    """Time the orders of `hist` and `hist-dissim` from measured histograms."""
    _, stats = SortJob(list(Faceset.open(folder))).measure(features.IMAGE_STATS)
    color, gray = stats["colour"], stats["face_grey"]
    n = len(color)
    share = 1.0 if whole else 0.02
    loop, order = seconds(lambda: chain_loop(color, round(n * share)))
    loop /= len(order) * (n - len(order) / 2) / (n * n / 2)
    ours, best = seconds(lambda: chain.exact_chain(Bhattacharyya(color)))
    assert best.order[: len(order)].tolist() == order, "the chains differ"
    table("hist", n, loop, ours, f"same first {len(order)} of the chain")
    loop, sums = seconds(lambda: sum_loop(gray, round(n * share)))
    loop *= n / len(sums)
    ours, found = seconds(lambda: bhattacharyya_sums(gray))
    assert np.allclose(found[: len(sums)], sums, atol=1e-5), "the sums differ"
    orders = [np.argsort(-each[: len(sums)].round(6), kind="stable") for each in (found, sums)]
    same = np.array_equal(*orders)
    table("hist-dissim", n, loop, ours, f"same order of {len(sums)}: {same}")


def chain_loop(color: np.ndarray, steps: int) -> list[int]:
    """Chain by comparing pairs, one after the other; the first `steps` items."""
    left = list(range(1, len(color)))
    order = [0]
    while left and len(order) < steps:
        here = color[order[-1]]
        best, least = 0, np.inf
        for place, other in enumerate(left):
            distance = (
                cv2.compareHist(here[0], color[other][0], cv2.HISTCMP_BHATTACHARYYA)
                + cv2.compareHist(here[1], color[other][1], cv2.HISTCMP_BHATTACHARYYA)
                + cv2.compareHist(here[2], color[other][2], cv2.HISTCMP_BHATTACHARYYA)
            )
            if distance < least:
                best, least = place, distance
        order.append(left.pop(best))
    return order


def sum_loop(gray: np.ndarray, rows: int) -> np.ndarray:
    """Add up the distances of the first `rows` items to all, pair by pair."""
    return np.array([
        sum(cv2.compareHist(a, b, cv2.HISTCMP_BHATTACHARYYA) for b in gray) for a in gray[:rows]
    ])


def table(name: str, n: int, loop: float, ours: float, note: str) -> None:
    """Print one line of a comparison."""
    print(
        f"{name:12} {n} faces: {loop:.1f} s by a pair loop, {ours:.2f} s by ours: "
        f"{loop / ours:.0f} times; {note}"
    )


def quality(folder: Path) -> None:
    """Compare the fast chain with the exact one, by time and mean distance of neighbors."""
    faces, stats = SortJob(list(Faceset.open(folder))).measure(features.IMAGE_STATS)
    metrics = {
        "hist": Bhattacharyya(stats["colour"]),
        "face": CityBlock(np.stack([shape_of(info) for _, info in faces])),
    }
    for name, metric in metrics.items():
        exact, best = seconds(lambda metric=metric: chain.exact_chain(metric))
        fast, cells = seconds(lambda metric=metric: chain.cell_chain(metric))
        print(
            f"{name:12} {len(faces)} faces: exact {exact:.1f} s, mean {best.mean_step:.4f}; "
            f"fast {fast:.1f} s, mean {cells.mean_step:.4f} "
            f"({100 * (cells.mean_step / best.mean_step - 1):+.1f} %)"
        )


def scale(folder: Path, count: int, methods: list[str]) -> None:
    """Sort a folder in fresh processes: first with nothing measured, then by each method."""
    for note, by in [("nothing measured", methods[0]), *(("measured", name) for name in methods)]:
        command = [sys.executable, "-m", "benchmarks.sort", "--child", str(folder), "--by", by]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        cost = f"{found['seconds']:.1f} s, {found['gigabytes']:.2f} GB"
        print(f"{by:12} {count} faces, {note}: {cost}; {found['note']}", flush=True)


def timed_sort(folder: Path, by: str) -> dict[str, object]:
    """Sort, and undo it so that the next method starts from the same order."""
    took, report = seconds(lambda: run(SortOptions(input_dir=folder, by=by)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    with suppress(InputError):  # they were in that order already
        run(SortOptions(input_dir=folder, undo=True))
    note = "; ".join(report.notes.get("mean distance of neighbors", []))
    return {"seconds": took, "gigabytes": peak, "note": note}


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    """Return (seconds, result)."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
