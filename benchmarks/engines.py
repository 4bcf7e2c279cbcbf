"""Compare a training step of both engines, taking turns in one run.

    python -m benchmarks.engines [--model H64] [--option lightweight=true] [--batch-size 8]

Each engine has a process of its own, which computes only when it is its turn. Needs both installed.
Quote ratios, not seconds; those of the CPU seconds if other programs share the processor.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HOUSE = Path(__file__).resolve().parent.parent
ENGINES = ("tensorflow", "torch")


def main() -> None:
    """Run both in turns and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="H64")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=JSON")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--engine", choices=ENGINES, help="only be the process of this one")
    chosen = parser.parse_args()
    if chosen.engine:
        take_turns(chosen)
        return
    threads = {"OMP_NUM_THREADS": str(chosen.threads)} if chosen.threads else {}
    children = {name: _child(name, threads) for name in ENGINES}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ENGINES}
    for turn in range(chosen.rounds + 1):
        for name, child in children.items():
            print(file=child.stdin, flush=True)
            wall, cpu = json.loads(child.stdout.readline())
            if turn:  # the first one compiles and allocates
                found[name].append((wall, cpu))
    print(f"{chosen.model} {' '.join(chosen.option)}, batch {chosen.batch_size}, medians")
    for name, child in children.items():
        child.communicate()
        wall, cpu = np.median(found[name], axis=0)
        print(f"  {name:12} {wall:6.3f} s/iteration  {cpu:6.3f} CPU-s")
    ratio = np.median(np.divide(found["torch"], found["tensorflow"]), axis=0)
    print(f"  torch takes  {ratio[0]:.2f}x wall, {ratio[1]:.2f}x CPU")


def _child(name: str, variables: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.engines", *sys.argv[1:], "--engine", name],
        env=os.environ | variables | {"KERAS_BACKEND": name, "OMP_WAIT_POLICY": "PASSIVE"},
        cwd=HOUSE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def take_turns(chosen: argparse.Namespace) -> None:
    """Do a step for each line that comes in, and write how long it took."""
    from facelib.expression import NAMES
    from models import MODELS
    from models.base import Batch
    from models.engine import engine

    engine().tune()
    if chosen.threads and chosen.engine == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(chosen.threads)
    cls = MODELS.load(chosen.model)
    given = (text.partition("=") for text in chosen.option)
    model = cls(cls.Options(**{name: json.loads(value) for name, _, value in given}))
    model.add_critics()
    engine().accelerate(model.trained.values())
    step = engine().Step(model, 5e-5)

    rng, side = np.random.default_rng(0), model.resolution
    faces = rng.integers(0, 256, (chosen.batch_size, side, side, 3), np.uint8)
    mask = np.zeros((chosen.batch_size, side, side, 1), np.uint8)
    mask[:, side // 8 : -side // 8, side // 8 : -side // 8] = 255
    expression = rng.integers(0, 256, (chosen.batch_size, len(NAMES)), np.uint8)
    batch = Batch(np.roll(faces, 1, 1), faces, mask, np.full_like(mask, 255), mask, expression)
    for _ in sys.stdin:
        start, used = time.perf_counter(), time.process_time()
        step(batch, batch)
        print(json.dumps([time.perf_counter() - start, time.process_time() - used]), flush=True)


if __name__ == "__main__":
    main()
