"""The systems that a bundle can be made for: plain data."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NAME = "faceswap-toolkit"
PYTHON = "3.11"
"""The one minor version of which both an interpreter and its library can be had for each system."""


class System(NamedTuple):
    """A target system.

    Attributes
    ----------
    name : str
        As `--system` takes it.
    platform : str
        What uv calls it.
    tensorflow : str
        The package that holds TensorFlow for the processor alone.
    archive : str
        How the name of its archive ends.
    executable, library, native, site : str
        The interpreter, its library, its native modules and the packages, below the bundle.
    search : tuple of str
        What the interpreter searches for modules, as its `._pth` file says it: from its own folder.
    markers : mapping of str to str
        The environment in which the markers of requirements are evaluated.
    """

    name: str
    platform: str
    tensorflow: str
    archive: str
    executable: str
    library: str
    native: str
    site: str
    search: tuple[str, ...]
    markers: Mapping[str, str]


_COMMON = {
    "extra": "",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "python_full_version": f"{PYTHON}.2",
    "implementation_version": f"{PYTHON}.2",
    "python_version": PYTHON,
    "platform_release": "",
    "platform_version": "",
}

_PARTS = ("", "/lib-dynload", "/site-packages")

SYSTEMS = {
    "windows": System(
        name="windows",
        platform="x86_64-pc-windows-msvc",
        tensorflow="tensorflow",
        archive=".zip",
        executable="python/python.exe",
        library="python/Lib",
        native="python/DLLs",
        site="python/Lib/site-packages",
        search=("Lib", "DLLs", "Lib/site-packages", "../app"),
        markers=MappingProxyType({
            **_COMMON,
            "os_name": "nt",
            "sys_platform": "win32",
            "platform_system": "Windows",
            "platform_machine": "AMD64",
        }),
    ),
    "linux": System(
        name="linux",
        platform="x86_64-manylinux_2_36",
        tensorflow="tensorflow-cpu",
        archive=".tar.zst",
        executable="python/bin/python",
        library=f"python/lib/python{PYTHON}",
        native=f"python/lib/python{PYTHON}/lib-dynload",
        site=f"python/lib/python{PYTHON}/site-packages",
        search=(*(f"../lib/python{PYTHON}{part}" for part in _PARTS), "../../app"),
        markers=MappingProxyType({
            **_COMMON,
            "os_name": "posix",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": "x86_64",
        }),
    ),
}
