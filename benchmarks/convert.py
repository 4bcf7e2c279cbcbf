"""Conversion: blending in a box compared with whole frames, and the pipeline from end to end.

    python benchmarks/convert.py [--face 300] [--frames 48] [--light] [--blend-only] [--no-blend]

The baseline is the converter of 2019, written plainly: every step on the whole frame in float32,
the mask in three channels, Lanczos everywhere, sizes from the box around the thresholded mask. Both
get the same frame and the same prediction and run in turns, with one OpenCV thread; each runs once
more in a process of its own for its peak memory. Quote the ratios, not the milliseconds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from utils import device

device.select(device.EngineOptions(cpu_only=True))

import cv2
import numpy as np
from support.synthetic import draw_face, make_info, make_landmarks, make_video

from converters.blending.blender import Blender
from converters.blending.crop import Crop
from converters.blending.mask import Swap, hull_mask
from converters.convert import run
from converters.look import Look
from converters.options import ConvertOptions
from converters.predictor import Predictor, of_model
from facelib import geometry
from facelib.faceset import write_face
from facelib.types import FaceType
from models import MODELS
from models.engine import engine
from utils.images import encode_image
from utils.provenance.c2pa import Marker
from utils.video.frame import Frame
from utils.video.io import open_source
from utils.video.sink import open_sink
from utils.video.source import FrameSource

SIZE, ERODE, BLUR = 64, 100, 100  # H64's
MODES = ("overlay", "seamless", "hist-match")
LANCZOS = {"flags": cv2.WARP_INVERSE_MAP | cv2.INTER_LANCZOS4}


def classic(frame: np.ndarray, swap: Swap, mode: str) -> np.ndarray:
    """Convert one face as in 2019: (H, W, 3) uint8 -> (H, W, 3) uint8."""
    image = frame.astype(np.float32) / 255
    size = image.shape[1::-1]
    matrix = geometry.crop_matrix(swap.landmarks, SIZE, FaceType.HALF)
    face = classic_match(swap) if mode == "hist-match" else swap.face
    mask = np.repeat(np.where(swap.mask < 0.001, 0, swap.mask), 3, axis=2)
    mask = np.clip(cv2.warpAffine(mask, matrix, size, **LANCZOS), 0, 1)
    mask[mask <= 0.1] = 0
    full = mask.copy()
    full[full > 0.9] = 1
    blending, center = classic_blending(mask, full)
    border = cv2.BORDER_TRANSPARENT
    out = cv2.warpAffine(face, matrix, size, image.copy(), borderMode=border, **LANCZOS)
    if mode == "seamless":
        out = np.clip(image * (1 - mask) + out * mask, 0, 1)
        eight = [(each * 255).astype(np.uint8) for each in (out, image, full)]
        out = cv2.seamlessClone(*eight, center, cv2.NORMAL_CLONE).astype(np.float32) / 255
    out = np.clip(image * (1 - blending) + out * blending, 0, 1)
    return (out * 255).astype(np.uint8)


def classic_blending(mask: np.ndarray, full: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the eroded and blurred mask and the center of the region."""
    points = np.argwhere(full == 1)
    (top, left), (bottom, right) = points.min(axis=0)[:2], points.max(axis=0)[:2]
    center = (int(left + (right - left) // 2), int(top + (bottom - top) // 2))
    shorter = min(right - left, bottom - top)
    eroded = int(shorter * (0.126 - 0.00004551365 * shorter) * 0.01 * ERODE)
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (eroded, eroded))
    blurred = int(shorter * 0.10 * 0.01 * BLUR)
    mask = cv2.blur(cv2.erode(mask, element, iterations=1), (blurred, blurred))
    return np.clip(mask, 0, 1), center


def classic_match(swap: Swap) -> np.ndarray:
    """Match histograms channel by channel, white outside the mask."""
    source, target = (image * swap.mask + 1 - swap.mask for image in (swap.face, swap.crop))
    matched = np.empty_like(source)
    for channel in range(3):
        shape = source[..., channel].shape
        _, inverse, counts = np.unique(
            source[..., channel].ravel(), return_inverse=True, return_counts=True
        )
        values, wanted = np.unique(target[..., channel].ravel(), return_counts=True)
        quantiles = np.cumsum(counts) / counts.sum()
        new = np.interp(quantiles, np.cumsum(wanted) / wanted.sum(), values)
        matched[..., channel] = new[inverse].reshape(shape)
    return matched


def place_face(width: int, height: int, side: int, shift: float = 0.0) -> np.ndarray:
    """Return landmarks of a face at the frame's center whose half crop is `side` pixels wide."""
    center = (width / 2 + shift, height / 2)
    probe = make_landmarks(8, 3, 6, center=center, width=side)
    wide = side * side / Crop.of(probe, SIZE, FaceType.HALF).side
    return make_landmarks(8, 3, 6, center=center, width=wide)


def make_swap(frame: np.ndarray, landmarks: np.ndarray) -> Swap:
    """Return a prediction for a face: its crop in other colors, and the mask of its hull."""
    crop = Crop.of(landmarks, SIZE, FaceType.HALF).cut(frame, SIZE).astype(np.float32) / 255
    blank = np.ones((SIZE, SIZE, 1), np.float32)
    face = np.clip(crop * np.float32([0.9, 1.0, 0.8]), 0, 1)
    swap = Swap(landmarks, crop, face, blank, FaceType.HALF)
    mask = cv2.resize(hull_mask(swap), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return Swap(landmarks, crop, face, mask[..., None], FaceType.HALF)


def blend_functions(
    mode: str, frame: np.ndarray, swap: Swap
) -> dict[str, Callable[[], np.ndarray]]:
    """Return both implementations of blending one frame."""
    ours = Blender(Look(mode=mode), ERODE, BLUR)
    return {
        "classic": lambda: classic(frame, swap, mode),
        "ours": lambda: ours(frame, [swap]).image,
    }


def measure_blending(args: argparse.Namespace) -> None:
    """Print milliseconds and peak memory of both for each mode."""
    landmarks = place_face(args.width, args.height, args.face)
    frame = draw_face(landmarks, (args.height, args.width), blur=1.5)
    swap = make_swap(frame, landmarks)
    print(f"blending at {args.width}x{args.height}, face of {args.face} pixels, one thread")
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.npz"
        np.savez(scene, frame=frame, landmarks=landmarks)
        for mode in MODES:
            times: dict[str, list[float]] = {"classic": [], "ours": []}
            for _ in range(args.repeat + 1):
                for name, blend in blend_functions(mode, frame, swap).items():
                    start = time.perf_counter()
                    blend()
                    times[name].append(1000 * (time.perf_counter() - start))
            middle = {name: median(values[1:]) for name, values in times.items()}
            memory = {name: peak(scene, mode, name) for name in times}
            print(
                f"  {mode:11} classic {middle['classic']:7.1f} ms {memory['classic']:5.0f} MB   "
                f"ours {middle['ours']:6.1f} ms {memory['ours']:5.0f} MB   "
                f"{middle['classic'] / middle['ours']:5.1f} times as fast"
            )
    cv2.setNumThreads(-1)


def peak(scene: Path, mode: str, name: str) -> float:
    """Run one in a process of its own; return the megabytes by which it raises the peak."""
    command = [sys.executable, __file__, "--peak", str(scene), mode, name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_peak(scene: str, mode: str, name: str) -> None:
    """Print by how much one frame raises this process's peak memory, in MB."""
    with np.load(scene) as file:
        frame, landmarks = file["frame"], file["landmarks"]
    swap = make_swap(frame, landmarks)
    cv2.setNumThreads(1)
    before = highest()
    blend_functions(mode, frame, swap)[name]()
    print(highest() - before)


def highest() -> float:
    """Return this process's peak memory in MB (Linux).

    `getrusage` gives the parent's where that was higher: it survives fork and exec.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measure_pipeline(args: argparse.Namespace) -> None:
    """Print frames per second of `convert`, from video to signed video or folder, and its stages.

    With an untrained model and hull masks, because an untrained model predicts no useful mask.
    """
    engine().tune()
    cls = MODELS.load(args.model)
    changes = {"lightweight": True} if args.light else {}
    head = cls.defaults.get("expression_head", False)
    model = cls(cls.Options(expression_head=head, **changes))
    predictor, side = of_model(model, "untrained"), model.resolution
    predictor([np.zeros((side, side, 3), np.float32)] * args.batch_size, args.batch_size)
    faces = [place_face(args.width, args.height, args.face, 3 * i) for i in range(args.frames)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["FACESWAP_CONFIG_DIR"] = str(folder / "settings")
        write_footage(folder, faces, (args.height, args.width))
        print(f"convert, {args.frames} frames, {args.model}{' light' if args.light else ''}")
        for output, changes in OUTPUTS.items():
            chosen = ConvertOptions(
                input_dir=folder / "clip.mp4",
                aligned_dir=folder / "aligned",
                model_dir=folder,
                output_dir=folder / output,
                mask_type="hull",
                batch_size=args.batch_size,
                ask=False,
                **changes,
            )
            what = " ".join([output, *(f"{key}={value}" for key, value in changes.items())])
            timed(what, args.frames, lambda chosen=chosen: run(chosen, predictor))
        print(f"  peak memory {highest():.0f} MB, network included")
        print("each stage alone")
        measure_stages(args, predictor, open_source(folder / "clip.mp4"), faces)


OUTPUTS: dict[str, dict] = {
    "result.mp4": {},
    "result.mov": {"provenance": False},
    "hevc.mp4": {"codec": "h265"},
    "images": {},
    "plain images": {"provenance": False},
}


def write_footage(folder: Path, faces: list[np.ndarray], shape: tuple[int, int]) -> None:
    """Write a clip with audio, and its face files."""
    frames = [draw_face(points, shape, blur=1.5) for points in faces]
    make_video(folder / "clip.mp4", frames)
    (folder / "aligned").mkdir()
    for index, (frame, points) in enumerate(zip(frames, faces, strict=True)):
        info = make_info(points, 256, source_name=f"{index:06d}.png", frame_index=index)
        face = geometry.warp_face(frame, info.matrix, 256)
        write_face(folder / "aligned" / f"{index:06d}_0.png", face, info)


def measure_stages(
    args: argparse.Namespace, predictor: Predictor, source: FrameSource, faces: list[np.ndarray]
) -> None:
    """Print the speed of each stage alone."""
    blender = Blender(Look(mask_type="hull"), ERODE, BLUR)
    frames = list(source)
    swaps = [make_swap(frame.image, points) for frame, points in zip(frames, faces, strict=True)]
    crops = [swap.crop for swap in swaps]
    pairs = list(zip(frames, swaps, strict=True))
    png = encode_image(frames[0].image)
    marker = Marker()
    stages: dict[str, Callable[[], object]] = {
        "decode": lambda: sum(1 for _ in source),
        "predict": lambda: predictor(crops, args.batch_size),
        "blend": lambda: [blender(frame.image, [swap]) for frame, swap in pairs],
        "encode": lambda: encode(source.path.with_name("again.mp4"), source, frames),
        "png": lambda: [encode_image(frame.image) for frame in frames],
        "sign png": lambda: [marker.sign_image(png) for _ in frames],
    }
    for name, work in stages.items():
        timed(name, args.frames, work)


def encode(path: Path, source: FrameSource, frames: Iterable[Frame]) -> None:
    """Write frames as convert does."""
    with open_sink(path, source) as sink:
        for frame in frames:
            sink.write(frame)


def timed(what: str, count: int, work: Callable[[], object]) -> None:
    """Print the frames per second of `work`, and its CPU time per frame."""
    start, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"  {what:33} {count / seconds:6.1f} frames/s {1000 * cpu / count:7.1f} CPU-ms per frame")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("width", 1920), ("height", 1080), ("face", 300), ("frames", 48)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--model", default="H64", choices=MODELS.names)
    parser.add_argument("--light", action="store_true", help="the lightweight H64 or H128")
    parser.add_argument("--blend-only", action="store_true")
    parser.add_argument("--no-blend", action="store_true", help="only the pipeline")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        print_peak(*args.peak)
        return
    if not args.no_blend:
        measure_blending(args)
    if not args.blend_only:
        measure_pipeline(args)


if __name__ == "__main__":
    main()
