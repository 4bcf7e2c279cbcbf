"""Runs the programs that a build needs, and says which of them failed."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from utils.errors import InputError, UserError

NEEDED = {
    "apt-get": "a Debian or Ubuntu system with debian-archive-keyring",
    "dpkg-deb": "a Debian or Ubuntu system",
    "git": "git",
    "uv": "pip install -r bundle/requirements-tools.txt",
}


class BuildError(UserError):
    """A step of the build failed; the message says which."""


def check_tools() -> None:
    """Refuse to begin without the programs that a build needs.

    Raises
    ------
    InputError
    """
    missing = {tool: remedy for tool, remedy in NEEDED.items() if shutil.which(tool) is None}
    if missing:
        lacks = "; ".join(f"{tool} ({remedy})" for tool, remedy in missing.items())
        raise InputError(f"the build needs programs that are not on the PATH: {lacks}")


def run(*words: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a program and return what it printed.

    Raises
    ------
    BuildError
        If it fails; with the last lines that it printed.
    """
    done = subprocess.run(
        list(map(str, words)), env=env, cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines()
        raise BuildError(
            f"{Path(words[0]).name} failed with status {done.returncode}: "
            + shown(words) + "\n  " + "\n  ".join(lines[-8:])
        )  # fmt: skip
    return done.stdout


def shown(words: Sequence[str | Path]) -> str:
    """Return the beginning of a command, for a message."""
    return " ".join(map(str, words[:8])) + (" ..." if len(words) > 8 else "")
