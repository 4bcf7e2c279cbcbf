"""Measure training steps on this machine's GPU, or its processor, with each installed engine.

    bash benchmarks/gpu.sh      or, where there is no bash: python -m benchmarks.gpu

It needs only what training on an existing faceset needs (docs/gpu.md), downloads nothing, reads no
faces, and ends within `--minutes`. Each row is a process of its own: the first step includes
compilation; of the others losses are read as seldom as in a long training.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils import device, engines, requirements
from utils.stage_options import EngineOptions

Options = dict[str, Any]
MODELS: dict[str, Options] = {
    "Quick96": {},
    "H64": {"lightweight": True},
    "DF": {},
    "SAEHD": {},
    "AMP": {},
}
ON_CPU = ("Quick96", "H64")
"""Those that a processor does in time."""
BATCH, CPU_BATCH = 8, 4
STEPS = 50  # at most, after the first
MARGIN = 10  # seconds for a row to end by itself
BEGUN = time.monotonic()
COLUMNS = (
    "device",
    "engine",
    "model",
    "numbers",
    "batch",
    "s/step",
    "peak GB",
    "samples/s",
    "first, s",
)


class Row(NamedTuple):
    """What to measure."""

    engine: str
    model: str
    mixed: bool
    batch: int

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are known before."""
        numbers = "bfloat16" if self.mixed else "float32"
        return engines.TITLES[self.engine], self.model, numbers, str(self.batch)


def main() -> None:
    """Print the table, or measure one row of it as a child of this program."""
    chosen = _arguments()
    if chosen.row:
        print(json.dumps(measure(Row(*json.loads(chosen.row)), chosen)))
        return
    print(about())
    ends = time.monotonic() + 60 * chosen.minutes
    found = rows(chosen)
    table = [COLUMNS]
    for number, row in enumerate(found):
        seconds = max(0.0, ends - time.monotonic()) / (len(found) - number)
        print(f"{number + 1} of {len(found)}: {' '.join(row.named)} ...", file=sys.stderr)
        table.append(_in_a_process(row, seconds, chosen.cpu_only))
    print(as_text(table))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    installed = [name for name in engines.TITLES if requirements.is_installed(name)]
    parser.add_argument("--engines", nargs="+", choices=engines.TITLES, default=installed)
    parser.add_argument("--models", nargs="+", choices=MODELS, help="default: what fits the device")
    parser.add_argument(
        "--batch-size", type=int, help=f"default: {BATCH}, on a processor {CPU_BATCH}"
    )
    parser.add_argument("--cpu-only", action="store_true", help="leave the GPU alone")
    parser.add_argument("--minutes", type=float, default=4.5, help="for everything (4.5)")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def rows(chosen: argparse.Namespace) -> list[Row]:
    """Return what to measure: on a GPU also in bfloat16."""
    found = []
    for engine in chosen.engines:
        on_gpu = not chosen.cpu_only and bool(engines.usable_gpus(engine))
        batch = chosen.batch_size or (BATCH if on_gpu else CPU_BATCH)
        models = chosen.models or (list(MODELS) if on_gpu else ON_CPU)
        found += [
            Row(engine, m, mixed, batch) for m in models for mixed in (False, True)[: 1 + on_gpu]
        ]
    return found


def _in_a_process(row: Row, seconds: float, cpu_only: bool) -> tuple[str, ...]:
    """Measure a row; whatever happens to it, the table goes on."""
    words = ["--row", json.dumps(row), "--seconds", str(max(1.0, seconds - MARGIN))]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        done = subprocess.run(
            [sys.executable, __file__, *words, *["--cpu-only"][: int(cpu_only)]],
            capture_output=True, text=True, timeout=max(1.0, seconds), check=False, env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ("", *row.named, "not in time", "", "", "")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        return ("", *row.named, reason[:60], "", "", "")
    facts = json.loads(done.stdout.splitlines()[-1])
    step, first, peak = facts["step"], facts["first"], facts["peak"]
    return (
        facts["device"], *row.named,
        f"{step:.3f}", f"{peak / 1e9:.1f}", f"{2 * row.batch / step:.1f}", f"{first:.1f}",
    )  # fmt: skip


def measure(row: Row, chosen: argparse.Namespace) -> dict[str, float | str]:
    """Build a model, and time steps on samples of noise."""
    device.select(EngineOptions(engine=row.engine, cpu_only=chosen.cpu_only))
    from benchmarks.batches import samples
    from models import MODELS as CLASSES
    from models.engine import engine
    from trainer import devices

    ours = engine()
    on_gpu = ours.tune()
    gpus = ours.gpus()
    if row.mixed:
        devices.check_precision(gpus)
    devices.set_precision(mixed=row.mixed)
    cls = CLASSES.load(row.model)
    model = cls(cls.Options(**MODELS[row.model]))
    if not on_gpu:
        ours.accelerate(model.networks.values())
    step, batch = ours.step(model, 5e-5), samples(row.batch, model.resolution)

    def timed(steps: int) -> float:
        begun = time.perf_counter()
        for _ in range(steps):
            result = step(batch, batch)
        assert result.finite, sum(result.losses.values())
        return time.perf_counter() - begun

    first = timed(1)
    timed(1)  # it may still compile, or try algorithms
    count, spent, end = 0, 0.0, BEGUN + chosen.seconds
    while not count or (count < STEPS and time.monotonic() + 2 * spent < end):
        together = 1 + count  # so that few losses are read
        spent += timed(together)
        count += together
    return {
        "device": gpus[0].name if gpus else f"{_processor()}, {os.cpu_count()} cores",
        "first": first,
        "step": spent / count,
        "peak": ours.gpu_memory().get("most") or _peak_of_process(),
    }


def _peak_of_process() -> int:
    import psutil

    memory = psutil.Process().memory_info()
    if sys.platform == "win32":
        return int(memory.peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def about() -> str:
    """Return the system and the versions."""
    from importlib import metadata

    packages = []
    for name in ("tensorflow", "torch", "keras", "numpy"):
        if requirements.is_installed(name):
            names = metadata.packages_distributions().get(name, [name])
            packages.append(f"{name} {metadata.version(names[0])}")
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return "\n".join([f"{system}, {_processor()}, {os.cpu_count()} cores", ", ".join(packages), ""])


def _processor() -> str:
    """Return the processor's name, as exactly as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (named or [platform.processor() or platform.machine()])[0]


def as_text(table: list[tuple[str, ...]]) -> str:
    """Return rows as a table in Markdown."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [" | ".join(map(str.ljust, row, widths)) for row in table]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)


if __name__ == "__main__":
    main()
