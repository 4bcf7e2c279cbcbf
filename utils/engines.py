"""The libraries that can run the networks, and which of them does; neither is imported here.

A GPU that an installed one can use decides; without that it is the first one that is installed.
"""

import os
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from utils import gpus, requirements
from utils.errors import UsageError, UserError
from utils.stage_options import AUTO, EngineOptions

VARIABLE = "KERAS_BACKEND"
"""The environment variable by which Keras, and `models.engine`, know the engine."""
TENSORFLOW, TORCH = "tensorflow", "torch"
TITLES = {TENSORFLOW: "TensorFlow", TORCH: "PyTorch"}
"""The engines, the preferred one first; each is called like its package."""
PAGE = "docs/gpu.md"
BUILDS = {"cuda": gpus.NVIDIA, "hip": gpus.AMD, "xpu": gpus.INTEL}
"""What PyTorch may be built for, and whose GPUs that means."""


class EngineChoice(NamedTuple):
    """An engine, and what to say of the choice; nothing in most cases."""

    name: str
    note: str = ""


def choose(options: EngineOptions) -> EngineChoice:
    """Return the engine that options ask for, or the best one here.

    Raises
    ------
    UsageError
        If KERAS_BACKEND names what is none of our engines.
    UserError
        If the engine is not installed.
    """
    name = options.engine
    if name == AUTO:
        name = os.environ.get(VARIABLE) or _best(cpu_only=options.cpu_only)
    if name not in TITLES:
        raise UsageError(f"KERAS_BACKEND: Expected {' or '.join(TITLES)}. Received: {name}")
    if not requirements.is_installed(name):
        raise UserError(f"{TITLES[name]} is not installed; {requirements.how_to_install(name)}")
    return EngineChoice(name, "" if options.cpu_only else _unused_gpu(name))


def current() -> str:
    """Return the engine of this process, or the one that it would take by default."""
    return os.environ.get(VARIABLE, TENSORFLOW)


def title() -> str:
    """Return the name of the current engine, for messages."""
    return TITLES.get(current(), current())


def _best(*, cpu_only: bool) -> str:
    installed = [name for name in TITLES if requirements.is_installed(name)]
    if not installed:
        raise UserError(
            "neither TensorFlow nor PyTorch is installed; "
            f"{requirements.how_to_install(TENSORFLOW)} ({PAGE} says which can use your GPU)"
        )
    with_gpu = [name for name in installed if not cpu_only and usable_gpus(name)]
    return (with_gpu or installed)[0]


def _unused_gpu(name: str) -> str:
    """Say that there is a GPU that the engine cannot use, if there is."""
    # Almost every laptop has one of Intel's, and few are worth the trouble.
    idle = sorted(gpus.makers() - {gpus.INTEL})
    if not idle or usable_gpus(name):
        return ""
    return f"the installed {TITLES[name]} cannot use this machine's {idle[0]} GPU; see {PAGE}"


def usable_gpus(name: str) -> set[str]:
    """Return the makers of the GPUs here that an installed engine can use."""
    there = gpus.makers()
    if not there or not requirements.is_installed(name):
        return set()
    return there & set(_tensorflow_builds() if name == TENSORFLOW else _torch_builds())


def has_gpu() -> bool:
    """Whether there is a GPU that any installed engine can use."""
    return any(map(usable_gpus, TITLES))


def _tensorflow_builds() -> Iterator[str]:
    """Yield whose GPUs the installed TensorFlow can use."""
    if sys.platform != "linux":  # no GPU on native Windows since 2.11, and none of Apple's
        return
    built = _text(TENSORFLOW, "python/platform/build_info.py")
    if "'is_rocm_build', True" in built:
        yield gpus.AMD
    if "'is_cuda_build', True" in built and _has_cuda(built):
        yield gpus.NVIDIA


def _has_cuda(built: str) -> bool:
    """Whether the CUDA libraries that TensorFlow was built with are there, too.

    Without `tensorflow[and-cuda]`, or a CUDA of the system's, it runs on the CPU.
    """
    from ctypes.util import find_library  # not at the top: slow, and seldom needed
    from importlib import metadata

    version = re.search(r"'cuda_version', '(\d+)", built)
    try:
        metadata.distribution(f"nvidia-cudnn-cu{version[1] if version else ''}")
    except metadata.PackageNotFoundError:
        return find_library("cudnn") is not None
    return True


def _torch_builds() -> Iterator[str]:
    """Yield whose GPUs the installed PyTorch can use."""
    if sys.platform == "darwin":
        yield gpus.APPLE
    built = _text(TORCH, "version.py")
    for name, maker in BUILDS.items():
        if re.search(rf"^{name}\b.*=\s*['\"]", built, re.MULTILINE):
            yield maker


def _text(package: str, file: str) -> str:
    """Return a file of an installed package; nothing if there is none."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return ""
    try:
        return (Path(spec.origin).parent / file).read_text(encoding="utf-8")
    except OSError:
        return ""
