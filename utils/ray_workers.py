"""The machines of a Ray cluster as workers. Frames never travel: tasks run commands on files.

Ray is the optional extra [cluster]. A cluster runs what any program sends that reaches it, so there
must be a token, and a cluster that is started here listens on the loopback device only.
"""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from utils import console, program, signals
from utils.errors import UsageError, UserError
from utils.spreading import Happening, Lost, PartEnded, Progress

LOCAL = "local"
ANSWER, CONNECT = 5, 20
"""Seconds for a cluster to answer at all, and to take us in."""
TOKENS = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
TOKEN_FILE = Path.home() / ".ray" / "auth_token"
SETTINGS = {
    TOKENS[0]: "token",
    "RAY_USAGE_STATS_ENABLED": "0",  # reports nothing to anyone
}
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Set to 0, Ray does not replace the loopback address by that of the network."""


def check(address: str) -> None:
    """Refuse a cluster that cannot be used, before anything is loaded.

    Raises
    ------
    UserError
        If Ray is not installed, or nothing answers there.
    """
    if find_spec("ray") is None:
        raise UserError(
            "--ray needs Ray, which is not installed here: pip install "
            f"'{program.NAME}[cluster]' (in a checkout: pip install -r requirements-cluster.txt), "
            "or start the parts yourself with --part"
        )
    if address == LOCAL:
        return
    host, port = _host_and_port(address)
    if os.environ.get(TOKENS[0], "token") == "token" and not _has_token():
        raise UserError(
            'there is no token for the Ray cluster: make one with "ray get-auth-token --generate" '
            "and copy ~/.ray/auth_token to every machine (docs/machines.md)"
        )
    try:
        socket.create_connection((host, port), timeout=ANSWER).close()
    except OSError as problem:
        raise UserError(
            f"no Ray cluster answers at {address} ({problem.strerror or problem}); start one with "
            '"ray start --head" as docs/machines.md says, or check the address'
        ) from None


def _has_token() -> bool:
    return any(name in os.environ for name in TOKENS[1:]) or TOKEN_FILE.is_file()


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"--ray: Expected HOST:PORT, such as 10.0.0.5:6379. Received: {address}")
    return host.strip("[]"), int(port)


def _run_part() -> Callable[..., Iterator[tuple[str, int, str]]]:
    """Return what a worker does; it carries no module of ours, which may not be there."""

    def run(words: list[str], settings: dict[str, str]) -> Iterator[tuple[str, int, str]]:
        import json
        import os
        import subprocess
        import sys

        kept = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        child = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.PIPE,  # closed when this process is killed, and so ends the child
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**kept, **settings},
        )
        error = ""
        try:
            for line in child.stdout or ():
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if event.get("event") == "error":
                    error = event.get("text", "")
                elif event.get("event") == "progress" and event.get("of") is not None:
                    yield "left", event["of"] - event["item"], ""
            yield "ended", child.wait(), error
        finally:
            if child.stdin is not None:
                child.stdin.close()
            child.wait()

    return run


class RayWorkers:
    """The machines of a Ray cluster, each of which runs one command at a time."""

    def __init__(self, address: str) -> None:
        self._ray = _connect(address)
        self._task = self._ray.remote(max_retries=0)(_run_part())
        self._place = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        self._running: dict[Any, str] = {}

    def __enter__(self) -> "RayWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def idle(self) -> Mapping[str, str]:
        """Return the machines that have nothing to do, with their names."""
        busy = set(self._running.values())
        return {
            node["NodeID"]: node["NodeManagerHostname"]
            for node in self._alive()
            if node["NodeID"] not in busy
        }

    def _alive(self) -> list[dict[str, Any]]:
        nodes = self._ray.nodes()
        return [node for node in nodes if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]

    def start(self, worker: str, words: Sequence[str]) -> None:
        """Start a command of this program on a machine, with all its GPUs."""
        resources = next(node["Resources"] for node in self._alive() if node["NodeID"] == worker)
        settings = {signals.ENDS_WITH_STDIN: "1"}
        if weights := os.environ.get("FACESWAP_WEIGHTS"):
            settings["FACESWAP_WEIGHTS"] = weights
        task = self._task.options(
            num_cpus=1,
            num_gpus=resources.get("GPU", 0),
            scheduling_strategy=self._place(worker, soft=False),
        )
        command = [*program.start()[1:], *words, "--progress", "json"]
        self._running[task.remote(command, settings)] = worker

    def happened(self, seconds: float) -> Sequence[Happening]:
        """Wait so long at most, and return what has happened."""
        ready, _ = self._ray.wait(list(self._running), timeout=seconds, fetch_local=False)
        return [happening for task in ready if (happening := self._next(task)) is not None]

    def _next(self, task: Any) -> Happening | None:  # noqa: ANN401 - a generator of Ray's
        worker = self._running[task]
        try:
            kind, number, text = self._ray.get(next(task))
        except StopIteration:
            kind, number, text = "ended", -1, ""
        except self._ray.exceptions.RayTaskError as problem:
            kind, number, text = "ended", 1, console.one_line(str(problem.cause))
        except self._ray.exceptions.RayError as problem:
            del self._running[task]
            return Lost(worker, str(problem).split(".")[0])
        if kind == "left":
            return Progress(worker, number)
        del self._running[task]
        return PartEnded(worker, number, text)


def _connect(address: str) -> Any:  # noqa: ANN401 - the module
    """Start a cluster of this machine alone, or join the one at an address.

    Raises
    ------
    UserError
        If it does not take us in.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    here = address == LOCAL or _host_and_port(address)[0] in ("localhost", "127.0.0.1", "::1")
    if here:
        os.environ.setdefault(LOOPBACK, "0")
    if address == LOCAL:
        os.environ.setdefault(TOKENS[1], secrets.token_hex(32))
    console.announce("starting Ray" if address == LOCAL else "connecting to the Ray cluster")
    ray = import_module("ray")
    failed: list[Exception] = []

    def begin() -> None:
        own = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level="critical",
                **(own if address == LOCAL else {}),
            )
        except Exception as problem:  # noqa: BLE001 - whatever it is, there is no cluster to use
            failed.append(problem)

    thread = threading.Thread(target=begin, daemon=True)
    if address == LOCAL:
        begin()  # not in a thread: the processes of Ray end with the thread that started them
    else:
        thread.start()
        thread.join(CONNECT)
    if thread.is_alive() or failed:
        why = str(failed[0]).strip().split(". ")[0] if failed else f"nothing within {CONNECT} s"
        raise UserError(
            f"the Ray cluster at {address} does not take this machine in ({why}); it must belong "
            "to that cluster, with the same version of Ray and the same token (docs/machines.md)"
        )
    return ray
