"""`--multi-gpu` with PyTorch: a process for each GPU, which this one starts and ends.

TensorFlow shares a batch among the GPUs of one process; PyTorch needs a process for each.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from models.engine import engine
from trainer.cluster.addresses import Address
from trainer.devices import check_batch, check_count
from trainer.options import TrainOptions
from utils import program
from utils.options import to_json

HOST = "127.0.0.1"
ENDS = 30.0  # seconds for a process to end by itself
MEMBER = (sys.executable, "-P", "-m", "trainer.cluster.member")
"""The command of the other processes; they read their options as JSON."""


@contextmanager
def started(options: TrainOptions) -> Iterator[TrainOptions]:
    """Start a process for each GPU but the first; yield the options of this one.

    Raises
    ------
    UsageError
        If there is one GPU, or the batch cannot be shared evenly.
    """
    count = gpu_count()
    check_count(count)
    for flag, size in ("--batch-size", options.batch_size), ("--grow-batch", options.grow_batch):
        check_batch(size, count, flag)
    cluster = ",".join(map(str, free(count)))
    own = replace(options, engine=engine().name, multi_gpu=False, cluster=cluster, rank=0)
    with ExitStack() as running:
        for rank in range(1, count):
            running.enter_context(_member(replace(own, rank=rank, force_gpu_idx=rank)))
        yield own


def gpu_count() -> int:
    """Return how many GPUs there are."""
    return len(engine().gpus())


def free(count: int) -> Sequence[Address]:
    """Return addresses of this machine on which nothing listens."""
    with ExitStack() as bound:
        sockets = [bound.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [Address(HOST, each.getsockname()[1]) for each in sockets]


@contextmanager
def _member(options: TrainOptions) -> Iterator[None]:
    """Run another member; it ends when this one does, however that is."""
    process = subprocess.Popen(
        MEMBER,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # it has nothing to say that this one does not
        env=os.environ | {"PYTHONPATH": _path()},
        start_new_session=True,  # Ctrl-C is for the first process, which ends the others
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(to_json(options)).encode())
        process.stdin.close()
        yield
        process.wait(ENDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait()


def _path() -> str:
    return os.pathsep.join(filter(None, [str(program.ROOT), os.environ.get("PYTHONPATH")]))
