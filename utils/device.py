"""Device selection before TensorFlow is imported, and its configuration afterwards.

Imports nothing heavy, so that the command line can select the device first.
"""

import os
from contextlib import suppress

from utils import allocator, lazy
from utils.errors import UsageError
from utils.options import DeviceOptions


def select(options: DeviceOptions) -> None:
    """Select the device by environment variables; call this before TensorFlow is imported.

    If the user has set CUDA_VISIBLE_DEVICES, `--force-gpu-idx` counts within it.

    Raises
    ------
    UsageError
        If CUDA_VISIBLE_DEVICES has no GPU of that index.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if options.debug else "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    # NVML and nvidia-smi number GPUs in bus order
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
    """Configure TensorFlow and return whether it has a GPU.

    On a CPU operations run one at a time on all cores: those of our networks are large enough to be
    parallelized well, and concurrent ones compete for caches.
    """
    tf = lazy.load("tensorflow")
    if tf.config.list_physical_devices("GPU"):
        return True
    allocator.keep_everything()
    # This graph rewriting fails on gradients, with a warning, and gains nothing here.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    with suppress(RuntimeError):  # already initialized in this process
        tf.config.threading.set_inter_op_parallelism_threads(1)
    return False


def gpus() -> list[str]:
    """Return TensorFlow's names of the visible GPUs: ["GPU:0", "GPU:1"]."""
    tf = lazy.load("tensorflow")
    return [f"GPU:{index}" for index, _ in enumerate(tf.config.list_logical_devices("GPU"))]
