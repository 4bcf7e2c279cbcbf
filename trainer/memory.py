"""How much memory training takes, how much there is, and the batch size that fits.

The estimate counts tensors; `python -m benchmarks.memory` compares it with the measured peak.
"""

from collections.abc import Iterable
from typing import NamedTuple

from models import activations, save_memory
from models.backend import keras
from models.base import ModelBase
from models.engine import engine
from models.save_memory import NetworkPart
from utils import console, lazy
from utils.errors import UsageError
from utils.options import options_of

BYTES = 4  # of a float32
PROGRAM = 800 << 20  # the program without a model; about the same for a GPU's context
BATCHES = (48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)  # the sizes to choose from
CPU_BATCH = 8  # larger batches are no faster there
RAM_SHARE, GPU_SHARE = 0.6, 0.9  # of the free memory, for training
LOSS_IMAGES = 40  # what losses keep, as images of all faces
STYLES = ("face_style_power", "bg_style_power")
SIZES = ("resolution", "ae_dims", "inter_dims", "e_dims", "d_dims", "ed_ch_dims", "lightweight")
"""Options that make a model smaller."""


class MemoryEstimate(NamedTuple):
    """Bytes at the moment of a step that takes the most, by purpose."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    program: int = PROGRAM

    @property
    def total(self) -> int:
        """The sum."""
        return sum(self)


class _Held(NamedTuple):
    """What a network takes of a batch: until its backward pass, and besides that during it."""

    kept: int
    working: int


def estimate(
    model: ModelBase, batch_size: int, has_gpu: bool = False, copies: int = 0, *, save: bool = False
) -> MemoryEstimate:
    """Estimate the peak of a training step.

    Backward, the activations of one network after another make room for its gradients. On a CPU
    the faster convolutions keep rearranged copies of their inputs and weights; and with two
    decoders TensorFlow sometimes finishes one before the other, which then takes less.

    Parameters
    ----------
    copies : int
        Arrays as large as the weights that are kept besides them and the two moments.
    save : bool
        Whether to assume `--save-memory`, if the networks do not follow it anyway.
    """
    held = {
        name: _held(network, _faces(model, name, batch_size), has_gpu, save)
        for name, network in model.trained.items()
    }
    in_losses = LOSS_IMAGES * 2 * batch_size * 3 * BYTES * model.resolution**2
    kept, gradients = sum(each.kept for each in held.values()), 0
    moments = []
    for name, network in reversed(model.trained.items()):
        moments.append((gradients, kept + in_losses + held[name].working))
        in_losses, kept = 0, kept - held[name].kept
        gradients += BYTES * network.count_params()
    weights, most = gradients, max(*moments, (gradients, 0), key=sum)
    return MemoryEstimate(weights, most[0], (2 + copies) * weights, most[1])


def _faces(model: ModelBase, name: str, batch_size: int) -> int:
    """Return how many faces go through a network, by its name, in a step."""
    sides = 1 if "_src" in name or "_dst" in name else 2
    if name in ("decoder", "decoder_src"):  # draws swaps, too, for their style
        sides += sum(getattr(model.options, style, 0) > 0 for style in STYLES)
    return sides * batch_size


def _held(network: "keras.Model", count: int, has_gpu: bool, save: bool) -> _Held:
    parts = save_memory.parts_of(network) or (
        save_memory.cut(network, on_cpu=not has_gpu) if save else None
    )
    if parts is None:
        return _of(network.operations, set(), count, has_gpu)
    inside = [sum(_of_part(part, count, has_gpu)) for part in parts]
    return _Held(count * save_memory.stored(parts), max(inside))


def _of_part(part: NetworkPart, count: int, has_gpu: bool) -> _Held:
    outside = {id(activations.owner(tensor)) for tensor in part.inputs + part.outputs}
    return _of(part.operations, outside, count, has_gpu)


def _of(
    operations: "Iterable[keras.Operation]", outside: set[int], count: int, has_gpu: bool
) -> _Held:
    """Return what operations keep beside the tensors `outside`, and what one takes at most."""
    tensors, copied, working = activations.Kept(), 0, 0
    for operation in operations:
        copies = None if has_gpu else engine().copies(operation, count)
        if copies is None:
            tensors |= activations.kept([operation])
        else:
            copied += copies.kept
        largest = max(map(activations.size, activations.flat(operation.output)))
        working = max(working, copies.working if copies else 2 * count * largest)
    kept = sum(size for tensor, size in tensors.items() if tensor not in outside)
    return _Held(count * kept + copied, working)


def available(has_gpu: bool) -> int:
    """Return how many bytes training may take on this machine: of the GPU, or of the RAM."""
    return int(GPU_SHARE * _gpu_limit()) if has_gpu else int(RAM_SHARE * _free_ram())


def _gpu_limit() -> int:
    return min(gpu.memory for gpu in engine().gpus())


def _free_ram() -> int:
    return int(lazy.load("psutil").virtual_memory().available)


def check_weights(model: ModelBase, has_gpu: bool, copies: int = 0) -> None:
    """Refuse a model whose weights alone do not fit.

    Parameters
    ----------
    model : ModelBase
        It needs no weights, see `models.weight_transfer.without_weights`.
    copies : int
        As in `estimate`.

    Raises
    ------
    UsageError
    """
    room = _gpu_limit() if has_gpu else _free_ram()
    weights = BYTES * sum(network.count_params() for network in model.networks.values())
    needed = (4 + copies) * weights + PROGRAM
    if needed > room:
        names = {option.name for option in options_of(type(model.options))}
        flags = [f"--{name.replace('_', '-')}" for name in SIZES if name in names]
        smaller = f" ({', '.join(flags)})" if flags else ""
        raise UsageError(
            f"this model takes {gigabytes(needed)} before it sees a face, but this "
            f"{_device(has_gpu)} has {gigabytes(room)}; choose a smaller one{smaller}, in another "
            "--model-dir if this one exists"
        )


def fitting_batch(
    model: ModelBase, room: int, has_gpu: bool = False, copies: int = 0, *, save: bool = False
) -> int:
    """Return the largest of BATCHES that fits into `room` bytes; 0: none.

    On a CPU it is not larger than CPU_BATCH.
    """
    batches = (b for b in BATCHES if has_gpu or b <= CPU_BATCH)
    fits = (b for b in batches if estimate(model, b, has_gpu, copies, save=save).total <= room)
    return next(fits, 0)


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
        saving = estimate(model, largest // devices, has_gpu, copies, save=True).total
        advice = f"a batch size of {fitting} would fit" if fitting else "a smaller model would fit"
        if saving <= room:
            advice = f"with --save-memory it would fit, or {advice}"
        console.warn(
            f"training with a batch size of {largest} takes about {gigabytes(needed)}, but this "
            f"{_device(has_gpu)} has {gigabytes(room)} for it; {advice}"
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


def _device(has_gpu: bool) -> str:
    return "GPU" if has_gpu else "computer"


def gigabytes(size: int) -> str:
    """Format a number of bytes: "1.2 GB", "34 MB"."""
    return f"{size / 2**30:.1f} GB" if size >= 2**30 / 10 else f"{size / 2**20:.0f} MB"
