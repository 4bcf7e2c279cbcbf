"""Which model, size and batch fit which graphics card, and for how long: the table of docs.

    python -m benchmarks.cards

Both are estimates: memory as `trainer/memory.py` counts it, time by the multiplications of a step
at a third of the card's float32 peak. Neither was measured on a card.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from models import save_memory
from models.backend import keras
from models.base import ModelBase
from trainer import memory
from utils import console, lazy

ITERATIONS, FACES = 100_000, 8
MOST = 16  # larger batches learn hardly better
LEAST = 4  # smaller ones learn less steadily: then rather save memory
BUSY = 1 / 3  # of the peak, which convolutions reach in training


class Card(NamedTuple):
    """A graphics card: memory in GB, and float32 peak in TFLOP/s of a usual one of that size."""

    size: int
    peak: float


CARDS = (Card(4, 3), Card(6, 6), Card(8, 10), Card(12, 13), Card(16, 22), Card(24, 36))
SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("Quick96", {}),
    ("H64", {}),
    ("DF", {}),
    ("SAE", {}),
    ("SAEHD", {"archi": "liae-ud", "resolution": 128}),
    ("SAEHD", {"archi": "df-ud", "resolution": 192}),
    ("SAEHD", {"archi": "liae-ud", "resolution": 192}),
    ("AMP", {"resolution": 224}),
    ("SAEHD", {"archi": "df-ud", "resolution": 256}),
    ("SAEHD", {"archi": "liae-udt", "resolution": 320}),
    ("SAEHD", {"archi": "df-udt", "resolution": 384}),
]


def table() -> str:
    """Return the table in Markdown."""
    lines = [
        f"| model | {' | '.join(f'{card.size} GB' for card in CARDS)} |",
        f"|---|{'---|' * len(CARDS)}",
    ]
    for name, chosen in SETTINGS:
        title = " ".join([f"`{name}`", *map(str, chosen.values())])
        lines.append(f"| {title} | {' | '.join(row(_unallocated(name, chosen), CARDS))} |")
    return "\n".join(lines)


def row(model: ModelBase, cards: Sequence[Card]) -> list[str]:
    """Return for each card the largest batch, with an s if it needs `--save-memory`, and the time.

    The networks of the model save memory afterwards.
    """
    plain = _taken(model)
    save_memory.save_memory(model.networks.values(), on_cpu=False)
    saving, work = _taken(model), operations(model)
    return [_cell(card, plain, saving, work) for card in cards]


def _taken(model: ModelBase) -> dict[int, int]:
    """Return the bytes that a training takes, by the batch size."""
    batches = [batch for batch in memory.BATCHES if batch <= MOST]
    return {batch: memory.estimate(model, batch, has_gpu=True).total for batch in batches}


def _cell(card: Card, plain: dict[int, int], saving: dict[int, int], work: int) -> str:
    room = memory.GPU_SHARE * card.size * 2**30
    batch, saved = (
        max((batch for batch, size in taken.items() if size <= room), default=0)
        for taken in (plain, saving)
    )
    saves = batch < LEAST and saved > batch
    if not max(batch, saved):
        return "-"
    passes = 4 if saves else 3  # forwards once or twice; backwards takes two
    hours = ITERATIONS * FACES * work * passes / (BUSY * card.peak * 1e12) / 3600
    return f"{saved if saves else batch}{' s' if saves else ''}, {rounded(hours)} h"


def operations(model: ModelBase) -> int:
    """Return the additions and multiplications of a face of each side, forwards."""
    counts = {name: _of_layers(network) for name, network in model.networks.items()}
    return sum(
        count * (1 if "_src" in name or "_dst" in name else 2) for name, count in counts.items()
    )


def rounded(hours: float) -> str:
    """Return one digit, two above 10: an estimate knows no more."""
    if hours < 1:
        return f"{hours:.1g}"
    digits = 1 - math.floor(math.log10(hours))
    return f"{round(hours, min(digits, 0)):.0f}"


def _of_layers(network: "keras.Model") -> int:
    layers = keras.layers
    count = 0
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D):
            count += 2 * math.prod(layer.output.shape[1:3]) * layer.kernel.shape.num_elements()
        elif isinstance(layer, layers.Dense):
            count += 2 * layer.kernel.shape.num_elements()
    return count


def _unallocated(name: str, chosen: dict[str, Any]) -> ModelBase:
    cls = lazy.load("models").MODELS.load(name)
    build = lazy.load("models.weight_transfer").without_weights
    return build(lambda: cls(cls.Options(**chosen)))


if __name__ == "__main__":
    console.say(table())
