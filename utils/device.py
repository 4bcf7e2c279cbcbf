"""Which processor TensorFlow uses and how: chosen before it is imported, tuned once it is.

This file imports nothing heavy, so the command line can decide before anything does.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from utils import allocator, lazy
from utils.errors import UsageError
from utils.options import DeviceOptions


def select(options: DeviceOptions) -> None:
    """Choose the device by environment variables; call it before TensorFlow is imported.

    A CUDA_VISIBLE_DEVICES that the user has set is respected: `--force-gpu-idx` counts within it.

    Raises
    ------
    UsageError
        When CUDA_VISIBLE_DEVICES leaves no GPU of that number.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if options.debug else "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    # NVML, nvidia-smi and people count GPUs in the order of the bus
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    if options.cpu_only:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    elif options.force_gpu_idx is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = _visible(options.force_gpu_idx)


def _visible(index: int) -> str:
    listed = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if listed == [""]:
        return str(index)
    if index >= len(listed):
        raise UsageError(
            f"--force-gpu-idx: CUDA_VISIBLE_DEVICES leaves {len(listed)} GPU(s). "
            f"Expected a number below that. Received: {index}"
        )
    return listed[index].strip()


def tune() -> bool:
    """Prepare TensorFlow for long work and return whether it has a GPU.

    On a CPU one operation at a time gets all cores: those of our networks are large enough to be
    split well, and two at once only compete for caches.
    """
    tf = lazy.load("tensorflow")
    with no_greeting():
        tf.config.list_physical_devices()
        lazy.load("keras").config.backend()
    if tf.config.list_physical_devices("GPU"):
        return True
    allocator.keep_everything()
    # This rewriting trips over gradients (it says so and gives up) and is worth nothing here.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    with suppress(RuntimeError):  # it is already at work in this process; its threads stay
        tf.config.threading.set_inter_op_parallelism_threads(1)
    return False


@contextmanager
def no_greeting() -> Iterator[None]:
    """Keep from the terminal what TensorFlow's and LiteRT's libraries say when they are loaded.

    They write to the descriptor itself before they look at any setting; errors are exceptions.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":  # --debug
        yield
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)


def gpus() -> list[str]:
    """Return TensorFlow's names of the GPUs it may use: ["GPU:0", "GPU:1"]."""
    tf = lazy.load("tensorflow")
    return [f"GPU:{index}" for index, _ in enumerate(tf.config.list_logical_devices("GPU"))]
