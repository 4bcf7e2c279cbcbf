"""How much memory training takes, how much there is, and the batch size that fits.

The estimate counts tensors; `python -m benchmarks.memory` compares it with the measured peak.
"""

import math
from typing import NamedTuple

from models.base import ModelBase
from utils import console, lazy

BYTES = 4  # of a float32
PROGRAM = 600 << 20  # TensorFlow without a model; about the same for a GPU context
BATCHES = (48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)  # the sizes to choose from
CPU_BATCH = 8  # larger batches are no faster there
RAM_SHARE, GPU_SHARE = 0.6, 0.9  # of the free memory, for training
# Layers whose output a GPU keeps for the backward pass; the others reshape the same memory, or
# theirs is freed at once.
KEPT = ("Conv2D", "SeparableConv2D", "Dense", "Permute")


class MemoryEstimate(NamedTuple):
    """Bytes that training takes, by purpose."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    program: int = PROGRAM

    @property
    def total(self) -> int:
        """The sum."""
        return sum(self)


def estimate(
    model: ModelBase, batch_size: int, has_gpu: bool = False, copies: int = 0
) -> MemoryEstimate:
    """Estimate the peak of a training step.

    On a CPU the faster convolutions keep rearranged copies of their inputs, about as large as the
    outputs of all layers.

    Parameters
    ----------
    copies : int
        Arrays as large as the weights that are kept besides them and the two moments.
    """
    weights = BYTES * sum(network.count_params() for network in model.trained.values())
    outputs = sum(_sides(name) * _outputs(net, has_gpu) for name, net in model.trained.items())
    optimizer = (2 + copies) * weights
    return MemoryEstimate(weights, weights, optimizer, BYTES * batch_size * outputs)


def _sides(name: str) -> int:
    """Return how many sides share a network, by its name."""
    return 1 if "_src" in name or "_dst" in name else 2


def _outputs(network: object, only_kept: bool) -> int:
    """Count the output elements of a network's layers for one sample."""
    count = 0
    for layer in network.layers:  # type: ignore[attr-defined]
        if not only_kept or type(layer).__name__ in KEPT:
            tensors = lazy.load("keras").tree.flatten(layer.output)
            count += sum(math.prod(tensor.shape[1:]) for tensor in tensors)
    return count


def available(has_gpu: bool) -> int:
    """Return how many bytes training may take on this machine: of the GPU, or of the RAM."""
    if has_gpu:
        devices = lazy.load("tensorflow.python.client.device_lib").list_local_devices()
        return int(GPU_SHARE * min(d.memory_limit for d in devices if d.device_type == "GPU"))
    return int(RAM_SHARE * lazy.load("psutil").virtual_memory().available)


def fitting_batch(model: ModelBase, room: int, has_gpu: bool = False, copies: int = 0) -> int:
    """Return the largest of BATCHES that fits into `room` bytes; 0: none.

    On a CPU it is not larger than CPU_BATCH.
    """
    batches = [b for b in BATCHES if has_gpu or b <= CPU_BATCH]
    return next((b for b in batches if estimate(model, b, has_gpu, copies).total <= room), 0)


def choose_batch(
    model: ModelBase,
    wanted: int,
    has_gpu: bool,
    devices: int = 1,
    *,
    copies: int = 0,
    grown: int = 0,
) -> int:
    """Return the batch size to train with, split among `devices`; 0 asks for one that fits.

    A size that does not fit is used after a warning, because this is an estimate.

    Parameters
    ----------
    grown : int
        What the size grows to later; it only counts for the warning.
    """
    room = available(has_gpu)
    fitting = devices * fitting_batch(model, room, has_gpu, copies)
    batch = wanted or fitting or devices
    largest = max(batch, grown)
    needed = estimate(model, largest // devices, has_gpu, copies).total
    if needed > room:
        advice = f"a batch size of {fitting} would fit" if fitting else "a smaller model would fit"
        console.warn(
            f"training with a batch size of {largest} takes about {gigabytes(needed)}, but this "
            f"{'GPU' if has_gpu else 'computer'} has {gigabytes(room)} for it; {advice}"
        )
    return batch


def describe(
    model: ModelBase, batch_size: int, has_gpu: bool, copies: int = 0, *, parts: bool = False
) -> str:
    """Describe the memory that training takes, with its parts if they are wanted."""
    memory = estimate(model, batch_size, has_gpu, copies)
    total = f"about {gigabytes(memory.total)} at a batch size of {batch_size}"
    sizes = [f"{name} {gigabytes(size)}" for name, size in memory._asdict().items()]
    return f"{total}: {', '.join(sizes)}" if parts else total


def gigabytes(size: int) -> str:
    """Format a number of bytes: "1.2 GB", "34 MB"."""
    return f"{size / 2**30:.1f} GB" if size >= 2**30 / 10 else f"{size / 2**20:.0f} MB"
