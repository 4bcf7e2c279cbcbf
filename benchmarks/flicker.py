"""Flicker of converted faces with and without averaging of their masks over frames.

    python -m benchmarks.flicker [--workspace workspace [--model model_H64]]

Flicker is the mean Lab distance between the frame-to-frame change of the face's mean color and that
of the footage in the same place. First a synthetic face with known noise and an unstable mask;
then, with --workspace, the demo's footage and model.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from utils import device

device.select(device.EngineOptions(cpu_only=True))

import numpy as np
import test_mask_history as drawn

from converters import predictor as predictors
from converters.blending.blender import Blender
from converters.look import Look
from converters.pipeline import Pipeline
from converters.predictor import Predictor
from facelib import geometry
from facelib.color_transfer import COLORS
from facelib.faceset import FaceInfo, Faceset
from facelib.landmarks import hull_mask
from facelib.types import FaceType
from tools.evaluate.metrics import mean_lab
from utils.images import Image, to_float
from utils.video.frame import Frame
from utils.video.io import open_source

SIDE = 64
LOOKS = {
    "overlay, no transfer": {},
    **{f"overlay, {name}": {"color_transfer": name} for name in COLORS},
    **{name: {"mode": name} for name in ("hist-match", "seamless", "seamless-hist-match")},
    "seamless, mkl": {"mode": "seamless", "color_transfer": "mkl"},
}
Item = tuple[Frame, list[FaceInfo]]


def face_colors(images: list[Image], infos: list[FaceInfo]) -> np.ndarray:
    """Return the mean Lab color inside the hull of each image's face, (n, 3)."""
    colors = []
    for image, info in zip(images, infos, strict=True):
        matrix = geometry.crop_matrix(info.source_landmarks, SIDE, FaceType.HALF)
        hull = hull_mask(geometry.apply(matrix, info.source_landmarks), (SIDE, SIDE))[..., 0]
        colors.append(mean_lab(to_float(geometry.warp_face(image, matrix, SIDE)), hull))
    return np.array(colors)


def flicker(items: list[Item], model: Predictor, mask: str, **look: object) -> float:
    """Convert the frames and return the flicker beyond the footage's own."""
    blender = Blender(Look(mask_type=mask, **look), model.base_erode, model.base_blur)
    done = Pipeline(model, lambda _: blender, 8).run(iter(items))
    infos = [infos[0] for _, infos in items]
    pairs = [result.frame.image for result in done], [frame.image for frame, _ in items]
    after, before = (np.diff(face_colors(images, infos), axis=0) for images in pairs)
    return float(np.linalg.norm(after - before, axis=1).mean())


def cached(model: Predictor) -> Predictor:
    """Return a predictor that predicts each face only once, at a morph factor of 1."""
    known: dict[bytes, tuple[np.ndarray, np.ndarray | None]] = {}

    def swap(crops: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        for crop in crops:
            if crop.tobytes() not in known:
                [known[crop.tobytes()]] = model([crop], 1)
        faces, masks = zip(*(known[crop.tobytes()] for crop in crops), strict=True)
        return np.stack(faces), None if masks[0] is None else np.stack(masks)

    return replace(model, swap=swap, morphs=False)


def report(title: str, items: list[Item], model: Callable[[], Predictor], mask: str) -> None:
    """Print the flicker of every look, for several numbers of frames averaged."""
    counts = (1, 2, 4, 8, 16)
    own = np.diff(
        face_colors([frame.image for frame, _ in items], [i[0] for _, i in items]), axis=0
    )
    change = np.linalg.norm(own, axis=1).mean()
    print(
        f"{title}, {len(items)} frames that change by {change:.3f}; averaged over {counts} frames"
    )
    for name, look in LOOKS.items():
        values = [flicker(items, model(), mask, color_frames=n, **look) for n in counts]
        print(f"  {name:22}" + "".join(f"{value:8.3f}" for value in values))


def drawn_items() -> list[Item]:
    """A still face with noise of 4 gray levels."""
    frames, landmarks = drawn.footage(40)
    return [
        (Frame(image, i, f"{i:06d}.png", None), [drawn.make_info(landmarks, frame_index=i)])
        for i, image in enumerate(frames)
    ]


def demo_items(workspace: Path) -> Iterator[Item]:
    """The demo's dst and its faces."""
    faces = Faceset.open(workspace / "data_dst" / "aligned").by_frame()
    for frame in open_source(workspace / "data_dst.mp4"):
        stem = Path(frame.name).stem
        if stem in faces:
            yield frame, faces[stem][:1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--model", default="model", help="name of the model folder in it")
    args = parser.parse_args()
    report("a synthetic face, its mask unstable", drawn_items(), drawn.predictor, "predicted")
    if args.workspace:
        model = cached(predictors.load(args.workspace / args.model))
        items = list(demo_items(args.workspace))
        for mask in ("predicted", "hull"):
            report(f"the demo, {model.name}, mask {mask}", items, lambda: model, mask)


if __name__ == "__main__":
    main()
