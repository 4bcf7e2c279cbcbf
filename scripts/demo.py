"""The whole pipeline on two real clips: fetch, extract, sort, train, convert, evaluate.

Every step is a call of `main.py` that you could type yourself; it is shown before it runs. A second
run reuses what is there: extraction continues where it stopped, and training up to the total number
of minutes.
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

# The settings of the demo; `main.py train --help` explains each.
MODEL = "Quick96"
# The first run stops early when the measured swap has not become better in eight minutes.
TRAINING = f"--model {MODEL} --batch-size 4 --grow-batch 8 --measure-minutes 2"
STOP = "--stop-when stalled:4"
SORT_BY = "hist"
OCCLUDED = range(60, 232)  # frames of src in which a hand covers part of the face
# src's footage is graded almost to gray, so her face takes the colors of his, by a transfer that
# adds no speckles to a soft face; 96 pixels are soft at this size, so it is sharpened.
LOOK = "--mode overlay --color-transfer lct --sharpen 100 --erode-modifier -10"


class Step(NamedTuple):
    """One call of main.py."""

    title: str
    takes: str
    arguments: tuple[str, ...]


def steps(workspace: Path, minutes: float) -> Iterator[Step]:
    """Yield the calls of main.py, in order."""

    def step(title: str, takes: str, stage: str, *words: str, **flags: object) -> Step:
        for name, value in flags.items():
            words += (f"--{name.replace('_', '-')}", str(value))
        return Step(title, takes, (stage, *words, "--no-ask"))

    src, dst = workspace / "data_src", workspace / "data_dst"
    src_faces, dst_faces = src / "aligned", dst / "aligned"
    src_clip, dst_clip = (workspace / f"{folder.name}.mp4" for folder in (src, dst))
    model, result = workspace / f"model_{MODEL}", workspace / "result.mp4"
    yield step(
        "Extract the faces of src, the person swapped in",
        "half a minute",
        "extract",
        input_dir=src_clip,
        output_dir=src_faces,
    )
    yield step(
        "Extract the faces of dst, whose footage is changed",
        "a few seconds",
        "extract",
        input_dir=dst_clip,
        output_dir=dst_faces,
    )
    yield step(
        "Sort the faces of src, so that bad ones group together and can be deleted",
        "seconds",
        "sort",
        input_dir=src_faces,
        by=SORT_BY,
    )
    yield step(
        f"Train {MODEL} on both, {minutes:g} minutes in total",
        f"up to {minutes:g} minutes",
        "train",
        *TRAINING.split(),
        *([] if model.exists() else STOP.split()),
        training_data_src_dir=src_faces,
        training_data_dst_dir=dst_faces,
        model_dir=model,
        target_minutes=f"{minutes:g}",
    )
    yield step(
        "Swap src's face into dst's footage",
        "half a minute",
        "convert",
        *LOOK.split(),
        "--overwrite",
        input_dir=dst_clip,
        output_dir=result,
        aligned_dir=dst_faces,
        model_dir=model,
    )
    yield step(
        "Measure the quality of the swap",
        "half a minute",
        "evaluate",
        dst=dst_clip,
        result=result,
        src_aligned=src_faces,
        dst_aligned=dst_faces,
        model_dir=model,
        output=workspace / "evaluation.json",
    )


def discard_occluded(faces: Path) -> None:
    """Do with src's faces what a person does in the sorted folder: discard the bad ones."""
    occluded = [path for path, info in Faceset.open(faces) if info.frame_index in OCCLUDED]
    for path in occluded:
        move_to_trash(path)
    if occluded:
        say(f"\n== A hand covers {len(occluded)} faces of src: moved to {trash_dir(faces)}")


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
        except KeyboardInterrupt:  # it received the Ctrl-C too, and saves its state: let it
            continue


def shown(command: Sequence[str]) -> str:
    """Return a command as typed in the repository's root."""
    return shlex.join(word.removeprefix(f"{ROOT}/") for word in command)


def demo(workspace: Path, minutes: float) -> int:
    """Run all steps; stop at the first one that fails and return its exit status."""
    say("== Fetch two clips (a few seconds; 10 MB the first time)")
    fetch(workspace, CACHE)
    for step in steps(workspace, minutes):
        if step.arguments[0] == "train":
            discard_occluded(workspace / "data_src" / "aligned")
        status = run_step(step)
        if status == ExitStatus.INTERRUPTED:
            say("stopped; run the demo again to continue")
            return status
        if status:
            error(f"the step `{step.arguments[0]}` failed, so the demo stops here")
            return status
    sheet = workspace / "before_after.jpg"
    faces = workspace / "data_src" / "aligned"
    draw_sheet(workspace / "data_dst.mp4", workspace / "result.mp4", faces, sheet)
    say(f'\nDone. Look at "{workspace / "result.mp4"}" and "{sheet}".\n')
    say("What the metrics mean: docs/evaluation.md. Longer training: make demo MINUTES=60")
    return ExitStatus.DONE


def main() -> int:
    """Read the command line and run the demo."""
    parser = argparse.ArgumentParser(description="Two clips in, one swapped clip out")
    parser.add_argument("--minutes", type=float, default=25, help="total training time")
    parser.add_argument("--workspace", type=Path, default=WORKSPACE)
    arguments = parser.parse_args()
    try:
        return demo(arguments.workspace.absolute(), arguments.minutes)
    except UserError as problem:
        error(str(problem))
        return problem.status
    except KeyboardInterrupt:
        say("\nstopped; run the demo again to continue")
        return ExitStatus.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
