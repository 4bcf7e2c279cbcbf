"""What is said before training begins: model, options, networks, memory, device, faces."""

import math

from models.base import ModelBase
from trainer.options import to_save
from trainer.progress import duration
from trainer.sampler import Sampler
from trainer.session import Session
from utils import lazy
from utils.parallel import cores

BYTES = 4  # of a float32
COPIES = 4  # of each weight: itself, its gradient, two moments
PROGRAM = 600 << 20  # TensorFlow without a model


def describe(session: Session, src: Sampler, dst: Sampler) -> str:
    """Return the summary, several lines."""
    options, model = session.options, session.model
    past = f"iteration {session.iteration:,}, trained for {duration(session.seconds)}"
    lines = [f"{options.model}: {past if session.iteration else 'a new model'}", "options"]
    shown = {name: value for name, value in to_save(options).items() if name != "model"}
    lines += [f"  {name.replace('_', ' '):16}{_word(value)}" for name, value in shown.items()]
    lines.append("networks")
    counts = {name: network.count_params() for name, network in model.networks.items()}
    lines += [f"  {name:16}{count:>13,} parameters" for name, count in counts.items()]
    lines.append(f"  {'total':16}{sum(counts.values()):>13,} parameters")
    lines.append(f"memory  about {estimate_memory(model, options.batch_size) / 2**30:.1f} GB")
    lines.append(f"device  {device()}")
    lines.append(f"faces   src {len(src.faces)}, dst {len(dst.faces)}")
    return "\n".join(lines)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def estimate_memory(model: ModelBase, batch_size: int) -> int:
    """Estimate the bytes that training takes; within 10 % for both H64 at a batch of 8.

    What every layer gives is kept for the backward pass; used up, it makes room for gradients.
    A network whose name ends in a side sees that side only.
    """
    tree = lazy.load("keras").tree
    weights = outputs = 0
    for name, network in model.networks.items():
        sides = 1 if name.endswith(("_src", "_dst")) else 2
        tensors = [t for layer in network.layers for t in tree.flatten(layer.output)]
        outputs += sides * sum(math.prod(tensor.shape[1:]) for tensor in tensors)
        weights += network.count_params()
    return BYTES * (COPIES * weights + batch_size * outputs) + PROGRAM


def device() -> str:
    """Name the processor that TensorFlow works on."""
    tf = lazy.load("tensorflow")
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU, {cores()} cores"
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(str(name) for name in names)
