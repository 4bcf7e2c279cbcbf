"""Time a training step beside the plain Keras form of the same network, in one run, turn by turn.

    python benchmarks/training_step.py [--full] [--batch-size 8]

Plain: `compile` and `train_on_batch`, the encoder called once for each side, `tf.image.ssim`,
Keras' own Adam and convolutions. Ours: the step that `train` runs. Quote ratios, not seconds.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils import device

device.select(device.DeviceOptions(cpu_only=True))
device.tune()

import keras
import numpy as np
import tensorflow as tf

from models import MODELS, acceleration
from models.base import Batch, ModelBase
from trainer.step import Step


def samples(batch_size: int, side: int) -> Batch:
    """Return one side's uint8 samples."""
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (batch_size, side, side, 3), np.uint8)
    mask = np.zeros((batch_size, side, side, 1), np.uint8)
    mask[:, side // 8 : -side // 8, side // 8 : -side // 8] = 255
    return Batch(np.roll(faces, 1, 1), faces, mask)


class Plain:
    """The same networks as one compiled Keras model."""

    def __init__(self, model: ModelBase, learning_rate: float) -> None:
        side = model.resolution
        encoder = model.networks["encoder"]
        inputs, outputs, losses = [], [], []
        for name in ("src", "dst"):
            face = keras.Input((side, side, 3), name=name)
            area = keras.Input((side, side, 1), name=f"{name}_area")
            image, mask = model.networks[f"decoder_{name}"](encoder(face))
            inputs += [face, area]
            outputs += [image * area, mask]
            losses += [self._dssim, "mae"]
        self.model = keras.Model(inputs, outputs)
        optimizer = keras.optimizers.Adam(learning_rate, beta_1=0.5, beta_2=0.999)
        self.model.compile(optimizer=optimizer, loss=losses)

    @staticmethod
    def _dssim(target: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
        return (1 - tf.image.ssim(target, predicted, 1.0)) / 2

    def __call__(self, src: Batch, dst: Batch) -> None:
        """Train on two uint8 batches."""
        x, y = [], []
        for side in (src, dst):
            warped, target, mask = (part.astype(np.float32) / 255 for part in side)
            x += [warped, mask]
            y += [target * mask, mask]
        self.model.train_on_batch(x, y)


def main() -> None:
    """Run both forms turn by turn and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="H64", choices=MODELS.names)
    parser.add_argument("--full", action="store_true", help="not the lightweight network")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    cls = MODELS.load(chosen.model)
    options = cls.Options(lightweight=not chosen.full)

    plain = Plain(cls(options), 5e-5)
    model = cls(options)
    acceleration.accelerate(model.networks.values())
    forms = {"plain Keras": plain, "ours": Step(model, 5e-5)}
    src = dst = samples(chosen.batch_size, model.resolution)
    wall: dict[str, list[float]] = {name: [] for name in forms}
    cpu: dict[str, list[float]] = {name: [] for name in forms}
    for turn in range(chosen.rounds + 2):
        for name, step in forms.items():
            start, used = time.perf_counter(), time.process_time()
            step(src, dst)
            if turn >= 2:  # the first calls trace and allocate
                wall[name].append(time.perf_counter() - start)
                cpu[name].append(time.process_time() - used)
    kind = "full" if chosen.full else "lightweight"
    print(f"{chosen.model} {kind}, batch {chosen.batch_size}, {chosen.rounds} rounds, medians")
    for name in forms:
        seconds, work = float(np.median(wall[name])), float(np.median(cpu[name]))
        rate = 2 * chosen.batch_size / seconds
        print(f"  {name:12} {seconds:6.3f} s/iteration  {work:6.3f} CPU-s  {rate:6.1f} samples/s")
    pairs = zip(wall["plain Keras"], wall["ours"], strict=True)
    work_pairs = zip(cpu["plain Keras"], cpu["ours"], strict=True)
    print(f"  ratio        {np.median([a / b for a, b in pairs]):.2f}x wall, "
          f"{np.median([a / b for a, b in work_pairs]):.2f}x CPU")  # fmt: skip
    print(
        f"  peak memory  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB (both)"
    )


if __name__ == "__main__":
    main()
