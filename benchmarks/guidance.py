"""How soon a command says something, how long it is silent, and how soon Ctrl-C is answered.

    python -m benchmarks.guidance [--workspace workspace] [--rounds 3]

Every command runs in a pseudo-terminal of its own, on a copy of the workspace's two clips, as often
as `--rounds` says; the smallest of each figure counts, because other programs only add to it. Aims:
the first output within 1 s; no silence over 3 s but after a line that says what takes long ("...");
Ctrl-C answered within 0.2 s, whatever is being done; a wrong use refused, and help and `status`
shown, within 0.5 s. Returns 1 if one is missed.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from math import inf
from pathlib import Path
from shutil import copy2
from typing import NamedTuple

import pexpect

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.wrong_uses import WRONG_USES, make_workspace

from benchmarks.people import CLIPS

FIRST, SILENCE, ANSWER, REFUSAL = 1.0, 3.0, 0.2, 0.5  # aims, seconds
QUICK = ("--help", "train --help", "convert --help", "status")
STAGES = (
    "extract dst",
    "extract src",
    "sort src --by hist",
    "train --model Quick96 --target-iter 12",
    "train --target-iter 24",
    "convert",
    "evaluate",
)
STOPPED = {
    "sort src --by identity": ("Measuring",),
    "train": ("recognizing", "loading TensorFlow", "building", "compiling", "ms  src"),
    "convert --overwrite": ("loading TensorFlow", "Converting"),
    "evaluate": ("Evaluating",),
    "extract dst --overwrite": ("opening the footage", "Extracting"),  # last: no faces are left
}
"""Words of a command, and after which outputs of it Ctrl-C is pressed."""
PAUSE = 0.3  # seconds from there to Ctrl-C


class Watched(NamedTuple):
    """How a command went: seconds, and the last line before the longest silence."""

    total: float
    first: float
    silence: float
    before: str
    answer: float


def watch(words: str, folder: Path, stop_after: str = "") -> Watched:
    """Run a command in a pseudo-terminal; press Ctrl-C some time after an output."""
    child = pexpect.spawn(
        sys.executable,
        [str(ROOT / "main.py"), *words.split(), "--no-ask"],
        cwd=str(folder),
        env={name: value for name, value in os.environ.items() if name != "DISPLAY"},
        encoding="utf-8",
        dimensions=(40, 120),
    )
    started = last = time.perf_counter()
    said, first, silence, before = "", 0.0, 0.0, ""
    due, pressed, answer = inf, 0.0, inf
    while True:
        if not pressed and time.perf_counter() > due:
            child.sendintr()
            pressed = time.perf_counter()
        try:
            text = child.read_nonblocking(4096, timeout=0.02)
        except pexpect.TIMEOUT:
            continue
        except pexpect.EOF:
            break
        now = time.perf_counter()
        first = first or now - started
        if said and now - last > silence:
            silence, before = now - last, last_line(said)
        last, said = now, said + text
        if pressed and "stopp" in said.lower():
            answer = min(answer, now - pressed)
        if stop_after and stop_after in said:
            due = min(due, now + PAUSE)
    child.close()
    if not stop_after and child.exitstatus:
        raise RuntimeError(f"{words}: status {child.exitstatus}\n{said[-2000:]}")
    return Watched(last - started, first, silence, before, answer)


def last_line(said: str) -> str:
    """Return the last line that a terminal shows."""
    shown = re.split(r"[\r\n]+", re.sub(r"\x1b\[\w", "", said).rstrip())
    return shown[-1][:48]


def stages(folder: Path, rounds: int) -> bool:
    """Run every stage from two clips on, print a table, and return whether all aims are met."""
    runs: dict[str, list[Watched]] = {words: [] for words in STAGES}
    for number in range(rounds):
        place = folder / str(number)
        place.mkdir()
        for clip in CLIPS:
            copy2(folder / clip, place / clip)
        for words in STAGES:
            runs[words].append(watch(words, place))
    print("\n| command | all, s | first output, s | longest silence, s | after |")
    print("|---|---|---|---|---|")
    fine = True
    for words, watched in runs.items():
        total, first = min(run.total for run in watched), min(run.first for run in watched)
        _, _, silence, before, _ = min(watched, key=lambda run: run.silence)
        fine &= first <= FIRST and (silence <= SILENCE or before.endswith("..."))
        print(f"| `{words}` | {total:.1f} | {first:.2f} | {silence:.1f} | {before} |")
    return fine


def answers(folder: Path, rounds: int) -> bool:
    """Press Ctrl-C in every stage, print a table, and return whether all are answered in time."""
    print("\n| command | Ctrl-C after | answered after, s |\n|---|---|---|")
    fine = True
    for words, outputs in STOPPED.items():
        for output in outputs:
            took = []
            for _ in range(rounds):
                if output == "recognizing":
                    (folder / "model" / "people.json").unlink(missing_ok=True)
                took.append(watch(words, folder, output).answer)
            fine &= min(took) <= ANSWER
            print(f"| `{words}` | {output} | {min(took):.2f} |")
    return fine


def quick(folder: Path, rounds: int) -> bool:
    """Time what must end at once, print the slowest, and return whether all are fast enough."""
    print("\n| | median, s | slowest, s | which |\n|---|---|---|---|")
    fine = True
    for title, uses in ((f"{len(WRONG_USES)} wrong uses", list(WRONG_USES)), ("others", QUICK)):
        found = sorted(
            (min(seconds(words.split(), folder) for _ in range(rounds)), words) for words in uses
        )
        (slowest, which), (median, _) = found[-1], found[len(found) // 2]
        fine &= slowest <= REFUSAL
        print(f"| {title} | {median:.2f} | {slowest:.2f} | `{which}` |")
    return fine


def seconds(words: Sequence[str], folder: Path) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, str(ROOT / "main.py"), *words], cwd=folder, capture_output=True)
    return time.perf_counter() - start


def main() -> int:
    """Measure, print three tables, and return 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for clip in CLIPS:
            copy2(arguments.workspace / clip, folder / clip)
        (folder / "wrong").mkdir()
        fine = [
            stages(folder, arguments.rounds),
            answers(folder / "0", arguments.rounds),
            quick(make_workspace(folder / "wrong"), arguments.rounds),
        ]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
