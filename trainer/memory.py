"""How much memory a training takes, how much there is, and the batch size that fits.

The estimate counts tensors; docs/performance.md compares it with what was measured.
"""

import math
from typing import NamedTuple

from models.base import ModelBase
from utils import console, lazy

BYTES = 4  # of a float32
PROGRAM = 600 << 20  # TensorFlow without a model; about the same for the context of a GPU
BATCHES = (48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)  # those that are chosen from
CPU_BATCH = 8  # more samples at a time are no faster there
RAM_SHARE, GPU_SHARE = 0.6, 0.9  # of what is free, that a training may take
# Layers whose output is kept until the backward pass has used it, where TensorFlow does as it is
# told; the others show the same memory in another shape, or theirs is free at once.
KEPT = ("Conv2D", "SeparableConv2D", "Dense", "Permute")


class MemoryEstimate(NamedTuple):
    """Bytes that a training takes, by what they are for."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    program: int = PROGRAM

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self)


def estimate(model: ModelBase, batch_size: int, has_gpu: bool = False) -> MemoryEstimate:
    """Estimate the peak of a training step.

    On a CPU the faster convolutions keep rearranged copies of what goes through them, about as much
    again as all layers give.
    """
    weights = BYTES * sum(network.count_params() for network in model.networks.values())
    outputs = sum(_sides(name) * _outputs(net, has_gpu) for name, net in model.networks.items())
    return MemoryEstimate(weights, weights, 2 * weights, BYTES * batch_size * outputs)


def _sides(name: str) -> int:
    """How many people's faces go through a network: its name says whether it has one person."""
    return 1 if "_src" in name or "_dst" in name else 2


def _outputs(network: object, only_kept: bool) -> int:
    """Count the numbers that the layers of a network give for one sample."""
    count = 0
    for layer in network.layers:  # type: ignore[attr-defined]
        if not only_kept or type(layer).__name__ in KEPT:
            tensors = lazy.load("keras").tree.flatten(layer.output)
            count += sum(math.prod(tensor.shape[1:]) for tensor in tensors)
    return count


def available(has_gpu: bool) -> int:
    """Return how many bytes a training may take on this machine: of the GPU, or of the RAM."""
    if has_gpu:
        devices = lazy.load("tensorflow.python.client.device_lib").list_local_devices()
        return int(GPU_SHARE * min(d.memory_limit for d in devices if d.device_type == "GPU"))
    return int(RAM_SHARE * lazy.load("psutil").virtual_memory().available)


def fitting_batch(model: ModelBase, room: int, has_gpu: bool = False) -> int:
    """Return the largest batch size, of those that are usual, that fits into `room` bytes; 0: none.

    On a CPU it is not more than is of use.
    """
    batches = [b for b in BATCHES if has_gpu or b <= CPU_BATCH]
    return next((b for b in batches if estimate(model, b, has_gpu).total <= room), 0)


def choose_batch(model: ModelBase, wanted: int, has_gpu: bool, devices: int = 1) -> int:
    """Return the batch size to train with, shared by `devices`; 0 wants the one that fits.

    What does not fit is tried all the same, after a warning: it is an estimate.
    """
    room = available(has_gpu)
    fitting = devices * fitting_batch(model, room, has_gpu)
    batch = wanted or fitting or devices
    needed = estimate(model, batch // devices, has_gpu).total
    if needed > room:
        advice = f"a batch size of {fitting} would fit" if fitting else "a smaller model would fit"
        console.warn(
            f"training with a batch size of {batch} takes about {gigabytes(needed)}, but this "
            f"{'GPU' if has_gpu else 'computer'} has {gigabytes(room)} for it; {advice}"
        )
    return batch


def describe(model: ModelBase, batch_size: int, has_gpu: bool) -> str:
    """Say what a training takes and for what."""
    memory = estimate(model, batch_size, has_gpu)
    parts = [f"{name} {gigabytes(size)}" for name, size in memory._asdict().items()]
    return f"about {gigabytes(memory.total)} at a batch size of {batch_size}: {', '.join(parts)}"


def gigabytes(size: int) -> str:
    """Say a number of bytes: "1.2 GB"."""
    return f"{size / 2**30:.1f} GB"
