"""`--cluster` and `--rank`: who takes part, and which of them this is."""

from collections.abc import Sequence
from typing import NamedTuple

from trainer.options import TrainOptions
from utils.errors import UsageError

EXAMPLE = "10.0.0.1:7000,10.0.0.2:7000"
ANY = frozenset({"", "0.0.0.0", "::", "*"})
MOST_PORTS = 1 << 16


class Address(NamedTuple):
    """Where a member listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse(text: str) -> list[Address]:
    """Return the addresses of all members, by rank.

    Raises
    ------
    UsageError
        If one is none, or stands there twice, or they are too few.
    """
    addresses = [_address(word.strip()) for word in text.split(",")]
    for address in addresses:
        if addresses.count(address) > 1:
            raise UsageError(
                f"--cluster: Expected each address once. Received: {address} twice; members on one "
                "machine need ports of their own"
            )
    if len(addresses) < 2:
        raise UsageError(
            f"--cluster: Expected at least two addresses, such as {EXAMPLE}. Received: {text}"
        )
    return addresses


def _address(word: str) -> Address:
    host, _, port = word.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not port.isdecimal() or not 0 < int(port) < MOST_PORTS:
        raise UsageError(
            f"--cluster: Expected host:port of each member, such as {EXAMPLE}. Received: {word}"
        )
    if host in ANY:
        raise UsageError(
            "--cluster: Expected the one address by which the others reach a member. "
            f"Received: {word}"
        )
    return Address(host, int(port))


def check(options: TrainOptions) -> None:
    """Refuse flags that do not fit together, before anything is asked or loaded.

    Raises
    ------
    UsageError
    """
    if options.cluster is None:
        if options.rank is not None:
            raise UsageError(f"--rank needs --cluster, the addresses of all: --cluster {EXAMPLE}")
        return
    addresses = parse(options.cluster)
    last = len(addresses) - 1
    if options.rank is None or options.rank > last:
        given = "no rank" if options.rank is None else options.rank
        raise UsageError(
            f"--rank: Expected 0 to {last}, the place of this machine in --cluster. "
            f"Received: {given}"
        )
    if options.multi_gpu:
        raise UsageError(
            "--multi-gpu: a member of a --cluster trains on one GPU; name a machine once for each "
            "of its GPUs, with ports of their own, and add --force-gpu-idx"
        )
    if options.rank == 0:
        check_shares(options, addresses)


def check_shares(options: TrainOptions, addresses: Sequence[Address]) -> None:
    """Refuse batches that cannot be shared evenly; 0 is a size to be chosen."""
    count = len(addresses)
    for flag, size in ("--batch-size", options.batch_size), ("--grow-batch", options.grow_batch):
        if size % count:
            raise UsageError(
                f"{flag}: Expected a multiple of {count}, the number of members in --cluster. "
                f"Received: {size}"
            )
