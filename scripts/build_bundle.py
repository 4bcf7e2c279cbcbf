"""Builds the folders that run without a Python, or pins their packages: docs/bundle.md."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bundle import locks
from bundle.build import build, largest, prepare
from bundle.systems import NAME, PYTHON, SYSTEMS, System
from utils import program
from utils.console import error, say
from utils.errors import UsageError, UserError

MB = 1_000_000
LARGEST = 10


def main(argv: list[str] | None = None) -> int:
    """Build what the command line says and return the exit status."""
    options = _options().parse_args(argv)
    try:
        if options.python != PYTHON:
            raise UsageError(
                f"no interpreter for every system can be had of Python {options.python}, but of "
                f"{PYTHON} (docs/bundle.md)\nExpected: {PYTHON}. Received: {options.python}"
            )
        scratch = options.scratch or options.output / "scratch"
        if options.lock:
            prepare(options.output, scratch)
            for path in locks.lock_all(scratch):
                say(f'pinned: "{path}"')
            return 0
        for name in options.system or SYSTEMS:
            _build(SYSTEMS[name], options.output, scratch)
    except UserError as problem:
        error(str(problem))
        return problem.status
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.build_bundle", description=__doc__)
    add = parser.add_argument
    add("--system", action="append", choices=SYSTEMS, help="the target; both without it")
    add("--python", default=PYTHON, help=f"the interpreter's version ({PYTHON})")
    add("--output", type=Path, default=Path("dist"), help="folder for the archives (dist)")
    add("--scratch", type=Path, help="folder for downloads and unpacked bundles (in the output)")
    add("--lock", action="store_true", help="pin the packages' newest versions instead of building")
    return parser


def _build(system: System, output: Path, scratch: Path) -> None:
    archive = build(system, output.resolve(), scratch.resolve())
    folder = scratch / f"{NAME}-{program.version()}-{system.name}"
    unpacked = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    say(f'"{archive}": {archive.stat().st_size // MB} MB, unpacked {unpacked // MB} MB')
    for part, size in largest(folder, LARGEST):
        say(f"  {size // MB:5} MB  {part}")


if __name__ == "__main__":
    sys.exit(main())
