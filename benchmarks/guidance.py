"""How long a command takes until it says something: wrong uses, help, status.

    python -m benchmarks.guidance

Each is a process of its own, from its start to its end, the best of three. A wrong use must be
refused within half a second, and so must `status` and help be.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.wrong_uses import WRONG_USES, make_workspace

ROUNDS = 3
LIMIT = 0.5  # seconds
RIGHT_USES = ("--help", "train --help", "convert --help", "status")


def seconds(words: Sequence[str], folder: Path) -> float:
    """Return how long a command takes, the best of three."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *words], cwd=folder, capture_output=True
        )
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> int:
    """Measure, print the slowest, and return 1 if one is too slow."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_workspace(Path(temporary))
        for title, uses in (("wrong uses", list(WRONG_USES)), ("help and status", RIGHT_USES)):
            found = sorted(
                ((seconds(words.split(), folder), words) for words in uses), reverse=True
            )
            print(f"{title} ({len(found)}): median {found[len(found) // 2][0]:.2f} s, slowest:")
            for took, words in found[:3]:
                print(f"  {took:.2f} s  {words}")
            if found[0][0] > LIMIT:
                print(f"  over the limit of {LIMIT} s")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
