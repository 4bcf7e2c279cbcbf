"""What of a bundle is ours: the program, its documentation, the weights and the scripts."""

import os
import shutil
import sys
import tomllib
from pathlib import Path

from bundle.systems import HERE, ROOT, System
from bundle.tools import run
from facelib.weights import WEIGHTS
from scripts.make_scripts import files

LEFT_OUT = {"dlib68"}
"""Weights that must not be used commercially; `main.py weights` fetches them on request."""
BESIDES = ("pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "docs", "requirements-cpu.txt")
"""What lies beside main.py in a checkout and not in a wheel; pyproject.toml makes it one."""


def add_program(folder: Path) -> None:
    """Copy the program as a wheel has it, with its documentation, into `app`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    hooks = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]
    wanted = [*hooks["custom"]["app"], *BESIDES]
    listed = run("git", "ls-files", "-co", "--exclude-standard", "--", *wanted, cwd=ROOT)
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            _copy(ROOT / name, folder / "app" / name)
    _copy(HERE / "check_bundle.py", folder / "app" / "check_bundle.py")


def add_weights(folder: Path, downloads: Path) -> None:
    """Copy the networks' weights, which the program itself fetches and checks."""
    source = Path(os.environ.get("FACESWAP_WEIGHTS", downloads / "weights"))
    environment = {**os.environ, "FACESWAP_WEIGHTS": str(source)}
    run(sys.executable, ROOT / "main.py", "weights", env=environment)
    for name, weight in WEIGHTS.items():
        if name not in LEFT_OUT:
            _copy(source / weight.path, folder / "app" / "weights" / weight.path)


def add_scripts(folder: Path, system: System) -> None:
    """Write the scripts for a system to where a user sees them first, with an empty workspace."""
    for name, data in files(system.name, bundled=True).items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o755)
    (folder / "workspace").mkdir()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
