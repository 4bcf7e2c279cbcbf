"""The pinned packages: files with a version and hashes for each, for the target system.

`--lock` makes them again: uv resolves the program's requirements for another system than the one
it runs on, and apt names the newest packages of the Debian release.
"""

import re
from pathlib import Path
from typing import NamedTuple

from bundle import debian
from bundle.systems import HERE, PYTHON, ROOT, SYSTEMS, System
from bundle.tools import run

PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)", re.M)
RUNTIME = {"windows": ("panda3d==1.10.16", "msvc-runtime==14.44.35112")}
"""Wheels out of which the interpreter is taken; nothing else in them is used."""
CUDA = HERE / "requirements-cuda.lock"
"""The lock of what the program imports in a container with a GPU (Containerfile)."""


class Pin(NamedTuple):
    """A package and its one version."""

    name: str
    version: str


def packages_lock(system: System) -> Path:
    """Return the lock of what the program imports."""
    return HERE / f"requirements-{system.name}.lock"


def runtime_lock(system: System) -> Path:
    """Return the lock of the wheels out of which the interpreter is taken."""
    return HERE / f"runtime-{system.name}.lock"


def pins(lock: Path) -> list[Pin]:
    """Return what a lock pins."""
    text = lock.read_text(encoding="utf-8")
    return [Pin(found["name"], found["version"]) for found in PINNED.finditer(text)]


def requirements(system: System) -> str:
    """Return what is to be locked: the program's requirements, and pip, which fetches weights."""
    common = (ROOT / "requirements-common.txt").read_text(encoding="utf-8")
    cpu = (ROOT / "requirements-cpu.txt").read_text(encoding="utf-8")
    [wanted] = re.findall(r"^tensorflow(\S*)", cpu, re.M)
    return f"{common}\n{system.tensorflow}{wanted}\npip\n"


def lock_all(scratch: Path) -> list[Path]:
    """Make all locks again and return them."""
    made = []
    for system in SYSTEMS.values():
        _compile(requirements(system), system, packages_lock(system), scratch)
        made.append(packages_lock(system))
        if wheels := RUNTIME.get(system.name):
            _compile("\n".join(wheels), system, runtime_lock(system), scratch)
            made.append(runtime_lock(system))
    wanted = f"-r {ROOT / 'requirements-cuda.txt'}\npip\n"
    _compile(wanted, SYSTEMS["linux"], CUDA, scratch)
    return [*made, CUDA, *debian.lock_all(scratch)]


def _compile(wanted: str, system: System, lock: Path, scratch: Path) -> None:
    source = scratch / "wanted.in"
    source.write_text(wanted, encoding="utf-8")
    header = f"# For {system.name}, made by: python -m scripts.build_bundle --lock\n"
    run(
        "uv", "pip", "compile", source, "--quiet", "--python-platform", system.platform,
        "--python-version", PYTHON, "--generate-hashes", "--no-annotate", "--no-header",
        "--only-binary", ":all:", "--upgrade", "--output-file", lock,
    )  # fmt: skip
    lock.write_text(header + lock.read_text(encoding="utf-8"), encoding="utf-8")
