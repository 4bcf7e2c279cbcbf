"""Modules imported on first use, so that `--help` does not wait for TensorFlow."""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from utils import program
from utils.errors import UserError


class _Lazy(ModuleType):
    """Stands in for a module and imports it on the first access to an attribute.

    It is not put into sys.modules: other importers must get the real module.
    """

    def __getattr__(self, attribute: str) -> object:
        return getattr(import_module(self.__name__), attribute)


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
