"""How glibc's malloc gives memory back: not at once, because the next picture wants it again.

By default it maps each block of more than 128 kB anew and unmaps it when it is freed, and the
system fills every page of it with zeros at the first touch: for a step on a picture of 256 pixels
that can take longer than the step. Other systems' allocators are left alone.
"""

import ctypes
import sys

# mallopt's parameter numbers (glibc's malloc.h)
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -2, -3, -4


def keep_pictures() -> bool:
    """Keep freed blocks up to the size of a 4K frame, 256 MB of them; False without glibc."""
    return _set({M_MMAP_THRESHOLD: 32 << 20, M_TRIM_THRESHOLD: 256 << 20})


def keep_everything() -> bool:
    """Keep all freed memory; False without glibc.

    A training step frees and asks again for the same few hundred megabytes.
    """
    return _set({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1, M_TOP_PAD: 256 << 20})


def _set(values: dict[int, int]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return sum(mallopt(name, value) for name, value in values.items()) == len(values)
