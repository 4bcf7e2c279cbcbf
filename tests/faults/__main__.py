"""Break the program wherever it can be broken, and look whether anything is lost: make faults.

    python tests/faults [--seed N] [--only WORD]

Kills at random moments, crashes at every change of the file system, full disks, closed pipes and
signals, in every stage; after each, the stage is run again and must end as if nothing had happened.
Prints a table of what was tried, and ends with status 1 if there was a fault.
"""

import argparse
import random
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from faults import broken_runs
from faults.crash_points import OPERATIONS, crash_points
from faults.stages import make_workspace, stages

from utils.console import say


def main():
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only rows with this word in their names")
    chosen = parser.parse_args()
    rows = [
        (f"{operation.name}: crash points", *crash_points(operation))
        for operation in OPERATIONS
        if chosen.only in f"{operation.name}: crash points"
    ]
    with TemporaryDirectory(prefix="faults-") as name:
        rows += broken(Path(name), chosen.seed, chosen.only)
    for _, _, wrong in rows:
        for fault in wrong:
            say(f"FAULT {fault}")
    say(f"{'':36}tried faults")
    for title, tried, wrong in rows:
        say(f"{title:36}{tried:5} {len(wrong):6}")
    say(f"{'in all':36}{sum(r[1] for r in rows):5} {sum(len(r[2]) for r in rows):6}")
    return int(any(wrong for *_, wrong in rows))


def broken(folder, seed, only):
    """Break off runs of every stage, two at a time; return rows of (title, tried, faults)."""
    campaigns = {
        "kill -9": broken_runs.kills,
        "signals": broken_runs.signals,
        "closed pipe": broken_runs.closed_pipe,
    }
    if broken_runs.can_mount():
        campaigns["full disk"] = broken_runs.full_disk
    else:
        say("full disks are left out: mounting a small one needs root")

    def campaign(stage):
        wanted = {t: run for t, run in campaigns.items() if only in f"{stage.name}: {t}"}
        rng = random.Random(f"{seed} {stage.name}")
        baseline = broken_runs.undisturbed(stage) if wanted else None
        rows = []
        for title, run in wanted.items():
            rows.append((f"{stage.name}: {title}", *run(stage, baseline, rng)))
            say(f"{rows[-1][0]}: {rows[-1][1]} tried, {len(rows[-1][2])} faults")
        return rows

    workspace = make_workspace(folder)
    with ThreadPoolExecutor(2) as pool:
        return [row for rows in pool.map(campaign, stages(workspace)) for row in rows]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # then its folder is removed, too
    sys.exit(main())
