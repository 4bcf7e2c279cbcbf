"""TensorFlow: the default on a CPU, and on NVIDIA's GPUs under Linux."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.backend import Strategy, Tensor, Variable
from models.base import Batch
from models.engine import convolution_memory
from models.engine.base import Computed, Copies, Engine, Gpu
from models.engine.step import as_float
from models.engine.tensorflow import fast_convolution
from models.engine.tensorflow.recompute import recomputed
from models.engine.tensorflow.step import GraphStep, to_tensors
from utils import allocator

MIN_CAPABILITY = (8, 0)  # compute capability of the first GPUs with fast bfloat16: Ampere


class TensorFlow(Engine):
    """See `Engine`."""

    name = "tensorflow"
    title = "TensorFlow"
    errors = (tf.errors.OpError,)
    Step = GraphStep

    def version(self) -> str:
        return str(tf.__version__)

    def tune(self) -> bool:
        """Configure TensorFlow and return whether it has a GPU.

        On a CPU operations run one at a time on all cores: those of our networks are large enough
        to be parallelized well, and concurrent ones compete for caches.
        """
        if _has_gpu():
            return True
        allocator.keep_everything()
        # This graph rewriting fails on gradients, with a warning, and gains nothing here.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        with suppress(RuntimeError):  # already initialized in this process
            tf.config.threading.set_inter_op_parallelism_threads(1)
        return False

    def gpus(self) -> list[Gpu]:
        found = tf.config.list_physical_devices("GPU")
        limits = _memory_limits() if found else []
        return [
            _gpu(number, device, limit)
            for number, (device, limit) in enumerate(zip(found, limits, strict=True))
        ]

    def gpu_memory(self) -> dict[str, int]:
        count = len(tf.config.list_logical_devices("GPU"))
        try:
            found = [tf.config.experimental.get_memory_info(f"GPU:{n}") for n in range(count)]
        except (ValueError, tf.errors.OpError):  # a device that does not count
            return {}
        if not found:
            return {}
        return {"now": sum(i["current"] for i in found), "most": sum(i["peak"] for i in found)}

    def mirror(self, devices: Sequence[str]) -> Strategy:
        return tf.distribute.MirroredStrategy(devices)

    def scope(self, strategy: Strategy | None) -> AbstractContextManager[object]:
        return nullcontext() if strategy is None else strategy.scope()

    def predictor(
        self, function: Callable[..., Any], *shapes: tuple[int | None, ...]
    ) -> Callable[..., Computed]:
        # one trace serves batches of any size
        signature = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
        graph = tf.function(function, input_signature=signature, autograph=False)

        def call(*arrays: np.ndarray | float) -> Computed:
            found = graph(*map(_to_float, arrays))
            return tf.nest.map_structure(_to_array, found)

        return call

    def evaluate(self, function: Callable[..., Any], *batches: Batch) -> Computed:
        found = function(*(as_float(to_tensors(batch)) for batch in batches))
        return tf.nest.map_structure(_to_array, found)

    def all_finite(self, variables: Iterable[Variable]) -> bool:
        return all(tf.reduce_all(tf.math.is_finite(v.value)) for v in variables)

    def recomputed(
        self,
        function: Callable[[list[Tensor]], list[Tensor]],
        inputs: list[Tensor],
        weights: list[Variable],
    ) -> list[Tensor]:
        return recomputed(function, inputs, weights)

    def accelerate(self, networks: Iterable[keras.Model]) -> None:
        if not _has_gpu():  # where cuDNN is faster
            fast_convolution.accelerate(networks)

    def accelerate_prediction(self, networks: Iterable[keras.Model]) -> None:
        if not _has_gpu():
            fast_convolution.accelerate_prediction(networks)

    def copies(self, operation: keras.Operation, count: int) -> Copies | None:
        return convolution_memory.copies(operation, count)

    def is_out_of_memory(self, problem: BaseException) -> bool:
        return isinstance(problem, tf.errors.ResourceExhaustedError) or super().is_out_of_memory(
            problem
        )


def _has_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _to_float(array: np.ndarray | float) -> Tensor:
    """Return images of bytes as 0..1, other numbers as they are, as float32 tensors."""
    tensor = tf.convert_to_tensor(array)
    scale = 1 / 255 if tensor.dtype == tf.uint8 else 1
    return tf.cast(tensor, tf.float32) * scale


def _to_array(tensor: Tensor | None) -> np.ndarray | None:
    return None if tensor is None else tensor.numpy()


def _gpu(number: int, device: object, memory: int) -> Gpu:
    details = tf.config.experimental.get_device_details(device)
    capability = details.get("compute_capability")
    return Gpu(
        f"GPU:{number}",
        str(details.get("device_name", "an unknown GPU")),
        memory,
        capability,
        bfloat16=capability is not None and capability >= MIN_CAPABILITY,
    )


@cache
def _memory_limits() -> list[int]:
    from tensorflow.python.client import device_lib  # starts all GPUs

    found = device_lib.list_local_devices()
    return [int(device.memory_limit) for device in found if device.device_type == "GPU"]
