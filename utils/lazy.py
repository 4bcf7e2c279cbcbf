"""Modules that are imported on first use, so that `--help` never waits for TensorFlow."""

import importlib.util
import sys
from types import ModuleType

from utils.errors import UserError


def load(name: str) -> ModuleType:
    """Return module `name`, executed only when one of its attributes is first touched.

    Raises
    ------
    UserError
        At once, if the module is not installed.
    """
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise UserError(f"{name} is not installed; run: pip install -r requirements-cpu.txt")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
