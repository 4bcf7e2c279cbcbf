"""What several machines gain: parts of one core each against one run on one core, and the join.

    python -m benchmarks.machines --clip clip.mp4 --model-dir model --out /tmp/machines

Each command is pinned to one core. Two parts run at the same time on a core each; as long as other
programs use these cores, compare CPU seconds: a worker that has a core for itself takes about as
long. Results go to `--out`, which must be new; they are compared at the end.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Cost(NamedTuple):
    """Seconds of the clock and of the processor."""

    wall: float
    cpu: float


def start(words: Sequence[str], core: int) -> tuple[subprocess.Popen[bytes], float]:
    """Start a command of the program on one core."""
    command = [sys.executable, str(ROOT / "main.py"), *words, "--no-ask"]
    pinned = ["taskset", "-c", str(core), *command]
    return subprocess.Popen(pinned, stdout=subprocess.DEVNULL), time.perf_counter()


def end(process: subprocess.Popen[bytes], begun: float) -> Cost:
    """Wait for a command."""
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {process.args}")
    return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime)


def compare(words: Sequence[str], one: Path, two: Path, parts: int) -> None:
    """Print what one run costs, and what parts of it and their join do."""
    whole = end(*start([*words, "--output-dir", str(one)], 0))
    costs = []
    for first in range(1, parts + 1, 2):
        at_work = [
            start([*words, "--output-dir", str(two), "--part", f"{number}/{parts}"], number % 2)
            for number in (first, first + 1)
            if number <= parts
        ]
        costs += [end(*each) for each in at_work]
    join = end(*start([*words, "--output-dir", str(two), "--part", "join"], 0))
    all_cpu = sum(cost.cpu for cost in costs) + join.cpu
    slower = [sum(cost.cpu for cost in costs[core::2]) for core in (0, 1)]
    print(f"one run             {whole.cpu:8.1f} CPU-s {whole.wall:8.1f} s")
    for number, cost in enumerate(costs, 1):
        print(f"part {number}/{parts}            {cost.cpu:8.1f} CPU-s {cost.wall:8.1f} s")
    print(f"join                {join.cpu:8.1f} CPU-s {join.wall:8.1f} s")
    print(f"parts and join cost {100 * (all_cpu / whole.cpu - 1):8.1f} % more")
    print(f"two workers are     {whole.cpu / (max(slower) + join.cpu):8.2f} times as fast")


def run() -> None:
    """Measure both stages, or conversion with faces that are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--aligned-dir", type=Path, help="convert only, with these faces")
    parser.add_argument("--parts", type=int, default=2)
    given = parser.parse_args()
    given.out.mkdir()
    faces = given.aligned_dir
    if faces is None:
        faces, in_parts = folders = given.out / "faces", given.out / "faces_in_parts"
        print("extract", flush=True)
        compare(["extract", "--input-dir", str(given.clip)], faces, in_parts, given.parts)
        files = [{path.name: path.read_bytes() for path in each.iterdir()} for each in folders]
        print("files are equal:", files[0] == files[1])
    convert = ["convert", "--input-dir", str(given.clip), "--aligned-dir", str(faces)]
    convert += ["--model-dir", str(given.model_dir)]
    print("convert", flush=True)
    compare(convert, given.out / "one.mp4", given.out / "parts.mp4", given.parts)


if __name__ == "__main__":
    run()
