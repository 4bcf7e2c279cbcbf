"""The work on pixels before and after: this checkout and another one in turns, CPU milliseconds.

    git worktree add /tmp/before <commit>
    python benchmarks/pixels.py --before /tmp/before [--only blend] [--rounds 15]

Each checkout runs in a process of its own, with one OpenCV thread; both take turns, case by case,
so other programs slow them down alike. Outputs are compared too. Quote the ratios.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from pathlib import Path
from statistics import median

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
Case = Callable[[], object]
SHRINKS = (2, 4, 5.5, 8, 16)


def cases() -> dict[str, Case]:
    """Return what is measured, by name, of the checkout that comes first on the path."""
    from support.blending import TINT, make_swap, scene
    from support.synthetic import make_landmarks

    from converters import BLENDS
    from converters.blending.blender import Blender
    from converters.blending.high_bit_depth import restore_16_bit
    from converters.look import Look
    from facelib.geometry import warp_face
    from utils import allocator

    allocator.keep_buffers()  # as the program does
    cv2.setNumThreads(1)
    found: dict[str, Case] = {}
    rng = np.random.default_rng(0)

    image16 = rng.integers(0, 65536, (1080, 1920, 3), dtype=np.uint16)
    before = np.rint(image16 / 257).astype(np.uint8)
    for name, size in (("no face", 0), ("a face of 300 pixels", 300), ("all of it", 1920)):
        after = before.copy()
        after[:size, :size] //= 2
        found[f"10 bits, {name}"] = partial(restore_16_bit, image16, before, after)
    layer = np.dstack([after, after[..., 0]])
    found["10 bits, all of it, alpha"] = partial(restore_16_bit, image16, before, layer)

    try:
        from converters.blending.compositing import composite
    except ImportError:  # the other checkout is older
        composite = plain_composite
    for size in (330, 760):
        foreground, mask = rng.random((size, size, 3), np.float32), rng.random((size, size), "f")
        part = before[100 : 100 + size, 100 : 100 + size]
        found[f"composite alone, {size} pixels"] = partial(composite, part, foreground, mask)

    picture = cv2.GaussianBlur(rng.integers(0, 256, (512, 512, 3), dtype=np.uint8), (0, 0), 1.5)
    points = make_landmarks(center=(222, 125), width=105)
    for size in (300, 700):
        frame, landmarks = scene(picture, points, size / 105, shape=(1080, 1920))
        swap = make_swap(frame, landmarks, 256, tint=TINT)
        looks = {mode: Look(mode=mode) for mode in BLENDS} | {"overlay, alpha": Look(alpha=True)}
        for name, look in looks.items():
            blend = partial(Blender(look, 20, 30), frame, [swap])
            found[f"blend {name}, {size} pixels"] = lambda blend=blend: blend().image

    photo = cv2.resize(picture, (2000, 2000), interpolation=cv2.INTER_CUBIC)
    for kind in (photo, photo.astype(np.float32) / 255):
        for factor in SHRINKS:
            matrix = cv2.getRotationMatrix2D((1000, 1000), 17, 1 / factor)
            matrix[:, 2] += 56 - 1000
            found[f"shrink {factor} times, {kind.dtype}"] = partial(warp_face, kind, matrix, 112)
    return found


def plain_composite(background: np.ndarray, foreground: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Composite as the program did before it worked a few rows at a time."""
    levels = background.astype(np.float32)
    blended = levels + (foreground * np.float32(255) - levels) * mask[..., None]
    return np.rint(blended).astype(np.uint8)


def serve(root: Path, only: str) -> None:
    """Run a case of a checkout each time its name comes in; answer with CPU time and a digest."""
    sys.path[:0] = [str(root), str(root / "tests")]
    found = {name: case for name, case in cases().items() if only in name}
    print("\t".join(found), flush=True)
    for line in sys.stdin:
        case = found[line.rstrip("\n")]
        start = time.process_time()
        result = case()
        seconds = time.process_time() - start
        print(seconds, blake2b(memoryview(result).cast("B"), digest_size=8).hexdigest(), flush=True)


class Checkout:
    """A process that runs the cases of one checkout."""

    def __init__(self, root: Path, only: str) -> None:
        command = [sys.executable, __file__, "--serve", str(root), "--only", only]
        self.process = subprocess.Popen(
            command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.names = self.process.stdout.readline().rstrip("\n").split("\t")

    def run(self, name: str) -> tuple[float, str]:
        """Return the CPU milliseconds of a case and a digest of its result."""
        print(name, file=self.process.stdin, flush=True)
        seconds, digest = self.process.stdout.readline().split()
        return 1000 * float(seconds), digest


def compare(before: Path, only: str, rounds: int) -> None:
    """Print the cases of two checkouts that run in turns."""
    old, new = Checkout(before, only), Checkout(ROOT, only)
    print(f"{'CPU-ms':36}  before   after  ratio")
    for name in new.names:
        results = [(old.run(name), new.run(name)) for _ in range(rounds + 1)][1:]
        one, other = (median(result[side][0] for result in results) for side in (0, 1))
        same = all(a[1] == b[1] for a, b in results)
        equal = "equal" if same else "not equal"
        print(f"{name:36} {one:7.2f} {other:7.2f} {one / other:6.2f}  {equal}", flush=True)
    for checkout in (old, new):
        checkout.process.stdin.close()
        checkout.process.wait()


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="the other checkout")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.only)
    elif args.before:
        compare(args.before.resolve(), args.only, args.rounds)
    else:
        parser.error("--before: name a checkout to compare with (git worktree add)")


if __name__ == "__main__":
    main()
