"""Modules imported on first use, so that `--help` does not wait for TensorFlow or PyTorch."""

import sys
from importlib import import_module
from types import ModuleType

from utils import console, engines, requirements

SLOW = ("tensorflow", "torch", "keras")
"""Each loads an engine, which takes seconds, on a slow disk half a minute."""


class _Lazy(ModuleType):
    """Stands in for a module and imports it on the first access to an attribute.

    It is not put into sys.modules: other importers must get the real module.
    """

    def __getattr__(self, attribute: str) -> object:
        return getattr(_import(self.__name__), attribute)


def _import(name: str) -> ModuleType:
    """Import a module, an engine with an announcement.

    Raises
    ------
    UserError
        If it is not installed.
    """
    package = name.split(".")[0]
    if package not in sys.modules and not requirements.is_installed(package):
        raise requirements.missing(package)
    if package in SLOW:
        announce_engine()
    return import_module(name)


def announce_engine() -> None:
    """Say that the engine is being loaded, unless it is there already."""
    if not any(library in sys.modules for library in SLOW):
        console.announce(f"loading {engines.title()}")


def load(name: str) -> ModuleType:
    """Return a stand-in for module `name`, which need not be installed before it is used."""
    return _Lazy(name)
