"""What a model is trained on: one device or all GPUs together, in full or mixed precision."""

from collections.abc import Sequence

from models.backend import Strategy, keras
from models.engine import engine
from models.engine.base import Gpu
from utils import machine
from utils.errors import UsageError


def prepare(batch_size: int, *, multi_gpu: bool, mixed_precision: bool) -> Strategy | None:
    """Set the precision and return the strategy that shares batches; None for one device.

    Raises
    ------
    UsageError
        If the devices are not up to it, or cannot share the batch evenly.
    """
    gpus = engine().gpus() if multi_gpu or mixed_precision else []
    if mixed_precision:
        check_precision(gpus)
    set_precision(mixed=mixed_precision)
    if not multi_gpu:
        return None
    strategy = mirror([gpu.device for gpu in gpus])
    check_batch(batch_size, len(gpus))
    return strategy


def mirror(devices: Sequence[str]) -> Strategy:
    """Return the strategy that trains on several devices as if they were one.

    Raises
    ------
    UsageError
        If there is only one.
    """
    check_count(len(devices))
    return engine().mirror(devices)


def check_count(count: int) -> None:
    """Raise a UsageError unless there are several GPUs to share a batch."""
    if count < 2:
        raise UsageError(
            f"--multi-gpu: Expected at least 2 GPUs that {engine().title} can use. "
            f"Received: {count}. Leave the flag out"
        )


def check_batch(size: int, devices: int, flag: str = "--batch-size") -> None:
    """Raise a UsageError when a batch cannot be shared evenly."""
    if size % devices:
        raise UsageError(
            f"{flag}: Expected a multiple of {devices}, the number of GPUs. Received: {size}"
        )


def check_precision(gpus: Sequence[Gpu]) -> None:
    """Raise a UsageError unless every device is faster in bfloat16 than in float32."""
    if not gpus and not machine.has_amx():
        raise UsageError(
            "--mixed-precision: Expected a GPU, or a CPU with AMX. Received: a CPU without it, "
            "which would be slower. Leave the flag out"
        )
    for gpu in gpus:
        if not gpu.bfloat16:
            known = "" if gpu.capability is None else ", {}.{}".format(*gpu.capability)
            raise UsageError(
                "--mixed-precision: Expected a GPU that is fast in bfloat16, such as NVIDIA's of "
                f"compute capability 8.0 or more. Received: {gpu.name}{known}. Leave the flag out"
            )


def set_precision(*, mixed: bool) -> None:
    """Choose how networks built from now on compute; their weights stay float32."""
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed else "float32")
