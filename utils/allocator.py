"""Settings of glibc's malloc: keep freed memory for the next image.

By default each block above 128 kB is mapped and unmapped individually, and the kernel zeroes every
page on first touch: for a step on a 256-pixel image that can take longer than the step. Other
allocators are left alone.
"""

import ctypes
import sys

# mallopt's parameter numbers (glibc's malloc.h)
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -2, -3, -4


def keep_buffers() -> bool:
    """Keep freed blocks up to the size of a 4K frame, 256 MB of them; False without glibc."""
    return _set({M_MMAP_THRESHOLD: 32 << 20, M_TRIM_THRESHOLD: 256 << 20})


def keep_everything() -> bool:
    """Keep all freed memory; False without glibc.

    A training step frees and allocates the same few hundred megabytes.
    """
    return _set({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1, M_TOP_PAD: 256 << 20})


def _set(values: dict[int, int]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return sum(mallopt(name, value) for name, value in values.items()) == len(values)
