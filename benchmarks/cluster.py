"""What `train --cluster` sends in each step: python -m benchmarks.cluster [--rate].

Prints the bytes of the gradients of each model as it is by default, and how long networks of three
speeds take to average them between two machines. With `--rate` it measures how fast two processes
on this machine do so over the loopback device, by the ring of `trainer.cluster` and, where PyTorch
is installed, by Gloo of torch.distributed.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from models import MODELS, weight_transfer
from trainer.cluster.addresses import parse
from trainer.cluster.joining import join
from trainer.cluster.local import HOST, free
from utils import console, lazy

MODELS_SHOWN: list[tuple[str, dict[str, object]]] = [
    ("Quick96", {}),
    ("H64", {"lightweight": True}),
    ("H64", {}),
    ("H128", {"lightweight": True}),
    ("H128", {}),
    ("DF", {}),
    ("LIAEF128", {}),
    ("SAE", {}),
    ("SAEHD", {"archi": "liae-ud"}),
    ("SAEHD", {"archi": "df-ud", "resolution": 256}),
    ("AMP", {}),
]
GIGABITS = (1, 10, 25)
USABLE = 0.94  # of what an Ethernet carries, without headers
NUMBERS, TIMES = 25_000_000, 5


def rows() -> Iterator[str]:
    """Yield a row of the table for each model."""
    for name, chosen in MODELS_SHOWN:
        cls = MODELS.load(name)
        model = weight_transfer.without_weights(lambda c=cls, o=chosen: c(c.Options(**o)))
        size = 4 * sum(int(np.prod(variable.shape)) for variable in model.variables)
        times = [size / (USABLE * speed * 1e9 / 8) for speed in GIGABITS]
        words = " ".join(f"{key}={value}" for key, value in chosen.items())
        yield (
            f"| {name} {words}".rstrip()
            + f" | {size / 1e6:,.0f} MB | "
            + " | ".join(f"{seconds:.2f} s" for seconds in times)
            + " |"
        )


def rate(kind: str, addresses: str, rank: int) -> tuple[float, float]:
    """Return the seconds, and those of the processor, that the mean takes for each gigabyte."""
    act = (_ring if kind == "ring" else _gloo)(addresses, rank)
    act()
    gigabytes = 4e-9 * NUMBERS * TIMES
    begun, used = time.perf_counter(), time.process_time()
    for _ in range(TIMES):
        act()
    return (time.perf_counter() - begun) / gigabytes, (time.process_time() - used) / gigabytes


def _ring(addresses: str, rank: int) -> Callable[[], object]:
    group = join(parse(addresses), rank, {}, lambda said, name: "")
    numbers = np.ones(NUMBERS, np.float32)

    def act() -> None:
        with group.step():
            group.mean(numbers)

    return act


def _gloo(addresses: str, rank: int) -> Callable[[], object]:
    torch, distributed = lazy.load("torch"), lazy.load("torch.distributed")
    store = distributed.TCPStore(HOST, parse(addresses)[0].port, 2, rank == 0)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    numbers = torch.ones(NUMBERS)
    return lambda: distributed.all_reduce(numbers)


def main() -> None:
    """Print the table, or the rates."""
    if sys.argv[1:2] == ["member"]:
        seconds, used = rate(*sys.argv[2:4], int(sys.argv[4]))
        console.say(f"{sys.argv[2]}: {seconds:.2f} s and {used:.2f} CPU-s for each GB")
        return
    if "--rate" not in sys.argv:
        console.say("\n".join(rows()))
        return
    for kind in ("ring", "gloo"):
        cluster = ",".join(map(str, free(2)))
        command = [sys.executable, "-m", "benchmarks.cluster", "member", kind, cluster]
        other = subprocess.Popen([*command, "1"], stdout=subprocess.DEVNULL)
        subprocess.run([*command, "0"], check=False)
        other.wait()


if __name__ == "__main__":
    main()
