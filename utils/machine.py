"""What the heavy libraries need of this machine; without it they would die without a sentence."""

import ctypes
import platform
import sys
from importlib.util import find_spec
from pathlib import Path

from utils.errors import SYSTEM_LIBRARIES, UserError

CPU_INFO = Path("/proc/cpuinfo")
WINDOWS_AVX = 39  # PF_AVX_INSTRUCTIONS_AVAILABLE of IsProcessorFeaturePresent


def check() -> None:
    """Look for what is often missing, before TensorFlow is loaded, which dies of it.

    Raises
    ------
    UserError
        If the processor lacks AVX, or the system a library that OpenCV needs.
    """
    if not has_avx():
        raise UserError(
            "this processor has no AVX instructions, which TensorFlow needs; run this on a "
            "machine with a processor of 2011 or later (in a virtual machine, pass the host's "
            "processor on)"
        )
    load_opencv()


def has_avx() -> bool:
    """Whether the processor has AVX; True where that cannot be told or does not matter."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    if sys.platform == "win32":
        return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(WINDOWS_AVX))
    flags = _processor_flags()
    return not flags or "avx" in flags


def has_amx() -> bool:
    """Whether the processor has matrix units for bfloat16; False where that cannot be told."""
    return "amx_bf16" in _processor_flags()


def _processor_flags() -> list[str]:
    """Return what Linux says that the processor can do; nothing where it does not say it."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])


def load_opencv() -> None:
    """Load OpenCV's library on Linux, so that one it needs is missed here and not in a worker."""
    found = find_spec("cv2") if sys.platform == "linux" else None
    if found is None or found.origin is None:
        return
    for library in Path(found.origin).parent.glob("cv2*.so"):
        try:
            ctypes.CDLL(str(library))
        except OSError as problem:
            raise UserError(f"OpenCV cannot be loaded ({problem}); {SYSTEM_LIBRARIES}") from None
