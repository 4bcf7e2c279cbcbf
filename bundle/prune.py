"""What a bundle does without, as patterns of paths below the folder that they concern."""

import shutil
from fnmatch import fnmatch
from pathlib import Path

PACKAGES = (
    "bin",  # commands with the path of another Python in their first line
    "examples",
    "tests",
    "*.pth",  # the bundle's Python does not read them
    "*/__pycache__",
    "*/tests",
    "*/testing/tests",
    "onnx/backend/test",
    "tensorflow/include",
    "clang",  # reads C headers; TensorFlow requires it and never imports it
    "libclang-*.dist-info",
    "ai_edge_litert/vendors",  # accelerators of telephones; their libraries are not in the wheel
    "ai_edge_litert/libLiteRtWebGpuAccelerator.*",
    "PIL/_imagingtk.*",
    "setuptools/*.exe",
    "*.lib",
    "*.a",
    "*.rlib",
    "*.pdb",
    "*.h",
    "*.hpp",
    "*.pxd",
    "*.pyx",
    "*.dist-info/RECORD",  # lists what is no longer there
    "*.dist-info/REQUESTED",
    "*.dist-info/INSTALLER",
    "*.dist-info/direct_url.json",
    "*.dist-info/uv_cache.json",
)
"""Of the installed packages. Stub files (.pyi) stay, as scikit-image reads its own, and so do the
`testing` modules, as others import them."""

LIBRARY = (
    "test",
    "*/test",
    "*/tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "turtle.py",
    "ensurepip",
    "lib2to3",
    "site-packages",
    "*/__pycache__",
    "sitecustomize.py",
    "config-3*",
)
"""Of Python's own library; it draws no windows: OpenCV does."""

NATIVE = (
    "*_test*",
    "*xxlimited*",
    "*xxsubtype*",
    "_tkinter*",
    "tcl86t.dll",
    "tk86t.dll",
    "_msi*",
    "winsound*",
    "nis.*",
    "ossaudiodev.*",
    "readline.*",
    "_curses*",
    "_dbm*",
    "_gdbm*",
    "_xxtestfuzz*",
    "api-ms-win-*",  # a part of Windows 10
    "ucrtbase.dll",
)
"""Of Python's native modules: those that would need further libraries of the system."""


def prune(folder: Path, patterns: tuple[str, ...]) -> int:
    """Remove what the patterns name below a folder; return how many bytes that were."""
    freed = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not any(fnmatch(name, pattern) for pattern in patterns) or not path.exists():
            continue
        if path.is_dir():
            freed += sum(file.lstat().st_size for file in path.rglob("*") if file.is_file())
            shutil.rmtree(path)
        else:
            freed += path.lstat().st_size
            path.unlink()
    return freed
