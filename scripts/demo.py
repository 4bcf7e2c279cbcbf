"""The whole way on two real clips: `main.py run` in a workspace with clips that are fetched.

What the demo sets besides the defaults suits these clips. A second run reuses what is there.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facelib.faceset import Faceset
from models import model_folder
from scripts.before_after import draw_sheet
from scripts.fetch_clips import fetch
from tools import run
from utils.console import error, say
from utils.errors import ExitStatus, Interrupted, UserError
from utils.files import move_to_trash, trash_dir
from utils.program import quoted
from utils.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
WORKSPACE = ROOT / "workspace"
CACHE = ROOT / ".cache" / "clips"

# The settings of the demo; `main.py train --help` explains each.
MODEL = "Quick96"
# The first run stops early when the measured swap has not become better in eight minutes.
TRAINING = "--batch-size 4 --grow-batch 8 --measure-minutes 2"
STOP = "--stop-when stalled:4"
OCCLUDED = range(60, 232)  # frames of src in which a hand covers part of the face
# src's footage is graded almost to gray, so her face takes the colors of his, by a transfer that
# adds no speckles to a soft face; 96 pixels are soft at this size, so it is sharpened.
LOOK = "--mode overlay --color-transfer lct --sharpen 100 --erode-modifier -10"


def discard_occluded(faces: Path) -> None:
    """Do with src's faces what a person does in the sorted folder: discard the bad ones."""
    occluded = [path for path, info in Faceset.open(faces) if info.frame_index in OCCLUDED]
    for path in occluded:
        move_to_trash(path)
    if occluded:
        say(f"\n== A hand covers {len(occluded)} faces of src: moved to {trash_dir(faces)}")


def demo(folder: Path, minutes: float) -> int:
    """Fetch the clips and go the whole way; return the exit status."""
    say("== Fetch two clips (a few seconds; 10 MB the first time)")
    fetch(folder, CACHE)
    home = Workspace(folder)
    for command in run.commands(home, minutes, MODEL):
        if command.stage == "train":
            discard_occluded(home.faces("src"))
        run.execute(command, home, settings(command.stage, home))
    sheet = folder / "before_after.jpg"
    draw_sheet(home.clip("dst"), home.result, home.faces("src"), sheet)
    say(f'\nDone. Look at "{home.result}" and "{sheet}".')
    say("What the metrics mean: docs/evaluation.md")
    say(f"Next: train on\n  {going_on(folder, 2 * minutes)}")
    return ExitStatus.DONE


def settings(stage: str, home: Workspace) -> str:
    """Return what the demo sets besides the defaults."""
    training = TRAINING if model_folder.generations(home.model) else f"{TRAINING} {STOP}"
    return {"train": training, "convert": LOOK}.get(stage, "")


def going_on(folder: Path, minutes: float) -> str:
    """Return the command that goes on with a demo."""
    if folder == WORKSPACE:
        return f"make demo MINUTES={minutes:g}"
    return f"python scripts/demo.py --minutes {minutes:g} --workspace {quoted(str(folder))}"


def main() -> int:
    """Read the command line and run the demo."""
    parser = argparse.ArgumentParser(description="Two clips in, one swapped clip out")
    parser.add_argument("--minutes", type=float, default=25, help="total training time")
    parser.add_argument("--workspace", type=Path, default=WORKSPACE)
    arguments = parser.parse_args()
    folder = arguments.workspace.absolute()
    try:
        return demo(folder, arguments.minutes)
    except UserError as problem:
        error(str(problem))
        return problem.status
    except (Interrupted, KeyboardInterrupt):
        say("\nStopped; what was finished is kept.\nNext: go on")
        say(f"  {going_on(folder, arguments.minutes)}")
        return ExitStatus.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
