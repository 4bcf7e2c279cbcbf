"""Send damaged files to every reader, and look whether one fails: make fuzz.

    python tests/fuzz [--inputs 10000] [--seed 1] [--only WORD] [--number N]

Prints a table, and ends with status 1 if there was a fault: anything but a result or one sentence,
more than 20 s, more than 1 GB, a write outside of the input's folder, a program that was started.
`--only pictures --number 1234` reads that input alone, without a guard, and shows the traceback.
"""

import argparse
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fuzz.campaign import campaign
from fuzz.guard import load_samples, make_input
from fuzz.kinds import KINDS
from utils.console import one_line, say
from utils.errors import UserError

TABLE = "{:18}{:>8}{:>8}{:>9}{:>8}{:>12}{:>9}"


def main():
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only kinds with this word in their names")
    parser.add_argument("--number", type=int, help="one input, in this process")
    chosen = parser.parse_args()
    kinds = [kind for kind in KINDS.values() if chosen.only in kind.name]
    if chosen.number is not None:
        return read_one(kinds[0], chosen.seed, chosen.number)
    began, wrong, rows = time.monotonic(), 0, []
    for kind, tally in campaign(kinds, chosen.inputs, chosen.seed, "fuzz.kinds"):
        for fault in tally.faults:
            say(f"FAULT {one_line(fault)}")
        wrong += len(tally.faults)
        rows.append(
            (kind.name, tally.read, tally.read - tally.refused, tally.refused, len(tally.faults),
             f"{tally.slowest:.1f}", tally.megabytes)
        )  # fmt: skip
    say(TABLE.format("", "inputs", "read", "refused", "faults", "slowest (s)", "most MB"))
    for row in rows:
        say(TABLE.format(*row))
    minutes = (time.monotonic() - began) / 60
    say(f"{sum(row[1] for row in rows)} inputs, {wrong} faults, {minutes:.1f} minutes")
    return int(wrong > 0)


def read_one(kind, seed, number):
    """Read one input and let its error show."""
    with TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name).resolve()
        (folder / "samples").mkdir()
        kind.samples(folder / "samples")
        place = make_input(load_samples(folder / "samples"), folder, kind, seed, number)
        try:
            kind.read(place)
        except UserError as problem:
            say(str(problem))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # then its folder is removed, too
    sys.exit(main())
