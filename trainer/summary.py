"""What is said before training begins: model, options, networks, memory, device, faces."""

from trainer import memory
from trainer.data.sampler import Sampler
from trainer.options import to_save
from trainer.progress import duration
from trainer.session import TrainingSession
from utils import lazy
from utils.parallel import cores


def describe(session: TrainingSession, src: Sampler, dst: Sampler, has_gpu: bool = False) -> str:
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
    lines.append(f"memory  {memory.describe(model, session.batch_size, has_gpu)}")
    lines.append(f"device  {device()}")
    lines.append(f"faces   src {len(src.faces)}, dst {len(dst.faces)}")
    if session.exchanged:
        lines.append(f"sides   exchanged until iteration {session.exchanged_until:,}")
    return "\n".join(lines)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def device() -> str:
    """Name the processor that TensorFlow works on."""
    tf = lazy.load("tensorflow")
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU, {cores()} cores"
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(str(name) for name in names)
