"""Train for some CPU seconds and record how well held-out faces are reconstructed.

    python -m benchmarks.learning workspace --model-dir model --output curve.json \
        --cpu-seconds 600 --model H64 --option lightweight=true --option 'preset="original"'

Blocks of neighboring frames of each person are held out, chosen as `train` does. Measured: SSIM
inside the hull of the face, mean over up to 12 faces of each person. CPU seconds are those of the
steps alone, so other programs may run beside it. The model is saved at the end and can be converted
and evaluated.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from models.engine import engine
from utils import device

device.select(device.EngineOptions(cpu_only=True))
engine().tune()

import numpy as np

from facelib import held_out
from facelib.faceset import FaceFiles, Faceset
from facelib.similarity import masked_ssim, spread_out
from models import MODELS
from models.base import ModelBase
from trainer.assembly import open_session, sampler_settings
from trainer.data.loader import BatchLoader
from trainer.data.sampler import Sampler, SamplerSettings
from trainer.options import TrainOptions, options_class
from trainer.session import TrainingSession

Point = dict[str, Any]
MAX_FACES = 12  # measured, of each person


def split(folder: Path, *, expressive: bool) -> tuple[FaceFiles, FaceFiles]:
    """Return the faces to train on and those to measure with."""
    faces = Faceset.open(folder)
    trained, measured = held_out.choose(faces, expressive=expressive).split(faces)
    return trained, [measured[index] for index in spread_out(len(measured), MAX_FACES)]


class HeldOutSSIM:
    """Measures how well a model reconstructs held-out faces."""

    def __init__(self, model: ModelBase, faces: Sequence[FaceFiles]) -> None:
        settings = SamplerSettings(model.face_type, model.resolution)
        samplers = [Sampler(side, settings, (0,)) for side in faces]
        images = [[s.plain(i) for i in range(len(s.faces))] for s in samplers]
        self.images = [np.stack(side).astype(np.float32) / 255 for side in images]
        self.model = model

    def __call__(self) -> list[float]:
        """Return the SSIM of src and of dst."""
        count = min(map(len, self.images))
        src, dst = (side[:count, ..., :3] for side in self.images)
        reconstructed = self.model.reconstruct(src, dst)
        return [
            self._mean(side, prediction.image)
            for side, prediction in zip(self.images, reconstructed, strict=True)
        ]

    @staticmethod
    def _mean(faces: np.ndarray, outputs: Sequence[np.ndarray]) -> float:
        pairs = zip(faces, outputs, strict=False)
        return float(np.mean([masked_ssim(f[..., :3], np.asarray(o), f[..., 3]) for f, o in pairs]))


def train(
    session: TrainingSession, options: TrainOptions, budget: float, last: int, every: int
) -> Iterator[Point]:
    """Train until the CPU seconds or iterations are used up; yield each measurement."""
    model, size = session.model, session.samples
    folders = options.training_data_src_dir, options.training_data_dst_dir
    parts = [
        split(folder, expressive=side == "dst")
        for side, folder in zip(held_out.SIDES, folders, strict=True)
    ]
    measure = HeldOutSSIM(session.output_model, [measured for _, measured in parts])
    settings = sampler_settings(options, model)
    (src_faces, _), (dst_faces, _) = parts
    dst = Sampler(dst_faces, settings, (session.seed, 1))
    src = Sampler(src_faces, settings, (session.seed, 0), partners=dst)
    used = 0.0
    losses: list[list[float]] = []
    with BatchLoader(src, dst, size, first=session.iteration) as loader:
        session.train(*loader.next())  # traces; not counted
        ended = False
        while not ended:
            batches = loader.next()
            started = time.process_time()
            losses.append(list(session.train(*batches).losses.values()))
            used += time.process_time() - started
            ended = used >= budget or session.iteration >= last
            if ended or session.iteration % every == 0:
                yield {
                    "iteration": session.iteration,
                    "cpu_seconds": round(used, 1),
                    "ssim": measure(),
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
    parser.add_argument("workspace", type=Path, help="with data_src/aligned and data_dst/aligned")
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="the curve")
    parser.add_argument("--model", default="H64", choices=MODELS.names)
    parser.add_argument("--option", type=option, action="append", default=[], metavar="NAME=JSON")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--cpu-seconds", type=float, default=600)
    parser.add_argument("--iterations", type=int, default=10**9, help="stop after so many")
    parser.add_argument("--every", type=int, default=50, help="iterations between measurements")
    parser.add_argument("--plain", action="store_true", help="TensorFlow's own convolutions")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    folders = [chosen.workspace / side / "aligned" for side in ("data_src", "data_dst")]
    options = options_class(chosen.model)(
        training_data_src_dir=folders[0],
        training_data_dst_dir=folders[1],
        model_dir=chosen.model_dir,
        model=chosen.model,
        batch_size=chosen.batch_size,
        seed=chosen.seed,
        **dict(chosen.option),
    )
    session = open_session(options)
    if not chosen.plain:
        engine().accelerate(session.networks)
    curve = []
    for point in train(session, options, chosen.cpu_seconds, chosen.iterations, chosen.every):
        curve.append(point)
        chosen.output.write_text(json.dumps(curve))
        print(*(f"{name} {np.round(value, 4)}" for name, value in point.items()), flush=True)
    session.save()


if __name__ == "__main__":
    main()
