"""Error, jitter and lag of landmarks, raw and smoothed, on known movement and on the demo clips.

    python -m benchmarks.landmarks [--workspace workspace] [--frames 100] [--track]

Known movement: scikit-image's photograph of the astronaut in a frame of 640 x 480, moved by known
matrices, with camera noise of 3 gray levels; detector and landmarker process every frame by itself.
`--track` adds `mesh` as `extract` follows faces through a video.
`error` is the distance from the mean landmarks of the still face mapped by the matrix, `noise` the
same without its constant part, both root mean square in % of the eye distance; `jitter` is that of
`evaluate` (docs/evaluation.md), from second differences; `lag` is how many frames the landmarks are
behind the movement.
The clips: jitter, which includes real fast movement; how far smoothing moves a landmark; and the
remaining share of the range of eye and mouth opening.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
import skimage.data

from extractor.extract import face_search
from extractor.face_finder import FaceFinder
from extractor.frames import Pending
from extractor.in_flight import InFlight
from extractor.options import ExtractOptions
from extractor.stretches import FollowingSearch
from extractor.tracking import GAP
from facelib import landmarks as lm
from facelib.detectors.yunet import YuNet
from facelib.geometry import apply, invert
from facelib.landmarkers import LANDMARKERS
from facelib.smoothing import REACH, smooth_landmarks
from tools.evaluate.metrics import jitter
from utils.parallel import cores
from utils.video.io import open_source

FACE = np.array([222.0, 115.0])  # its position in the photograph
CENTER = np.array([320.0, 230.0])
FOLLOWED = "mesh followed"
CLIPS = ("data_src.mp4", "data_dst.mp4")
Track = dict[str, list[np.ndarray]]


def movements(count: int) -> dict[str, list[np.ndarray]]:
    """Return the (2, 3) matrices from photograph to frame, for each kind of movement."""
    t, none = np.arange(count), np.zeros(count)
    walk = np.cumsum(np.where(t // 15 % 2, np.where(t // 30 % 2, 4.0, -4.0), 0.0))
    paths = {  # right, down, rotation, zoom
        "still": (none, none, none, none),
        "pans, 1 px a frame": (t - count / 2, none, none, none),
        "shakes, 25 px at 1.5 Hz": (25 * np.sin(2 * np.pi * t * 1.5 / 25), none, none, none),
        "nods, 12 px at 2.5 Hz": (none, 12 * np.sin(2 * np.pi * t * 2.5 / 25), none, none),
        "tilts, 20 degrees at 1 Hz": (none, none, 20 * np.sin(2 * np.pi * t / 25), none),
        "comes nearer": (none, none, none, 0.5 * t / count),
        "starts and stops": (walk, none, none, none),
        "jumps": (np.where(t // 12 % 2, 30.0, 0.0), none, none, none),
    }
    return {
        name: [_matrix(*each) for each in zip(*path, strict=True)] for name, path in paths.items()
    }


def _matrix(right: float, down: float, degrees: float, zoom: float) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D(tuple(FACE), degrees, 1.3 + zoom)
    matrix[:, 2] += CENTER - FACE + np.array([right, down])
    return matrix


def frames_of(matrices: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the photograph, moved, with noise."""
    photograph = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    rng = np.random.default_rng(0)
    for matrix in matrices:
        frame = cv2.warpAffine(
            photograph, matrix, (640, 480), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        noisy = frame + rng.normal(0, 3, frame.shape)
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


class Tracker:
    """A detector and every landmarker; with `follow`, also `mesh` between searches."""

    def __init__(self, *, follow: bool) -> None:
        self._detector = YuNet()
        self._landmarkers = {name: LANDMARKERS.load(name)() for name in LANDMARKERS}
        nowhere = Path("nowhere")
        search = face_search(ExtractOptions(input_dir=nowhere, output_dir=nowhere))
        finders = [FaceFinder(search) for _ in range(cores())] if follow else []
        self._following = FollowingSearch(finders, InFlight(), GAP)
        self.names = [*LANDMARKERS, *([FOLLOWED] if follow else [])]

    def track(self, frames: Iterator[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the landmarks (n, 68, 2) of each landmarker."""
        tracks: Track = {name: [] for name in self.names}
        kept = list(frames)
        for frame in kept:
            face = self._detector.detect([frame])[0][:1]
            for name, landmarker in self._landmarkers.items():
                tracks[name].append(landmarker.locate(frame, face)[0][0])
        if FOLLOWED in self.names:
            pending = (Pending(frame, i, str(i), None) for i, frame in enumerate(kept))
            for each in self._following.found(pending, kept[0].shape[0] * kept[0].shape[1]):
                tracks[FOLLOWED].append(each.faces[0].landmarks)
        return {name: np.stack(track) for name, track in tracks.items()}


def smoothed(track: np.ndarray, landmarker: str) -> np.ndarray:
    """Smooth a track as `extract` does."""
    noise = LANDMARKERS.load(landmarker.split()[0]).noise
    return np.stack([smooth_landmarks(track, here, noise) for here in range(len(track))])


def deviation(track: np.ndarray, truth: np.ndarray) -> tuple[float, float, float, float]:
    """Return error, noise and jitter in % of the eye distance, and the lag in frames."""
    scale = np.array([lm.inter_ocular(points) for points in truth])[:, None, None]
    away = 100 * ((track - truth) / scale)[REACH:-REACH]
    speed = (100 * np.gradient(truth, axis=0) / scale)[REACH:-REACH]
    lag = -(away * speed).sum() / max((speed**2).sum(), 1e-9)
    error, noise = (
        np.sqrt((each**2).sum(axis=-1).mean()) for each in (away, away - away.mean(axis=0))
    )
    jitters = jitter((track - truth + truth[:1]), np.zeros(len(track)))
    return float(error), float(noise), jitters, float(lag)


def on_known_movement(tracker: Tracker, count: int) -> None:
    """Print the deviation from known movement."""
    matrices_of = movements(count)
    base = {}
    print("| landmarker, face | error | smoothed | noise | smoothed | jitter | smoothed | lag |")
    print(f"|{'---|' * 8}")
    rows: dict[str, list[str]] = {name: [] for name in tracker.names}
    for movement, matrices in matrices_of.items():
        for name, track in tracker.track(frames_of(matrices)).items():
            if movement == "still":
                base[name] = apply(invert(matrices[0]), track.mean(axis=0))
            truth = np.stack([apply(matrix, base[name]) for matrix in matrices])
            raw, smooth = deviation(track, truth), deviation(smoothed(track, name), truth)
            cells = [f"{a:.2f} | {b:.2f}" for a, b in zip(raw[:3], smooth[:3], strict=True)]
            lag = f"{smooth[3]:.2f}" if movement not in ("still", "jumps") else ""
            rows[name].append(f"| `{name}` {movement} | {' | '.join(cells)} | {lag} |")
    print("\n".join(row for group in rows.values() for row in group))


def on_clips(tracker: Tracker, workspace: Path) -> None:
    """Print the effect of smoothing on real footage."""
    print("\n| clip, landmarker | jitter | smoothed | moved by (median, 99 %) | eye | mouth |")
    print(f"|{'---|' * 6}")
    for clip in CLIPS:
        tracks = tracker.track(frame.image for frame in open_source(workspace / clip))
        for name, track in tracks.items():
            smooth = smoothed(track, name)
            before, after = (jitter(each, np.zeros(len(each))) for each in (track, smooth))
            scale = np.array([lm.inter_ocular(points) for points in track])[:, None]
            moved = 100 * np.linalg.norm(smooth - track, axis=-1) / scale
            kept = [
                np.ptp([measure(p) for p in smooth]) / np.ptp([measure(p) for p in track])
                for measure in (lm.eye_opening, lm.mouth_opening)
            ]
            print(
                f"| {clip} `{name}` | {before:.2f} | {after:.2f} | {np.median(moved):.2f}, "
                f"{np.percentile(moved, 99):.2f} | {100 * kept[0]:.0f} % | {100 * kept[1]:.0f} % |"
            )


def main() -> None:
    """Read the arguments and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--track", action="store_true", help="also follow faces, as extract does")
    arguments = parser.parse_args()
    tracker = Tracker(follow=arguments.track)
    on_known_movement(tracker, arguments.frames)
    on_clips(tracker, arguments.workspace)


if __name__ == "__main__":
    main()
