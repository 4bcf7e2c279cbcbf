"""Packages that may be missing, and how to install them."""

from importlib.util import find_spec

from utils import program
from utils.errors import UserError

FILES = {"tensorflow": "cpu", "torch": "torch", "onnxscript": "torch", "ray": "cluster"}
"""Packages that only one requirements file brings -> its name, which is also that of an extra."""
ALWAYS = "cpu"
"""The file that the package itself requires, without an extra."""


def is_installed(package: str) -> bool:
    """Whether a package is there; it is not imported."""
    return find_spec(package) is not None


def is_external(module: str) -> bool:
    """Whether a module is none of this program's."""
    top = module.split(".")[0]
    return not any((program.ROOT / name).exists() for name in (top, f"{top}.py"))


def missing(module: str) -> UserError:
    """Return the error for a module that is not installed."""
    return UserError(f"{module} is not installed; {how_to_install(module)}")


def how_to_install(module: str) -> str:
    """Return what to do to get a module: "run: pip install -r requirements-cpu.txt"."""
    file = FILES.get(module.split(".")[0]) or _usual()
    if not program.is_checkout():
        extra = "" if file == ALWAYS else f"[{file}]"
        return f'run: pip install "{program.NAME}{extra}"'
    return f"run: pip install -r requirements-{file}.txt"


def _usual() -> str:
    """Return the requirements file that this environment was probably made with."""
    only_torch = is_installed("torch") and not is_installed("tensorflow")
    return "torch" if only_torch else "cpu"
