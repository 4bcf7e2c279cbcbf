"""PyTorch: for the GPUs that TensorFlow does not know, and those it no longer knows."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import torch

from models.backend import Strategy, Tensor, Variable
from models.base import Batch
from models.engine import convolution_memory
from models.engine.base import Computed, Copies, Engine, Gpu
from models.engine.step import Members, as_float
from models.engine.torch import capability, fast_convolution
from models.engine.torch.arrays import to_array, to_float, to_tensors
from models.engine.torch.members import LocalMembers
from models.engine.torch.recompute import recomputed
from models.engine.torch.step import TorchStep
from utils import allocator

MIN_CAPABILITY = (8, 0)  # compute capability of the first GPUs with fast bfloat16: Ampere
NO_MEMORY = ("can't allocate memory", "not enough memory", "alloc_failed")


class Torch(Engine):
    """See `Engine`."""

    name = "torch"
    title = "PyTorch"
    mirrors = False
    errors = (RuntimeError,)
    Step = TorchStep

    def version(self) -> str:
        return str(torch.__version__)

    def tune(self) -> bool:
        """Configure PyTorch and return whether it has a GPU.

        Numbers too small to be normal are taken for 0, as TensorFlow does; the moments of idle
        weights fade into them, where each operation would take a hundred times as long.

        Raises
        ------
        UserError
            If PyTorch was not compiled for the GPU.
        """
        capability.check()
        if _kind() is not None:
            torch.set_float32_matmul_precision("high")  # TF32
            torch.backends.cudnn.benchmark = True
            return True
        allocator.keep_everything()
        torch.set_flush_denormal(True)
        return False

    def gpus(self) -> list[Gpu]:
        kind = _kind()
        if kind is None:
            return []
        if kind == "mps":
            memory = torch.mps.recommended_max_memory()
            return [Gpu("mps", "Apple GPU", memory, None, bfloat16=False)]
        return [_gpu(kind, number) for number in range(getattr(torch, kind).device_count())]

    def gpu_memory(self) -> dict[str, int]:
        kind = _kind()
        if kind is None:
            return {}
        if kind == "mps":
            now, most = torch.mps.current_allocated_memory(), torch.mps.driver_allocated_memory()
            return {"now": now, "most": most}
        module = getattr(torch, kind)
        devices = range(module.device_count())
        return {
            "now": sum(map(module.memory_allocated, devices)),
            "most": sum(map(module.max_memory_allocated, devices)),
        }

    def mirror(self, devices: Sequence[str]) -> Strategy:
        raise NotImplementedError("it takes a process for each, see trainer.cluster.local")

    def on_one_machine(self, members: Members, port: int) -> Members:
        return LocalMembers(members, port)

    def predictor(
        self, function: Callable[..., Any], *shapes: tuple[int | None, ...]
    ) -> Callable[..., Computed]:
        def call(*arrays: np.ndarray | float) -> Computed:
            with torch.inference_mode():
                found = function(*map(to_float, arrays))
                return keras.tree.map_structure(to_array, found)

        return call

    def evaluate(self, function: Callable[..., Any], *batches: Batch) -> Computed:
        with torch.inference_mode():
            found = function(*(as_float(to_tensors(batch)) for batch in batches))
            return keras.tree.map_structure(to_array, found)

    def all_finite(self, variables: Iterable[Variable]) -> bool:
        found = [torch.isfinite(variable.value.detach()).all() for variable in variables]
        return not found or bool(torch.stack(found).all())

    def recomputed(
        self,
        function: Callable[[list[Tensor]], list[Tensor]],
        inputs: list[Tensor],
        weights: list[Variable],
    ) -> list[Tensor]:
        return recomputed(function, inputs)

    def accelerate(self, networks: Iterable[keras.Model]) -> None:
        fast_convolution.accelerate(networks, on_cpu=_kind() is None)

    def accelerate_prediction(self, networks: Iterable[keras.Model]) -> None:
        fast_convolution.accelerate_prediction(networks, on_cpu=_kind() is None)

    def copies(self, operation: keras.Operation, count: int) -> Copies | None:
        return convolution_memory.copies(operation, count)

    def is_out_of_memory(self, problem: BaseException) -> bool:
        if isinstance(problem, torch.OutOfMemoryError):
            return True
        text = str(problem).lower()
        return any(phrase in text for phrase in NO_MEMORY) or super().is_out_of_memory(problem)


def _kind() -> str | None:
    """Return which GPUs Keras uses: "cuda", which AMD's are, too, "mps" or "xpu"; None for none."""
    kind = str(keras.ops.zeros(()).device.type)
    return None if kind == "cpu" else kind


def _gpu(kind: str, number: int) -> Gpu:
    module = getattr(torch, kind)
    properties = module.get_device_properties(number)
    nvidia = kind == "cuda" and torch.version.hip is None
    capability = (properties.major, properties.minor) if nvidia else None
    fast = capability is None or capability >= MIN_CAPABILITY
    memory = properties.total_memory
    return Gpu(f"{kind}:{number}", properties.name, memory, capability, bfloat16=fast)
