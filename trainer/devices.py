"""What a training computes with: one processor or all GPUs together, in full or mixed precision."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from models.backend import keras, tf
from trainer.options import TrainOptions
from utils.errors import UsageError

BFLOAT16_SINCE = (8, 0)  # compute capability: Ampere


class Devices:
    """The devices of one run.

    Attributes
    ----------
    strategy : tf.distribute.MirroredStrategy, or None for one device
    """

    def __init__(self, options: TrainOptions) -> None:
        gpus = tf.config.list_physical_devices("GPU")
        if options.mixed_precision:
            check_precision(gpus)
        set_precision(mixed=options.mixed_precision)
        self.strategy: Any = None
        if options.multi_gpu:
            self.strategy = mirror([f"GPU:{number}" for number in range(len(gpus))])
            check_batch(options.batch_size, self.count)

    @property
    def count(self) -> int:
        """How many devices share a batch."""
        return 1 if self.strategy is None else int(self.strategy.num_replicas_in_sync)

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which variables must be made, so that each device has its copy."""
        return nullcontext() if self.strategy is None else self.strategy.scope()


def mirror(devices: Sequence[str]) -> Any:  # noqa: ANN401 - a strategy of TensorFlow
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


def check_batch(size: int, devices: int) -> None:
    """Raise a UsageError when a batch cannot be shared evenly."""
    if size % devices:
        raise UsageError(
            f"--batch-size: Expected a multiple of {devices}, the number of GPUs. Received: {size}"
        )


def check_precision(gpus: Sequence[Any]) -> None:
    """Raise a UsageError unless every device is faster in bfloat16 than in float32."""
    if not gpus:
        raise UsageError(
            "--mixed-precision: Expected a GPU. Received: a CPU, which is slower with it. "
            "Leave the flag out"
        )
    for gpu in gpus:
        details = tf.config.experimental.get_device_details(gpu)
        capability = details.get("compute_capability", (0, 0))
        if capability < BFLOAT16_SINCE:
            name, (major, minor) = details.get("device_name", "an unknown GPU"), capability
            raise UsageError(
                f"--mixed-precision: Expected a GPU of compute capability 8.0 or more. "
                f"Received: {name}, {major}.{minor}. Leave the flag out"
            )


def set_precision(*, mixed: bool) -> None:
    """Choose how the networks built from now on compute; their weights stay float32."""
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed else "float32")
