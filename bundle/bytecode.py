"""Compiled modules, so that the first start is as fast as the second, from read-only folders too.

What Python compiles depends on the order of its sets and on what else the process has compiled:
so each folder is compiled by one process of its own, in order.
"""

import os
import subprocess
import sys
from pathlib import Path

from bundle.systems import PYTHON, System
from bundle.tools import BuildError
from utils.errors import InputError

COMPILE = """
import compileall, re, sys
from py_compile import PycInvalidationMode as Mode
compileall.compile_dir(
    sys.argv[1], maxlevels=99, quiet=2, force=True, stripdir=sys.argv[1], prependdir=sys.argv[2],
    invalidation_mode=Mode[sys.argv[3]],
)
"""
"""Files that no Python 3 can read, such as templates, are passed over."""


def check_version() -> None:
    """Refuse to begin with a Python whose compiled modules the bundle's could not read.

    Raises
    ------
    InputError
    """
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if here != PYTHON:
        raise InputError(
            f"a bundle is built by its own version of Python, {PYTHON}; this is {here}"
        )


def compile_modules(folder: Path, system: System) -> None:
    """Compile the modules of a bundle; of the program's own, a user may change the source."""
    places = {"app": "CHECKED_HASH", system.library: "UNCHECKED_HASH"}
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    running = [
        subprocess.Popen(
            [sys.executable, "-I", "-c", COMPILE, folder / place, place, mode], env=environment
        )
        for place, mode in places.items()
    ]
    if any(process.wait() for process in running):
        raise BuildError("compileall could not compile the modules")
