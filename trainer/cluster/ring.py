"""The sum of arrays over all members, which form a ring.

Each adds a part of the array to what comes from the one before it and passes it on, until every
part has gone round; once more round, and all have the sums (Patarasuk & Yuan 2009). So each sends
and receives 2 (n - 1) / n times the bytes of the array, however many there are, and all get the
same bits.

Neither TensorFlow's nor PyTorch's own collectives are used: TensorFlow's server listens on all
addresses of a machine, whatever it is told, and computes whatever graph anyone sends; PyTorch's
rendezvous listens on all of them, too.
"""

import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import numpy as np

from trainer.cluster.wire import LOST, PIECE, as_bytes, read_into, send

NUMBERS = PIECE // 4


class Ring:
    """A place in the ring.

    Parameters
    ----------
    before, after : socket
        Connections to the neighbors: numbers come from the first and go to the second.
    """

    def __init__(self, before: socket.socket, after: socket.socket, rank: int, count: int) -> None:
        for connection in (before, after):
            connection.settimeout(LOST)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._before, self._after = before, after
        self._rank, self._count = rank, count
        self._sender = ThreadPoolExecutor(1, "ring")
        self._arrived = np.empty(NUMBERS, np.float32)

    def add(self, numbers: np.ndarray) -> None:
        """Replace float32 numbers (N,) by their sums over all members.

        Raises
        ------
        OSError
            If a neighbor is gone.
        """
        parts = np.array_split(numbers, self._count)
        for turn in range(self._count - 1):
            sent = self._send(parts[(self._rank - turn) % self._count])
            self._receive_sum(parts[(self._rank - turn - 1) % self._count])
            sent.result()
        for turn in range(self._count - 1):
            sent = self._send(parts[(self._rank + 1 - turn) % self._count])
            read_into(self._before, as_bytes(parts[(self._rank - turn) % self._count]))
            sent.result()

    def _send(self, part: np.ndarray) -> "Future[None]":
        return self._sender.submit(send, self._after, as_bytes(part))

    def _receive_sum(self, part: np.ndarray) -> None:
        """Add what comes, piece by piece while more of it arrives."""
        for start in range(0, len(part), NUMBERS):
            piece = part[start : start + NUMBERS]
            arrived = self._arrived[: len(piece)]
            read_into(self._before, as_bytes(arrived))
            piece += arrived

    def close(self) -> None:
        """End both connections."""
        for connection in (self._before, self._after):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._sender.shutdown(wait=False)
