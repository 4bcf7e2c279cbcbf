"""The whole way on two real clips: `main.py run` in a workspace with clips that are fetched.

What the demo sets besides the defaults suits these clips. A second run reuses what is there.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facelib.faceset import Faceset
from models.validation_log import ValidationLog
from scripts.before_after import draw_sheet
from scripts.fetch_clips import fetch
from tools import run
from trainer.monitoring.verdict import outlook
from utils.console import error, say
from utils.errors import ExitStatus, Interrupted, UserError
from utils.files import move_to_trash, read_record, trash_dir
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
SHARP = 0.8  # of the footage's fine detail: less is seen


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
    say(f'\nDone. Look at "{home.result}" and "{sheet}".\n')
    say(in_plain_words(read_record(home.evaluation, "an evaluation", 1)))
    say(outlook(ValidationLog(home.model / "progress.csv").rows))
    say("What the metrics mean: docs/evaluation.md. Longer training: make demo MINUTES=60")
    return ExitStatus.DONE


def settings(stage: str, home: Workspace) -> str:
    """Return what the demo sets besides the defaults."""
    training = TRAINING if home.model.exists() else f"{TRAINING} {STOP}"
    return {"train": training, "convert": LOOK}.get(stage, "")


def in_plain_words(evaluation: Mapping[str, Any]) -> str:
    """Say how good a result is, for someone who does not know the metrics."""
    result = evaluation["figures"]["result"]
    share = _percent(result["taken_for_src"])
    lines = [
        f"Whose face it is: a face recognizer takes it for src in {share} of the frames.",
        f"Mouth: {_follows(result, 'mouth')}.",
        f"Blinking: {_follows(result, 'eye')}.",
    ]
    if (detail := result["sharpness"]) is not None:
        soft = ", so it looks soft at full size" if detail < SHARP else ""
        lines.append(f"Sharpness: {_percent(detail)} of the footage's fine detail{soft}.")
    return "\n".join(lines)


def _follows(result: Mapping[str, float | None], part: str) -> str:
    """Say how a part of the face follows dst."""
    correlation, gain = result[f"{part}_correlation"], result[f"{part}_gain"]
    if correlation is None or gain is None:
        return "nothing to follow in this footage"
    words = ((0.9, "follows"), (0.7, "mostly follows"), (-1.0, "hardly follows"))
    how = next(word for least, word in words if correlation >= least)
    return f"{how} the footage, with {_percent(gain)} of its movement"


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{share:.0%}"


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
    except (Interrupted, KeyboardInterrupt):
        say("\nStopped; run the demo again to continue.")
        return ExitStatus.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
