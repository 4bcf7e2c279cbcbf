"""What is printed before training starts: model, options, networks, memory, device, faces."""

from trainer import memory
from trainer.data.sampler import Sampler
from trainer.progress import duration
from trainer.session import TrainingSession
from utils import lazy
from utils.parallel import cores


def describe(session: TrainingSession, src: Sampler, dst: Sampler, has_gpu: bool = False) -> str:
    """Return the summary, several lines."""
    model, options = session.model, dict(session.save_settings.options)
    past = f"iteration {session.iteration:,}, trained for {duration(session.seconds)}"
    lines = [f"{options.pop('model')}: {past if session.iteration else 'a new model'}", "options"]
    lines += [f"  {name.replace('_', ' '):22}{_shown(value)}" for name, value in options.items()]
    lines.append("networks")
    counts = {name: network.count_params() for name, network in model.networks.items()}
    lines += [f"  {name:16}{count:>13,} parameters" for name, count in counts.items()]
    lines.append(f"  {'total':16}{sum(counts.values()):>13,} parameters")
    copies = session.step.extra_copies
    largest = max(session.batch_size, session.schedule.grow_batch)
    lines.append(f"memory  {memory.describe(model, largest, has_gpu, copies)}")
    lines.append(f"device  {device()}")
    lines.append(f"faces   src {len(src.faces)}, dst {len(dst.faces)}")
    if session.sides_swapped:
        lines.append(f"sides   swapped until iteration {session.swapped_until:,}")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def device() -> str:
    """Name the device that TensorFlow computes on."""
    tf = lazy.load("tensorflow")
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU, {cores()} cores"
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(str(name) for name in names)
