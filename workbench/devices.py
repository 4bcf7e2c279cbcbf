"""Devices: jobs of one run one after the other, those of others side by side.

default   the first GPU, which a command takes that names none; without a GPU all commands
gpu1      --force-gpu-idx 1, and so on; 0 is the first one, that is, default
gpus      --multi-gpu: all of them, so that no other GPU's job runs at the same time
cpu       --cpu-only, beside a GPU
"""

import re
from collections.abc import Sequence
from functools import cache

from utils import engines
from utils.errors import UsageError
from utils.stage_options import DeviceOptions
from workbench import forms

DEFAULT, ALL, CPU = "default", "gpus", "cpu"
KNOWN = re.compile(r"default|cpu|gpus|gpu(0|[1-9][0-9]{0,3})")


@cache
def has_gpu() -> bool:
    """Whether there is a GPU that an installed engine can use, told without loading one."""
    return engines.has_gpu()


def device_of(words: Sequence[str]) -> str:
    """Return the device that a command line asks for."""
    cls, given = forms.read_flags(words)
    if not issubclass(cls, DeviceOptions):
        return DEFAULT
    if given.get("cpu_only"):
        return present(CPU)
    if given.get("multi_gpu"):
        return present(ALL)
    return present(f"gpu{given.get('force_gpu_idx') or 0}")


def named(text: str) -> str:
    """Return the device that a text names.

    Raises
    ------
    UsageError
        If there can be no such device.
    """
    if not KNOWN.fullmatch(text):
        raise UsageError(f"--device: Expected default, cpu, gpus or gpu1. Received: {text}")
    return present(text)


def present(device: str) -> str:
    """Return which device of this machine one is: without a GPU there is only one."""
    return DEFAULT if device == "gpu0" or not has_gpu() else device


def exclude(one: str, other: str) -> bool:
    """Whether jobs of two devices need the same hardware."""
    return one == other or (ALL in (one, other) and CPU not in (one, other))
