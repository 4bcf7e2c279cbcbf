"""Train on two folders of faces and record how well held-out faces are rebuilt, against CPU time.

    python -m benchmarks.learning workspace/data_src/aligned workspace/data_dst/aligned \
        --output curves/ours.json --iterations 3000 \
        --option lightweight=true [...]

Two blocks of neighbouring frames of each person are kept out (neighbours of a trained frame are
almost trained on). Measured: SSIM inside the hull of the face, mean over both persons. CPU seconds
are those of the steps alone, so they bear sharing the machine; evaluation is not counted.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils import device

device.select(device.DeviceOptions(cpu_only=True))
device.tune()

import keras
import numpy as np

from facelib.faceset import Faceset
from models import MODELS, acceleration
from models.base import ModelBase
from tools.measures import masked_ssim
from trainer.sampler import Feed, Sampler, Settings
from trainer.step import Step

KEPT_OUT = ((0.28, 0.36), (0.64, 0.72))  # of the frames, in order
MOST = 12  # faces of a person that are measured


def split(folder: Path) -> tuple[list, list]:
    """Return the faces to train on and those to measure with."""
    faces = sorted(Faceset.open(folder), key=lambda face: face[1].frame_index or 0)
    places = np.linspace(0, 1, len(faces))
    kept = [any(low <= place < high for low, high in KEPT_OUT) for place in places]
    trained = [face for face, out in zip(faces, kept, strict=True) if not out]
    measured = [face for face, out in zip(faces, kept, strict=True) if out]
    chosen = np.linspace(0, len(measured) - 1, min(MOST, len(measured))).round().astype(int)
    return trained, [measured[index] for index in chosen]


class Judge:
    """Measures how well a model rebuilds the faces that were kept out."""

    def __init__(self, model: ModelBase, faces: Sequence[list]) -> None:
        settings = Settings(model.face_type, model.resolution)
        samplers = [Sampler(side, settings, (0,)) for side in faces]
        pictures = [[s.plain(i) for i in range(len(s.faces))] for s in samplers]
        self.pictures = [np.stack(side).astype(np.float32) / 255 for side in pictures]
        self.model = model

    def __call__(self) -> list[float]:
        """Return the SSIM of src and of dst."""
        count = min(map(len, self.pictures))
        src, dst = (side[:count, ..., :3] for side in self.pictures)
        rebuilt = self.model.reconstruct(src, dst)
        return [
            float(np.mean([
                masked_ssim(face[..., :3], np.asarray(out), face[..., 3])
                for face, out in zip(side, faces.image, strict=False)
            ]))
            for side, faces in zip(self.pictures, rebuilt, strict=True)
        ]  # fmt: skip


def train(chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Train and yield what each measurement showed."""
    keras.utils.set_random_seed(chosen.seed)
    cls = MODELS.load(chosen.model)
    model = cls(cls.Options(**dict(chosen.option)))
    if not chosen.plain:
        acceleration.accelerate(model.networks.values())
    step = Step(model, chosen.learning_rate)
    parts = [split(folder) for folder in (chosen.src, chosen.dst)]
    judge = Judge(model, [measured for _, measured in parts])
    settings = Settings(model.face_type, model.resolution)
    src, dst = (
        Sampler(trained, settings, (chosen.seed, side)) for side, (trained, _) in enumerate(parts)
    )
    used = 0.0
    losses: list[list[float]] = []
    with Feed(src, dst, chosen.batch_size) as feed:
        step(*feed.next())  # traces; not counted
        for iteration in range(1, chosen.iterations + 1):
            started = time.process_time()
            losses.append(list(step(*feed.next()).losses.values()))
            used += time.process_time() - started
            if iteration % chosen.every == 0:
                yield {
                    "iteration": iteration,
                    "cpu_seconds": round(used, 1),
                    "ssim": judge(),
                    "losses": np.mean(losses, axis=0).tolist(),
                }
                losses.clear()


def option(text: str) -> tuple[str, Any]:
    """Read NAME=JSON."""
    name, _, value = text.partition("=")
    return name, json.loads(value)


def main() -> None:
    """Read the command line, train, and write the curve after every measurement."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("src", type=Path)
    parser.add_argument("dst", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--model", default="H64", choices=MODELS.names)
    parser.add_argument("--option", type=option, action="append", default=[], metavar="NAME=JSON")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--iterations", type=int, default=3000)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--plain", action="store_true", help="TensorFlow's own convolutions")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    curve = []
    for point in train(chosen):
        curve.append(point)
        chosen.output.write_text(json.dumps(curve))
        print(*(f"{name} {np.round(value, 4)}" for name, value in point.items()), flush=True)


if __name__ == "__main__":
    main()
