"""Compare a training step with DeepFaceLab's on the same networks, taking turns in one run.

    python -m benchmarks.training_step [--model H64] [--option lightweight=true] [--batch-size 8]

Original: `original_step.py`. Ours: the step that `train` runs. Quote ratios, not seconds; those of
the CPU seconds if other programs share the processor.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from models.engine import engine
from utils import device

device.select(device.EngineOptions(cpu_only=True))
engine().tune()

import numpy as np
import tensorflow as tf

from benchmarks.batches import samples
from benchmarks.learning import option
from benchmarks.original_step import OriginalStep
from models import MODELS
from models.base import Batch, ModelBase
from models.engine.step import TrainStep


def ours(model: ModelBase, learning_rate: float) -> TrainStep:
    """Return the step of `train` on a CPU."""
    engine().accelerate(model.networks.values())
    return engine().Step(model, learning_rate)


def main() -> None:
    """Run both in turns and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="H64", choices=MODELS.names)
    parser.add_argument("--option", type=option, action="append", default=[], metavar="NAME=JSON")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--only", choices=("original", "ours"), help="for its peak memory")
    chosen = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(chosen.threads)
    cls = MODELS.load(chosen.model)
    options = cls.Options(**dict(chosen.option))

    steps: dict[str, Callable[[Batch, Batch], object]] = {}
    for name in ("original", "ours"):
        if chosen.only in (None, name):
            model = cls(options)
            steps[name] = (ours if name == "ours" else OriginalStep)(model, 5e-5)
    batch = samples(chosen.batch_size, model.resolution)
    wall: dict[str, list[float]] = {name: [] for name in steps}
    cpu: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(chosen.rounds + 1):
        for name, step in steps.items():
            start, used = time.perf_counter(), time.process_time()
            step(batch, batch)
            if turn:  # the first call traces and allocates
                wall[name].append(time.perf_counter() - start)
                cpu[name].append(time.process_time() - used)
    given = " ".join(f"{name}={value}" for name, value in chosen.option)
    print(f"{chosen.model} {given}, batch {chosen.batch_size}, {chosen.rounds} rounds, medians")
    for name in steps:
        seconds, work = float(np.median(wall[name])), float(np.median(cpu[name]))
        rate = 2 * chosen.batch_size / seconds
        print(f"  {name:12} {seconds:6.3f} s/iteration  {work:6.3f} CPU-s  {rate:6.1f} samples/s")
    if len(steps) == 2:
        ratios = [np.median(np.divide(t["original"], t["ours"])) for t in (wall, cpu)]
        print(f"  ratio        {ratios[0]:.2f}x wall, {ratios[1]:.2f}x CPU")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory  {peak:.0f} MB ({' and '.join(steps)})")


if __name__ == "__main__":
    main()
