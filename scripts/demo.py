"""The whole pipeline on two real clips: fetch, extract, sort, train, convert, evaluate.

Every step is a call of `main.py` that you could type yourself; it is shown before it runs. A second
run reuses what is there: extraction goes on where it stopped, and training continues up to the
total number of minutes.
"""

import argparse
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facelib.faceset import Faceset
from scripts.before_after import draw_sheet
from scripts.fetch_clips import fetch
from utils.console import error, say
from utils.errors import ExitStatus, UserError
from utils.files import move_to_trash, trash_dir

ROOT = Path(__file__).resolve().parent.parent
WORKSPACE = ROOT / "workspace"
CACHE = ROOT / ".cache" / "clips"

# The settings of the demo; `main.py train --help` and its like explain each.
MODEL = "H64"
BATCH_SIZE = 4
LEARNING_RATE = 2e-4
TRAINING = (
    "--model", MODEL, "--lightweight", "--batch-size", str(BATCH_SIZE),
    "--learning-rate", str(LEARNING_RATE),
)  # fmt: skip
SORT_BY = "hist"
COVERED = range(60, 232)  # frames of src in which a hand is before the face
# src's footage is graded almost to gray, so her face takes the colors of his, the way that adds no
# specks to a face that is still soft; the model shows no more than brows to lips, so little of that
# is given away at the edge.
LOOK = ("--mode", "overlay", "--color-transfer", "mkl",
        "--erode-modifier", "-80", "--blur-modifier", "-20")  # fmt: skip


class Step(NamedTuple):
    """One call of main.py."""

    title: str
    takes: str
    arguments: tuple[str, ...]


def steps(workspace: Path, minutes: float) -> Iterator[Step]:
    """Give the calls of main.py, in order."""
    src, dst = workspace / "data_src", workspace / "data_dst"
    src_faces, dst_faces = str(src / "aligned"), str(dst / "aligned")
    src_clip, dst_clip = (str(workspace / f"{folder.name}.mp4") for folder in (src, dst))
    model, result = str(workspace / f"model_{MODEL}"), str(workspace / "result.mp4")
    yield Step(
        "Find the faces of src, the person who is put in", "half a minute",
        ("extract", "--input-dir", src_clip, "--output-dir", src_faces, "--no-ask"),
    )  # fmt: skip
    yield Step(
        "Find the faces of dst, whose footage is changed", "a few seconds",
        ("extract", "--input-dir", dst_clip, "--output-dir", dst_faces, "--no-ask"),
    )  # fmt: skip
    yield Step(
        "Sort the faces of src, so that bad ones lie together and could be deleted", "seconds",
        ("sort", "--input-dir", src_faces, "--by", SORT_BY, "--no-ask"),
    )  # fmt: skip
    yield Step(
        f"Train {MODEL} on both, {minutes:g} minutes in all", f"up to {minutes:g} minutes",
        ("train", "--training-data-src-dir", src_faces, "--training-data-dst-dir", dst_faces,
         "--model-dir", model, *TRAINING, "--target-minutes", f"{minutes:g}", "--no-ask"),
    )  # fmt: skip
    yield Step(
        "Put src's face into dst's footage", "half a minute",
        ("convert", "--input-dir", dst_clip, "--output-dir", result, "--aligned-dir", dst_faces,
         "--model-dir", model, *LOOK, "--overwrite", "--no-ask"),
    )  # fmt: skip
    yield Step(
        "Measure how good the swap is", "half a minute",
        ("evaluate", "--dst", dst_clip, "--result", result, "--src-aligned", src_faces,
         "--dst-aligned", dst_faces, "--model-dir", model,
         "--output", str(workspace / "evaluation.json"), "--no-ask"),
    )  # fmt: skip


def take_out_covered(faces: Path) -> None:
    """Do for src's faces what a person does in the sorted folder: take out the bad ones."""
    covered = [path for path, info in Faceset.open(faces) if info.frame_index in COVERED]
    for path in covered:
        move_to_trash(path)
    if covered:
        say(f"\n== A hand hides {len(covered)} faces of src: moved to {trash_dir(faces)}")


def run_step(step: Step) -> int:
    """Run one call of main.py and return its exit status."""
    command = [sys.executable, str(ROOT / "main.py"), *step.arguments]
    say(f"\n== {step.title} (takes {step.takes})")
    say(f"   {shown(['python', 'main.py', *step.arguments])}\n")
    process = subprocess.Popen(command, cwd=ROOT)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # it got the Ctrl-C too, and saves what it has: let it
            continue


def shown(command: Sequence[str]) -> str:
    """Return a command as one would type it at the repository's top."""
    return shlex.join(word.removeprefix(f"{ROOT}/") for word in command)


def demo(workspace: Path, minutes: float) -> int:
    """Run all steps; stop at the first that fails and return its exit status."""
    say("== Fetch two clips (a few seconds; 10 MB the first time)")
    fetch(workspace, CACHE)
    for step in steps(workspace, minutes):
        if step.arguments[0] == "train":
            take_out_covered(workspace / "data_src" / "aligned")
        status = run_step(step)
        if status == ExitStatus.INTERRUPTED:
            say("stopped; run the demo again to go on")
            return status
        if status:
            error(f"the step `{step.arguments[0]}` failed, so the demo stops here")
            return status
    sheet = workspace / "before_after.jpg"
    draw_sheet(workspace / "data_dst.mp4", workspace / "result.mp4",
               workspace / "data_src" / "aligned", sheet)  # fmt: skip
    say(f'\nDone. Look at "{workspace / "result.mp4"}" and "{sheet}".')
    say("What the figures mean: docs/evaluation.md. Longer training: make demo MINUTES=75")
    return ExitStatus.DONE


def main() -> int:
    """Read the command line and run the demo."""
    parser = argparse.ArgumentParser(description="Two clips in, one swapped clip out")
    parser.add_argument("--minutes", type=float, default=25, help="training time in all")
    parser.add_argument("--workspace", type=Path, default=WORKSPACE)
    arguments = parser.parse_args()
    try:
        return demo(arguments.workspace.absolute(), arguments.minutes)
    except UserError as problem:
        error(str(problem))
        return problem.status
    except KeyboardInterrupt:
        say("\nstopped; run the demo again to go on")
        return ExitStatus.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
