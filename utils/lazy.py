"""Modules imported on first use, so that `--help` does not wait for TensorFlow."""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from utils import console, program
from utils.errors import UserError

SLOW = ("tensorflow", "keras")
"""Each loads TensorFlow, which takes seconds, on a slow disk half a minute."""


class _Lazy(ModuleType):
    """Stands in for a module and imports it on the first access to an attribute.

    It is not put into sys.modules: other importers must get the real module.
    """

    def __getattr__(self, attribute: str) -> object:
        return getattr(_import(self.__name__), attribute)


def _import(name: str) -> ModuleType:
    """Import a module, TensorFlow with an announcement."""
    if name.split(".")[0] in SLOW and not any(library in sys.modules for library in SLOW):
        console.announce("loading TensorFlow")
    return import_module(name)


def load(name: str) -> ModuleType:
    """Return a stand-in for module `name`.

    Raises
    ------
    UserError
        At once, if the module is not installed.
    """
    if name not in sys.modules and find_spec(name) is None:
        again = "run: pip install -r requirements-cpu.txt"
        if not program.is_checkout():
            again = f"install {program.NAME} again"
        raise UserError(f"{name} is not installed; {again}")
    return _Lazy(name)
