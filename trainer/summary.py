"""What is printed before training starts: model, options, networks, memory, device, faces."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facelib import face_mask
from models.engine import engine
from trainer import memory
from trainer.data.sampler import Sampler
from trainer.options import TrainOptions, flag_of, of_phase, options_class
from trainer.session import TrainingSession
from utils.options import options_of, plain, to_text
from utils.parallel import cores
from utils.wording import duration, targets

UNCHANGED = "options  all at their defaults"


def describe(session: TrainingSession, src: Sampler, dst: Sampler, has_gpu: bool = False) -> str:
    """Return the summary, several lines; of a model that goes on only what may have changed."""
    options = dict(session.save_settings.options)
    counts = {name: net.count_params() for name, net in session.model.networks.items()}
    total = f"{sum(counts.values()):,} parameters"
    model_name = options.pop("model")
    if session.iteration:
        past = f"iteration {session.iteration:,}, trained for {duration(session.seconds)}"
        changed = _table(model_name, options, changed=True)
        lines = [f"{model_name}: {past}", *(["options", *changed] if changed else [UNCHANGED])]
        lines.append(f"total   {total}")
    else:
        lines = [f"{model_name}: a new model", "options", *_table(model_name, options), "networks"]
        lines += [f"  {name:16}{count:>13,} parameters" for name, count in counts.items()]
        lines.append(f"  {'total':16}{total:>24}")
    if judged := session.model.critics:
        sizes = [f"{name} {net.count_params():,} parameters" for name, net in judged.items()]
        lines.append(f"critics {', '.join(sizes)}")
    if target := _target(session):
        lines.append(f"target  {target}")
    lines.append(f"memory  {memory_taken(session, has_gpu)}")
    lines.append(f"device  {device()}")
    lines.append(f"faces   src {len(src.faces)}, dst {len(dst.faces)}")
    if masks := _masks(src, dst):
        lines.append(f"masks   {masks}")
    if session.sides_swapped:
        lines.append(f"sides   swapped until iteration {session.swapped_until:,}")
    return "\n".join(lines)


def phase_in_words(options: TrainOptions) -> str:
    """Say what `--phase` set: "phase refine: --warp-off 1 --lr-dropout 0.7"."""
    said = [
        f"{flag_of(name)} {value:g}"
        for name, value in of_phase(type(options), options.phase).items()
        if getattr(options, name) == value  # else another flag says otherwise
    ]
    return f"phase {options.phase}: {' '.join(said)}"


def memory_taken(session: TrainingSession, has_gpu: bool, *, parts: bool = False) -> str:
    """Describe the memory that training takes; with its parts if they are wanted."""
    largest = max(session.batch_size, session.schedule.grow_batch)
    copies = session.step.extra_copies
    return memory.describe(session.model, largest, has_gpu, copies, parts=parts)


def _target(session: TrainingSession) -> str:
    """Return the targets and what is left of the way: "4 minutes, 3 left"; empty for none."""
    schedule, minutes = session.schedule, session.seconds / 60
    left = []
    if schedule.target_minutes:
        left.append(f"{max(schedule.target_minutes - minutes, 0):.1f}".removesuffix(".0"))
    if schedule.target_iter:
        left.append(f"{max(schedule.target_iter - session.iteration, 0):,}")
    words = targets(schedule.target_iter, schedule.target_minutes)
    if session.iteration:
        words = [f"{goal}, {rest} left" for goal, rest in zip(words, left, strict=True)]
    return ", or ".join(words)


def _masks(src: Sampler, dst: Sampler) -> str:
    """Say how many faces have masks other than the hull; empty if none has."""
    counts: dict[str, int] = {}
    known: set[Path] = set()  # a side without labels borrows those of the other
    for name, sampler in (("src", src), ("dst", dst)):
        own = {path for path, info in sampler.faces if face_mask.source_of(info) != face_mask.HULL}
        counts[name] = len(own - known)
        known |= own
    said = [f"of {count:,} faces of {name}" for name, count in counts.items() if count]
    return f"{' and '.join(said)}, the hull of the others" if said else ""


def _table(model: str, values: Mapping[str, Any], *, changed: bool = False) -> list[str]:
    """Return a line for each option, with a word where 0 or no value means something.

    Parameters
    ----------
    changed : bool
        Whether to leave out the defaults of this model and its preset.
    """
    cls = options_class(model, values.get("preset"))
    declared = {option.name: option for option in options_of(cls)}
    width = max(map(len, values)) + 2
    return [
        f"  {name.replace('_', ' '):{width}}"
        f"{declared[name].show(value) if name in declared else to_text(value)}"
        for name, value in values.items()
        if not (changed and name in declared and value == plain(declared[name].default))
    ]


def device() -> str:
    """Name the engine and what it computes on."""
    names = [gpu.name for gpu in engine().gpus()]
    where = ", ".join(names) if names else f"CPU, {cores()} cores"
    return f"{where} ({engine().title})"
