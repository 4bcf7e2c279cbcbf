"""What is printed before training starts: model, options, networks, memory, device, faces."""

from collections.abc import Mapping

from trainer import memory
from trainer.data.sampler import Sampler
from trainer.options import options_class
from trainer.session import TrainingSession
from utils import lazy
from utils.options import options_of, to_text
from utils.parallel import cores
from utils.wording import duration


def describe(session: TrainingSession, src: Sampler, dst: Sampler, has_gpu: bool = False) -> str:
    """Return the summary, several lines."""
    model, options = session.model, dict(session.save_settings.options)
    model_name = options.pop("model")
    past = f"iteration {session.iteration:,}, trained for {duration(session.seconds)}"
    lines = [f"{model_name}: {past if session.iteration else 'a new model'}", "options"]
    lines += _table(model_name, options)
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


def _table(model: str, values: Mapping[str, object]) -> list[str]:
    """Return a line for each option, with a word where 0 or no value means something."""
    declared = {option.name: option for option in options_of(options_class(model))}
    width = max(map(len, values)) + 2
    return [
        f"  {name.replace('_', ' '):{width}}"
        f"{declared[name].show(value) if name in declared else to_text(value)}"
        for name, value in values.items()
    ]


def device() -> str:
    """Name the device that TensorFlow computes on."""
    tf = lazy.load("tensorflow")
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU, {cores()} cores"
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(str(name) for name in names)
