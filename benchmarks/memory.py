"""Peak memory of a training step beside the estimate: python -m benchmarks.memory [MODEL ...].

Each line is measured in its own process, which builds a model with its optimizer and the faster
convolutions and does two steps. Linux only.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from models.base import Batch
from models.engine import engine
from trainer import memory
from utils import console, lazy

SETTINGS: list[tuple[str, dict[str, Any], int, bool]] = [
    ("H64", {"lightweight": True}, 8, False),
    ("H64", {"lightweight": True}, 32, False),
    ("H64", {}, 8, False),
    ("H128", {"lightweight": True}, 4, False),
    ("DF", {}, 2, False),
    ("LIAEF128", {}, 4, False),
    ("SAE", {"resolution": 64}, 8, False),
    *(
        (name, chosen, batch, saving)
        for name, chosen, batch in (
            ("SAEHD", {"archi": "df-ud"}, 4),
            ("SAEHD", {"archi": "liae-ud"}, 4),
            ("SAEHD", {"archi": "liae-udt", "gan_power": 0.1}, 4),
            ("SAEHD", {"archi": "df", "resolution": 192}, 2),
            ("SAEHD", {"archi": "df-ud", "resolution": 256}, 4),
            ("AMP", {"resolution": 128}, 4),
        )
        for saving in (False, True)
    ),
]


def measure(name: str, chosen: dict[str, Any], batch_size: int, saving: bool) -> tuple[int, int]:
    """Return the estimate and the peak of this process, bytes."""
    engine().tune()
    cls = lazy.load("models").MODELS.load(name)
    model = cls(cls.Options(**chosen))
    model.add_critics()
    if saving:
        lazy.load("models.save_memory").save_memory(model.trained.values(), on_cpu=True)
    engine().accelerate(model.networks.values())
    step = engine().Step(model, 5e-5)
    rng, side = np.random.default_rng(0), model.resolution
    shapes = [(batch_size, side, side, channels) for channels in (3, 3, 1, 1, 1)]
    batch = Batch(*(rng.integers(0, 256, shape, np.uint8) for shape in shapes))
    for _ in range(2):
        step(batch, batch)
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return memory.estimate(model, batch_size).total, peak * 1024


def main() -> None:
    """Measure one setting given as JSON, or all those of the named models."""
    if len(sys.argv) == 2 and sys.argv[1].startswith("["):
        console.say(json.dumps(measure(*json.loads(sys.argv[1]))))
        return
    for setting in SETTINGS:
        if len(sys.argv) > 1 and setting[0] not in sys.argv[1:]:
            continue
        command = [sys.executable, "-m", "benchmarks.memory", json.dumps(setting)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        estimate, peak = json.loads(done.stdout)
        name, chosen, batch_size, saving = setting
        label = f"{name} {json.dumps(chosen) if chosen else ''} batch {batch_size}"
        label += " --save-memory" if saving else ""
        console.say(
            f"{label:70} estimate {memory.gigabytes(estimate)}, peak {memory.gigabytes(peak)}, "
            f"off by {estimate / peak - 1:+.0%}"
        )


if __name__ == "__main__":
    main()
