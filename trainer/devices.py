"""What a model is trained on: one device or all GPUs together, in full or mixed precision."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from models.backend import Strategy, keras, tf
from utils import machine
from utils.errors import UsageError

MIN_CAPABILITY = (8, 0)  # compute capability of the first GPUs with fast bfloat16: Ampere


def prepare(batch_size: int, *, multi_gpu: bool, mixed_precision: bool) -> Strategy | None:
    """Set the precision and return the strategy that shares batches; None for one device.

    Raises
    ------
    UsageError
        If the devices are not up to it, or cannot share the batch evenly.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if mixed_precision:
        check_precision(gpus)
    set_precision(mixed=mixed_precision)
    if not multi_gpu:
        return None
    strategy = mirror([f"GPU:{number}" for number in range(len(gpus))])
    check_batch(batch_size, len(gpus))
    return strategy


def scope(strategy: Strategy | None) -> AbstractContextManager[Any]:
    """Return the context in which to create variables, so that each device has its copy."""
    return nullcontext() if strategy is None else strategy.scope()


def mirror(devices: Sequence[str]) -> Strategy:
    """Return the strategy that trains on several devices as if they were one.

    Raises
    ------
    UsageError
        If there is only one.
    """
    if len(devices) < 2:
        raise UsageError(
            f"--multi-gpu: Expected at least 2 GPUs that TensorFlow can use. "
            f"Received: {len(devices)}. Leave the flag out"
        )
    return tf.distribute.MirroredStrategy(devices)


def check_batch(size: int, devices: int, flag: str = "--batch-size") -> None:
    """Raise a UsageError when a batch cannot be shared evenly."""
    if size % devices:
        raise UsageError(
            f"{flag}: Expected a multiple of {devices}, the number of GPUs. Received: {size}"
        )


def check_precision(gpus: Sequence[Any]) -> None:
    """Raise a UsageError unless every device is faster in bfloat16 than in float32."""
    if not gpus and not machine.has_amx():
        raise UsageError(
            "--mixed-precision: Expected a GPU, or a CPU with AMX. Received: a CPU without it, "
            "which would be slower. Leave the flag out"
        )
    for gpu in gpus:
        details = tf.config.experimental.get_device_details(gpu)
        capability = details.get("compute_capability", (0, 0))
        if capability < MIN_CAPABILITY:
            name, (major, minor) = details.get("device_name", "an unknown GPU"), capability
            raise UsageError(
                f"--mixed-precision: Expected a GPU of compute capability 8.0 or more. "
                f"Received: {name}, {major}.{minor}. Leave the flag out"
            )


def set_precision(*, mixed: bool) -> None:
    """Choose how networks built from now on compute; their weights stay float32."""
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed else "float32")


def gpu_memory() -> dict[str, int]:
    """Return the bytes that TensorFlow uses on all GPUs, `now` and at `most`; empty without one."""
    count = len(tf.config.list_logical_devices("GPU"))
    try:
        found = [tf.config.experimental.get_memory_info(f"GPU:{n}") for n in range(count)]
    except (ValueError, tf.errors.OpError):  # a device that does not count
        return {}
    if not found:
        return {}
    return {"now": sum(i["current"] for i in found), "most": sum(i["peak"] for i in found)}
