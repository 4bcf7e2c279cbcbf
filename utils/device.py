"""Selection of the engine and its device, before TensorFlow or PyTorch is imported.

Imports nothing heavy, so that the command line can select the device first.
"""

import os

from utils import console, engines, lazy
from utils.errors import UsageError
from utils.gpus import AMD, APPLE, NVIDIA, VISIBLE
from utils.stage_options import DeviceOptions, EngineOptions


def select(options: DeviceOptions) -> None:
    """Select by environment variables; call this before TensorFlow or PyTorch is imported.

    If the user has set CUDA_VISIBLE_DEVICES, `--force-gpu-idx` counts within it; with the GPUs of
    AMD and Intel the variable is another one.

    Raises
    ------
    UsageError
        If there is no GPU of that index, or the options exclude each other.
    UserError
        If the engine is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if options.debug else "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    # NVML and nvidia-smi number GPUs in bus order
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    # PyTorch's threads otherwise wait for each other at full speed, while others need the cores
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    engine = _select_engine(options)
    if options.cpu_only:
        os.environ |= {VISIBLE[NVIDIA]: "-1", VISIBLE[AMD]: "-1", "KERAS_TORCH_DEVICE": "cpu"}
    elif options.force_gpu_idx is not None:
        _show_only(options.force_gpu_idx, engines.usable_gpus(engine))


def _select_engine(options: DeviceOptions) -> str:
    engine = engines.TENSORFLOW  # of the one network that is not ours: MTCNN
    if isinstance(options, EngineOptions):
        engine, note = engines.choose(options)
        if note:
            console.warn(note)
    os.environ[engines.VARIABLE] = engine
    return engine


def _show_only(index: int, makers: set[str]) -> None:
    """Hide all GPUs but one of those that the engine can use."""
    if makers == {APPLE}:
        if index:
            raise UsageError(f"--force-gpu-idx: Expected 0, the only GPU. Received: {index}")
        return
    for maker in makers or {NVIDIA}:
        os.environ[VISIBLE[maker]] = _visible(index, VISIBLE[maker])


def _visible(index: int, variable: str) -> str:
    shown = os.environ.get(variable)
    if shown is None:
        return str(index)
    listed = [each for each in shown.split(",") if each.strip()]
    if index >= len(listed):
        raise UsageError(
            f"--force-gpu-idx: {variable} leaves {len(listed)} GPU(s). "
            f"Expected a number below that. Received: {index}"
        )
    return listed[index].strip()


def gpus() -> list[str]:
    """Return the names of TensorFlow's visible GPUs, for what runs in nothing else: MTCNN."""
    tf = lazy.load("tensorflow")
    return [f"GPU:{index}" for index, _ in enumerate(tf.config.list_logical_devices("GPU"))]
