"""Whose GPUs this machine has, told by the files of their drivers: no library is loaded for it."""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

NVIDIA, AMD, INTEL, APPLE = "NVIDIA", "AMD", "Intel", "Apple"
DRIVERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "linux": {
        NVIDIA: ("/dev/nvidia[0-9]*", "/usr/lib/wsl/lib/libcuda.so*"),
        AMD: ("/dev/kfd",),
    },
    "win32": {
        NVIDIA: ("nvcuda.dll",),
        AMD: ("amdhip64*.dll",),
        INTEL: ("ze_intel_gpu*.dll",),
    },
}
"""What there is with a GPU, by system; the files of Windows are in its folder System32."""
PCI_VENDORS = "/sys/class/drm/renderD*/device/vendor"
PCI_INTEL = "0x8086"
CUDA = "CUDA_VISIBLE_DEVICES"
VISIBLE: Mapping[str, str] = {
    NVIDIA: CUDA,
    AMD: "HIP_VISIBLE_DEVICES",
    INTEL: "ZE_AFFINITY_MASK",
}
"""The environment variables that say which GPUs a program may see."""


def makers() -> set[str]:
    """Return the makers of the GPUs that this process may see."""
    hidden = {maker for maker, name in VISIBLE.items() if _hides(name)}
    return set(_installed() - hidden)


def _hides(name: str) -> bool:
    """Whether an environment variable leaves no GPU; for CUDA an empty one does so, too."""
    shown = os.environ.get(name)
    return shown is not None and (shown.startswith("-") or (not shown and name == CUDA))


@cache
def _installed() -> frozenset[str]:
    if sys.platform == "darwin":
        return frozenset({APPLE} if platform.machine() == "arm64" else ())
    files = DRIVERS.get(sys.platform, {})
    found = {maker for maker, patterns in files.items() if any(map(_exists, patterns))}
    if any(vendor == PCI_INTEL for vendor in _pci_vendors()):
        found.add(INTEL)
    return frozenset(found)


def _exists(pattern: str) -> bool:
    if sys.platform == "win32":
        pattern = f"{os.environ.get('SYSTEMROOT', 'C:/Windows')}/System32/{pattern}"
    return any(_matching(pattern))


def _matching(pattern: str) -> Iterator[Path]:
    path = Path(pattern)
    return path.parent.glob(path.name)


def _pci_vendors() -> Iterator[str]:
    """Yield the vendors of what Linux can render with."""
    root, _, pattern = PCI_VENDORS.partition("renderD")
    for path in Path(root).glob("renderD" + pattern):
        try:
            yield path.read_text(encoding="ascii").strip()
        except OSError:  # it went away, or is not for us to read
            continue
