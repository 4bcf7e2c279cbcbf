"""Device selection before TensorFlow or PyTorch is imported.

Imports nothing heavy, so that the command line can select the device first.
"""

import os

from utils import lazy
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


def gpus() -> list[str]:
    """Return the names of TensorFlow's visible GPUs, for what runs in nothing else: MTCNN."""
    tf = lazy.load("tensorflow")
    return [f"GPU:{index}" for index, _ in enumerate(tf.config.list_logical_devices("GPU"))]
