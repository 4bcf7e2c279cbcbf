"""The mean over processes of one machine, by torch.distributed: NCCL between NVIDIA's GPUs.

It listens on the loopback device only. Not used between machines, see `trainer.cluster.ring`.
"""

import os
import socket
import sys
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import torch
import torch.distributed

from models.backend import Tensor
from models.engine.step import Members

HOST, LOOPBACK = "127.0.0.1", "lo0" if sys.platform == "darwin" else "lo"
PATIENCE = timedelta(minutes=5)  # one may build its network for much longer than another


class LocalMembers:
    """See `Members`; tensors stay on their devices.

    Parameters
    ----------
    members : Members
        The same ones; they tell whether all have come so far.
    port : int
        Where rank 0 may listen.
    """

    def __init__(self, members: Members, port: int) -> None:
        self.rank, self.count = members.rank, members.count
        self._members = members
        self.mean, self.ready = members.mean, members.ready
        os.environ |= {"GLOO_SOCKET_IFNAME": LOOPBACK, "NCCL_SOCKET_IFNAME": LOOPBACK}
        nvidia = torch.cuda.is_available() and torch.distributed.is_nccl_available()
        torch.distributed.init_process_group(
            "nccl" if nvidia else "gloo",
            store=_store(self.rank, self.count, port),
            rank=self.rank,
            world_size=self.count,
            timeout=PATIENCE,
        )

    def mean_tensors(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return the means of float32 tensors over all members."""
        self.ready()
        numbers = torch.cat([tensor.reshape(-1) for tensor in tensors])
        torch.distributed.all_reduce(numbers)
        numbers /= self.count
        parts = numbers.split([tensor.numel() for tensor in tensors])
        return [part.reshape(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def _store(rank: int, count: int, port: int) -> torch.distributed.Store:
    """Return where members find each other; left alone, rank 0 would listen on all addresses."""
    if rank:
        return torch.distributed.TCPStore(HOST, port, count, False, PATIENCE)
    listener = socket.create_server((HOST, port))
    return torch.distributed.TCPStore(
        HOST, port, count, True, PATIENCE, master_listen_fd=listener.detach()
    )


def mean(members: Members, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the means of tensors over all members, wherever those are."""
    if isinstance(members, LocalMembers):
        return members.mean_tensors(tensors)
    arrays: list[np.ndarray] = members.mean(*(tensor.cpu().numpy() for tensor in tensors))
    return [
        torch.from_numpy(array).to(tensor.device)
        for array, tensor in zip(arrays, tensors, strict=True)
    ]
