"""A ucrtbase.dll for wine that has what wine's own lacks; used in tests only, never shipped."""

import re
from pathlib import Path

from bundle.runtimes import exports, zig

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "complex.c"
INNER = "ucrtwine"
"""The name under which wine's own DLL stands behind ours."""
MATH = ("hypot", "atan2", "exp", "log", "cos", "sin")
"""What the shim itself calls, of wine's DLL."""
SIGNATURE = b"Wine builtin DLL"
"""By this wine knows a DLL as its own, which it loads under its own name only."""


def add_shim(system32: Path, scratch: Path) -> None:
    """Put the shim in the place of wine's ucrtbase.dll, and that behind it."""
    original = (system32 / "ucrtbase.dll").read_bytes()
    if SIGNATURE not in original[:128]:
        return
    inner = system32 / f"{INNER}.dll"
    inner.write_bytes(original.replace(SIGNATURE, bytes(len(SIGNATURE)), 1))
    definition, shim = scratch / "shim.def", scratch / "ucrtbase.dll"
    ours = set(implemented())
    lines = [
        f"  {name}=shim_{name}" if name in ours else f"  {name}={INNER}.{name}"
        for name in exports(inner)
    ]
    definition.write_text("LIBRARY ucrtbase.dll\nEXPORTS\n" + "\n".join(lines), encoding="ascii")
    math, library = scratch / "math.def", scratch / "libmath.a"
    math.write_text(f"LIBRARY {INNER}.dll\nEXPORTS\n  " + "\n  ".join(MATH), encoding="ascii")
    zig(scratch, "dlltool", "-m", "i386:x86-64", "-d", math, "-l", library)
    zig(
        scratch, "cc", "-target", "x86_64-windows-gnu", "-shared", "-nostdlib", "-fno-builtin",
        "-O1", "-s", SOURCE, definition, library, "-o", shim,
    )  # fmt: skip
    (system32 / "ucrtbase.dll").write_bytes(shim.read_bytes())


def implemented() -> list[str]:
    """Return the names of the functions that the shim implements."""
    return re.findall(r"^\w+ shim_(\w+)\(", SOURCE.read_text(encoding="utf-8"), re.M)
