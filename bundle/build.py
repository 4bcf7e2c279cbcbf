"""Builds a bundle: interpreter, packages, weights, program and scripts in one archive."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from bundle import archive, bytecode
from bundle.content import add_program, add_scripts, add_weights
from bundle.licenses import add_licenses
from bundle.manifest import write_manifest
from bundle.packages import add_packages
from bundle.runtimes import add_runtime
from bundle.sbom import write_sbom
from bundle.systems import HERE, NAME, System
from bundle.tools import check_tools
from utils import console, program
from utils.errors import InputError

SPACE = 9 << 30
"""Bytes that the build of one bundle takes at most, with what is downloaded."""


def build(system: System, output: Path, scratch: Path) -> Path:
    """Build the bundle for a system and return its archive.

    Parameters
    ----------
    system : System
        The target.
    output : Path
        The folder for the archive and its SHA-256.
    scratch : Path
        The folder for what is downloaded and for the unpacked bundle, which stays there.

    Raises
    ------
    UserError
        If something is missing, or a part is not what is pinned.
    """
    prepare(output, scratch)
    folder = scratch / f"{NAME}-{program.version()}-{system.name}"
    downloads = scratch / "downloads"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    downloads.mkdir(exist_ok=True)
    console.say(f"{system.name}: the interpreter")
    add_runtime(folder, system, downloads)
    console.say(f"{system.name}: the packages")
    add_packages(folder, system, downloads)
    console.say(f"{system.name}: the program, the weights and the scripts")
    add_program(folder)
    add_weights(folder, downloads)
    add_scripts(folder, system)
    bytecode.compile_modules(folder, system)
    console.say(f"{system.name}: licenses and lists")
    add_licenses(folder, system, downloads)
    write_sbom(folder, system)
    readme = (HERE / "readme.txt").read_text(encoding="utf-8")
    text = readme.format(version=program.version(), system=system.name.capitalize())
    (folder / "README.txt").write_text(text, encoding="utf-8", newline="\n")
    write_manifest(folder, system)
    console.say(f"{system.name}: the archive")
    return _archived(folder, output / f"{folder.name}{system.archive}")


def prepare(output: Path, scratch: Path) -> None:
    """Look whether a build can begin.

    Raises
    ------
    InputError
    """
    bytecode.check_version()
    check_tools()
    for place in (output, scratch):
        place.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(scratch).free) < SPACE:
        raise InputError(
            f'a build takes up to {SPACE >> 30} GiB below "{scratch}", where {free >> 30} GiB are '
            "free; name another folder with --scratch"
        )


def _archived(folder: Path, target: Path) -> Path:
    """Pack a bundle; beside it, write its SHA-256 as sha256sum does."""
    unfinished = target.with_name(f"unfinished-{target.name}")
    archive.pack(folder, unfinished)
    unfinished.replace(target)
    line = f"{archive.sha256(target)}  {target.name}\n"
    target.with_name(f"{target.name}.sha256").write_text(line, encoding="utf-8", newline="\n")
    return target


def largest(folder: Path, count: int) -> Iterator[tuple[str, int]]:
    """Yield the largest parts of a bundle, with their bytes.

    A part is what lies at the top, among the packages, or in a folder of the program.
    """
    sizes: dict[str, int] = {}
    for name, path in archive.files_in(folder):
        words = name.split("/")
        depth = words.index("site-packages") + 2 if "site-packages" in words else 2
        part = "/".join(words[:depth])
        sizes[part] = sizes.get(part, 0) + path.stat().st_size
    yield from sorted(sizes.items(), key=lambda item: -item[1])[:count]
