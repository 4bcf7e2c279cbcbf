"""How the members of a cluster find each other and see that they belong together."""

import errno
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from trainer.cluster.addresses import Address
from trainer.cluster.group import Group
from trainer.cluster.ring import Ring
from trainer.cluster.wire import LostMemberError, Peer, stranger
from utils import console
from utils.errors import UsageError, UserError

WAIT = 25.0
"""Seconds in which all members must have been started."""
HELLO = 5.0  # seconds for a stranger to say who it is
PAUSE = 0.25
Check = Callable[[Mapping[str, Any], str], str]
"""Of what a member says of itself and its name: why it cannot take part; empty if it can."""


def join(addresses: Sequence[Address], rank: int, about: Mapping[str, Any], check: Check) -> Group:
    """Connect this member to all others.

    Parameters
    ----------
    about : mapping
        What this member says of itself, as JSON values.
    check : callable
        Used by rank 0.

    Raises
    ------
    UsageError
        If members do not belong together.
    UserError
        If one is missing, or the address is not one to listen on.
    """
    deadline = time.monotonic() + WAIT
    with ExitStack() as opened:
        listener = opened.enter_context(_listen(addresses[rank]))
        if rank:
            console.announce(f"looking for rank 0 at {addresses[0]}")
            peers = [_ask(addresses, rank, about, deadline)]
        else:
            console.announce(f"waiting for {', '.join(map(str, addresses[1:]))}")
            peers = _gather(listener, addresses, about, check, deadline)
        try:
            ring = _ring(listener, addresses, rank)
        except OSError as problem:
            for peer in peers:
                peer.close()
            raise LostMemberError(
                "the members cannot reach each other; check the addresses in --cluster and the "
                f"firewalls ({problem})"
            ) from problem
    return Group(addresses, rank, peers, ring)


def name_of(addresses: Sequence[Address], rank: int) -> str:
    """Name a member in messages: "rank 1 (10.0.0.2:7000)"."""
    return f"rank {rank} ({addresses[rank]})"


def _listen(address: Address) -> socket.socket:
    """Listen on this address and no other."""
    try:
        family, *_ = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family)
    except socket.gaierror:
        raise UserError(
            f"--cluster: {address.host} is no name or address that this machine knows"
        ) from None
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            raise UserError(
                f"--cluster: the port of {address} is in use; another program has it, or another "
                "member here has the same --rank"
            ) from None
        raise UserError(
            f"--rank: this machine cannot listen on {address} ({os.strerror(problem.errno or 0)}); "
            "give each machine the rank at which its own address stands in --cluster"
        ) from None


def _gather(
    listener: socket.socket,
    addresses: Sequence[Address],
    about: Mapping[str, Any],
    check: Check,
    deadline: float,
) -> list[Peer]:
    """Accept all other members, and tell them that they are complete."""
    found: dict[int, Peer] = {}
    while len(found) < len(addresses) - 1:
        accepted = _accept(listener, deadline)
        if accepted is None:
            why = _missing(addresses, [n for n in range(1, len(addresses)) if n not in found])
            _refuse(found, why)
            raise UserError(why)
        peer, hello = accepted
        rank = hello.get("rank")
        if type(rank) is not int or not 0 < rank < len(addresses) or rank in found:
            _say_no(peer, f"--rank {rank} is taken; each member needs a rank of its own")
            continue
        found[rank] = peer
        peer.name = name_of(addresses, rank)
        peer.beat()
        if fault := check(hello, peer.name):
            _refuse(found, fault)
            raise UsageError(fault)
    peers = [found[rank] for rank in sorted(found)]
    for peer in peers:
        peer.send({"welcome": True})
    return peers


def _missing(addresses: Sequence[Address], ranks: Sequence[int]) -> str:
    names = ", ".join(name_of(addresses, rank) for rank in ranks)
    verb = "does not answer" if len(ranks) == 1 else "do not answer"
    return (
        f"{names} {verb}; start all members within {WAIT:.0f} s, with the same --cluster, and let "
        "their firewalls open these ports to each other"
    )


def _refuse(found: Mapping[int, Peer], why: str) -> None:
    """Tell all members that have come why training does not start."""
    for peer in found.values():
        _say_no(peer, why)


def _say_no(peer: Peer, why: str) -> None:
    with suppress(LostMemberError):
        peer.send({"refused": why})
    peer.close()


def _accept(listener: socket.socket, deadline: float) -> tuple[Peer, dict[str, Any]] | None:
    """Return the next connection of a member and what it says; None when time is over."""
    while (left := deadline - time.monotonic()) > 0:
        listener.settimeout(left)
        try:
            connection, place = listener.accept()
        except TimeoutError:
            return None
        peer = Peer(connection, str(place[0]))
        connection.settimeout(HELLO)
        with suppress(LostMemberError):  # another program, which looks for open ports
            hello = peer.receive()
            peer.restart_clock()
            return peer, hello
        peer.close()
    return None


def _ask(
    addresses: Sequence[Address], rank: int, about: Mapping[str, Any], deadline: float
) -> Peer:
    """Connect to rank 0 and wait until all members are there."""
    connection = _connect(addresses[0], deadline)
    if connection is None:
        raise UserError(_missing(addresses, [0]))
    peer = Peer(connection, name_of(addresses, 0))
    try:
        peer.send({"rank": rank, **about})
        peer.beat()
        answer = peer.receive()
    except LostMemberError as problem:
        peer.close()
        if isinstance(problem.__cause__, TimeoutError):  # no member is silent for so long
            raise stranger(peer.name) from problem
        raise
    if "welcome" not in answer:
        peer.close()
        raise UsageError(str(answer.get("refused")))
    return peer


def _connect(address: Address, deadline: float) -> socket.socket | None:
    """Return a connection as soon as someone listens; None when time is over."""
    while (left := deadline - time.monotonic()) > 0:
        with suppress(OSError):
            return socket.create_connection(address, timeout=left)
        time.sleep(PAUSE)
    return None


def _ring(listener: socket.socket, addresses: Sequence[Address], rank: int) -> Ring:
    """Connect to the next member, and be found by the one before; all listen already."""
    count = len(addresses)
    deadline = time.monotonic() + HELLO
    after = _connect(addresses[(rank + 1) % count], deadline)
    if after is None:
        raise TimeoutError(f"no answer from {addresses[(rank + 1) % count]}")
    Peer(after, "").send({"ring": rank})
    while accepted := _accept(listener, deadline):
        peer, hello = accepted
        if hello.get("ring") == (rank - 1) % count:
            return Ring(peer.connection, after, rank, count)
        peer.close()
    raise TimeoutError("no answer from the member before")
