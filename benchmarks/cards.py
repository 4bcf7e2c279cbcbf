"""Which model, size and batch fit which graphics card, and for how long: the table of docs.

    python -m benchmarks.cards

Both are estimates: memory as `trainer/memory.py` counts it, time by the multiplications of a step
at a third of the card's float32 peak. Neither was measured on a card.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

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


def table(
    settings: Sequence[tuple[str, dict[str, Any]]] = SETTINGS, cards: Sequence[Card] = CARDS
) -> str:
    """Return the table in Markdown."""
    lines = [
        f"| model | {' | '.join(f'{card.size} GB' for card in cards)} |",
        f"|---|{'---|' * len(cards)}",
    ]
    for name, chosen in settings:
        model = _unallocated(name, chosen)
        cells = [cell(model, card) for card in cards]
        lines.append(
            f"| {' '.join(map(str, ['`' + name + '`', *chosen.values()]))} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def cell(model: ModelBase, card: Card) -> str:
    """Return the largest batch, with an s if it needs `--save-memory`, and the time."""
    room = int(memory.GPU_SHARE * (card.size << 30))
    batches = [
        min(memory.fitting_batch(model, room, has_gpu=True, save=save), MOST)
        for save in (False, True)
    ]
    saves = batches[0] < LEAST and batches[1] > batches[0]
    if not batches[saves]:
        return "-"
    work = operations(model) * (4 if saves else 3)
    hours = ITERATIONS * FACES * work / (BUSY * card.peak * 1e12) / 3600
    return f"{batches[saves]}{' s' if saves else ''}, {rounded(hours)} h"


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


def _of_layers(network: Any) -> int:
    layers = lazy.load("keras").layers
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
