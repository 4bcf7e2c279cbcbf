"""Learn masks from a few labels, and compare the network's speed with that of plain convolutions.

    python -m benchmarks.mask learn --output curve.json --labels 20 --cpu-seconds 600
    python -m benchmarks.mask speed
    python -m benchmarks.mask convert --workspace workspace --mask-model-dir mask_model

`learn` draws faces that things hide (`tests/support/masked.py`; training draws things of other
kinds), trains on some labeled and some unlabeled ones, and measures on held-out faces of the same
people and of strangers: overlap (IoU), and edges within 2 pixels of 256. CPU seconds are those of
the whole process from the second step on, samples included, measuring excluded: other programs may
run beside it.

`speed` is CPU time a face of one thread, beside a U-Net of plain 3 x 3 convolutions as wide as
DeepFaceLab's XSeg: 32 to 256 channels at full size and below, and a dense bottleneck.

`convert` is the time of a conversion in a workspace with trained masks beside hulls, in turns; both
networks are loaded before.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from utils import device

device.select(device.EngineOptions(cpu_only=True))

import keras
import numpy as np
import tensorflow as tf
from support.masked import make_masked_faceset

from converters import convert, predictor
from converters.options import ConvertOptions
from facelib.faceset import Faceset
from models.backend import Tensor
from models.base import ModelBase
from models.engine import engine
from models.mask import Mask
from models.mask_predictor import MaskPredictor
from trainer.assembly import open_session
from trainer.data.loader import BatchLoader
from trainer.data.mask_sampler import MaskSampler
from trainer.data.sampler import SamplerSettings
from trainer.mask_task import MaskTask
from trainer.monitoring.mask_validation import MaskValidation
from trainer.monitoring.predict import FacePredictor
from trainer.options import options_class
from utils.workspace import Workspace

TESTED = 64  # faces
WIDTHS = ((32, 2), (64, 2), (128, 3), (256, 3), (256, 3), (256, 3))  # channels, convolutions
CODE = 512


def learn(chosen: argparse.Namespace) -> None:
    """Train until the CPU seconds are used up, and record the curve."""
    engine().tune()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        count = chosen.labels + chosen.others
        every = max(1, count // chosen.labels)
        for side in ("src", "dst"):  # the same people, half of the labels each
            first = 0 if side == "src" else 1
            labeled = set(range(first * every, count, 2 * every))
            seed = 1 + first
            make_masked_faceset(folder / side, count // 2 * 2, seed, seed, labeled)
        for name, cast in (("held out", 1), ("strangers", 3)):
            make_masked_faceset(folder / name, TESTED, 77, cast)
        options = options_class("MASK")(
            training_data_src_dir=folder / "src",
            training_data_dst_dir=folder / "dst",
            model_dir=folder / "model",
            model="MASK",
            seed=chosen.seed,
            target_minutes=chosen.cpu_seconds / 60,
        )
        session = open_session(options)
        task = MaskTask(options)
        sides = [Faceset.open(folder / side) for side in ("src", "dst")]
        samplers = task.samplers(session, *sides)
        settings = SamplerSettings(session.model.face_type, session.model.resolution)
        tests = {
            name: MaskValidation([
                MaskSampler(list(Faceset.open(folder / name)), [], settings, (0,))
            ])
            for name in ("held out", "strangers")
        }
        predictor = FacePredictor(session.output_model)
        curve, used, due = [], 0.0, 0.0
        with BatchLoader(samplers.src, samplers.dst, session.samples) as loader:
            session.train(*loader.next())  # traces; not counted
            while used < chosen.cpu_seconds:
                started = time.process_time()
                while used + time.process_time() - started < min(due, chosen.cpu_seconds):
                    session.train(*loader.next())
                    session._earlier = used + time.process_time() - started  # the schedule's clock
                used += time.process_time() - started
                due = used + chosen.every
                point = {"iteration": session.iteration, "cpu_seconds": round(used, 1)}
                for name, test in tests.items():
                    *_, predicted = test.predict(predictor)
                    metrics = test.metrics(predicted).items()
                    point |= {f"{name} {key}": round(value, 4) for key, value in metrics}
                curve.append(point)
                chosen.output.write_text(json.dumps(curve))
                print(curve[-1], flush=True)
        if chosen.model_dir is not None:
            folder.joinpath("model").mkdir(exist_ok=True)
            session.save()
            folder.joinpath("model").rename(chosen.model_dir)


def plain_network() -> "keras.Model":
    """Return the U-Net of plain convolutions."""

    def convolved(x: Tensor, channels: int) -> Tensor:
        return keras.layers.Conv2D(channels, 3, padding="same", activation="relu")(x)

    face = x = keras.Input((256, 256, 3))
    passed = []
    for channels, count in WIDTHS:
        for _ in range(count):
            x = convolved(x, channels)
        passed.append(x)
        x = keras.layers.AveragePooling2D(2)(x)
    shape = x.shape[1:]
    x = keras.layers.Dense(CODE, activation="relu")(keras.layers.Flatten()(x))
    x = keras.layers.Dense(int(np.prod(shape)), activation="relu")(x)
    x = keras.layers.Reshape(shape)(x)
    for (channels, count), left in zip(WIDTHS[::-1], passed[::-1], strict=True):
        x = convolved(keras.layers.UpSampling2D(2)(x), channels)
        x = keras.layers.Concatenate()([x, left])
        for _ in range(count):
            x = convolved(x, channels)
    return keras.Model(face, keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))


def cpu_milliseconds(network: "keras.Model", count: int, rounds: int) -> float:
    """Return the median CPU time a face, in batches of `count`."""

    @tf.function(input_signature=[tf.TensorSpec((None, 256, 256, 3), tf.uint8)])
    def graph(faces: Tensor) -> Tensor:
        return network(tf.cast(faces, tf.float32) * (1 / 255))

    faces = tf.constant(np.random.default_rng(0).integers(0, 256, (count, 256, 256, 3), np.uint8))
    graph(faces)
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        graph(faces).numpy()
        taken.append((time.process_time() - started) / count * 1000)
    return float(np.median(taken))


def speed(chosen: argparse.Namespace) -> None:
    """Print the time of both networks, in turns."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model: ModelBase = Mask(Mask.Options())
    networks = {"MASK": model.networks["unet"], "plain": plain_network()}
    for count in (1, 8):
        times = {
            name: cpu_milliseconds(network, count, chosen.rounds if name == "MASK" else 3)
            for name, network in networks.items()
        }
        said = ", ".join(f"{name} {value:.1f} ms" for name, value in times.items())
        print(f"batch {count}: {said}, {times['plain'] / times['MASK']:.0f} x", flush=True)
    for name, network in networks.items():
        print(f"{name}: {network.count_params():,} parameters")


def conversion(chosen: argparse.Namespace) -> None:
    """Print the time of whole conversions with trained masks and without."""
    home = Workspace(chosen.workspace)
    model, masks = predictor.load(home.model), MaskPredictor(chosen.mask_model_dir)
    times: dict[str, list[float]] = {"hull": [], "trained": []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(chosen.rounds + 1):
            for kind, each in times.items():
                options = ConvertOptions(
                    input_dir=home.clip("dst"),
                    aligned_dir=home.faces("dst"),
                    model_dir=home.model,
                    mask_model_dir=chosen.mask_model_dir,
                    mask_type=kind,
                    output_dir=Path(folder) / "result.mp4",
                    overwrite=True,
                    ask=False,
                )
                begun = time.perf_counter()
                convert.run(options, model, masks)
                each += [time.perf_counter() - begun] if turn else []  # the first warms up
    hull, trained = (float(np.median(each)) for each in times.values())
    print(f"hull {hull:.2f} s, trained {trained:.2f} s: {trained / hull:.2f} times")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    learning = commands.add_parser("learn")
    learning.set_defaults(run=learn)
    learning.add_argument("--output", type=Path, required=True, help="the curve")
    learning.add_argument("--labels", type=int, default=20, help="labeled faces, of both sides")
    learning.add_argument("--others", type=int, default=60, help="unlabeled ones, of each side")
    learning.add_argument("--cpu-seconds", type=float, default=600)
    learning.add_argument(
        "--every", type=float, default=60, help="CPU seconds between measurements"
    )
    learning.add_argument("--model-dir", type=Path, help="where to keep the model; must not exist")
    learning.add_argument("--seed", type=int, default=1)
    timing = commands.add_parser("speed")
    timing.set_defaults(run=speed)
    timing.add_argument("--rounds", type=int, default=30)
    whole = commands.add_parser("convert")
    whole.set_defaults(run=conversion)
    whole.add_argument("--workspace", type=Path, required=True)
    whole.add_argument("--mask-model-dir", type=Path, required=True)
    whole.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    chosen.run(chosen)


if __name__ == "__main__":
    main()
