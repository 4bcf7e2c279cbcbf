"""Messages between the members of a cluster: JSON, and arrays as they lie in memory.

While a member computes, or measures for minutes, a thread of it sends signs of life, so that those
who wait can tell that it is there.
"""

import json
import socket
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from utils.errors import UserError

BEAT, LOST = 4.0, 15.0
"""Seconds between two signs of life; seconds without one after which a member is lost."""
LENGTH = struct.Struct("!I")
LARGEST = 16 << 20  # bytes of a message
PIECE = 1 << 20  # bytes that are sent at once: each has LOST seconds
FAREWELL = 2.0  # seconds for the other one to end, too
AGAIN = "when all members are started again with the same flags, training goes on"


class LostMemberError(UserError):
    """A member has ended, or cannot be reached any more."""


class Peer:
    """The connection to another member.

    Parameters
    ----------
    name : str
        Who that is, for messages.
    """

    def __init__(self, connection: socket.socket, name: str) -> None:
        self.name = name
        connection.settimeout(LOST)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self._sending, self._closed = threading.Lock(), threading.Event()

    def restart_clock(self) -> None:
        """Have the patience that members deserve, once this is known to be one."""
        self.connection.settimeout(LOST)

    def beat(self) -> None:
        """Send signs of life from now on."""
        threading.Thread(target=self._beat, name="sign of life", daemon=True).start()

    def _beat(self) -> None:
        while not self._closed.wait(BEAT):
            with suppress(OSError), self._sending:  # who waits for an answer notices
                self._send(LENGTH.pack(0))

    def send(self, message: Mapping[str, Any], arrays: Iterable[np.ndarray] = ()) -> None:
        """Send a message, and after it arrays, whose sizes the other one must know."""
        text = json.dumps(message).encode()
        with self._sending, self._lost():
            self._send(LENGTH.pack(len(text)) + text)
            for array in arrays:
                self._send(as_bytes(array))

    def receive(self) -> dict[str, Any]:
        """Wait for a message.

        Raises
        ------
        LostMemberError
            If the other one is gone.
        """
        with self._lost():
            while not (length := LENGTH.unpack(self._read(LENGTH.size))[0]):
                pass  # it lives
            if length > LARGEST:
                raise stranger(self.name)
            message = json.loads(self._read(length))
        if not isinstance(message, dict):
            raise stranger(self.name)
        return message

    def receive_into(self, arrays: Iterable[np.ndarray]) -> None:
        """Take the arrays that follow a message."""
        with self._lost():
            for array in arrays:
                read_into(self.connection, as_bytes(array))

    def close(self) -> None:
        """End the connection; the other one notices at once.

        Signs of life that were not read would make the system throw away what was sent last.
        """
        self._closed.set()
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(FAREWELL)
            while self.connection.recv(PIECE):
                pass
        self.connection.close()

    def _send(self, data: "bytes | memoryview") -> None:
        send(self.connection, data)

    def _read(self, count: int) -> bytes:
        data = bytearray(count)
        read_into(self.connection, memoryview(data))
        return bytes(data)

    @contextmanager
    def _lost(self) -> Iterator[None]:
        """Turn a broken connection into a sentence."""
        try:
            yield
        except (OSError, ValueError, RecursionError) as problem:
            why = "no sign of life" if isinstance(problem, TimeoutError) else "it has ended"
            raise LostMemberError(f"{self.name} is lost ({why}); {AGAIN}") from problem


def stranger(name: str) -> LostMemberError:
    """Return the error for what answers as no member does, or not at all."""
    return LostMemberError(
        f"{name} does not answer as a member of a cluster; if another program has its port, choose "
        "another one in --cluster"
    )


def as_bytes(array: np.ndarray) -> memoryview:
    """Return the bytes of a contiguous array without copying them."""
    return array.reshape(-1).view(np.uint8).data


def send(connection: socket.socket, data: "bytes | memoryview") -> None:
    """Send all of the data; the timeout of the connection is that of each piece."""
    view = memoryview(data)
    while len(view):
        view = view[connection.send(view[:PIECE]) :]


def read_into(connection: socket.socket, view: memoryview) -> None:
    """Fill a buffer.

    Raises
    ------
    OSError
        If the connection ends before, or nothing comes for the time of its timeout.
    """
    while len(view):
        count = connection.recv_into(view)
        if not count:
            raise ConnectionResetError
        view = view[count:]
