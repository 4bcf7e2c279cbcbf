"""One command in the queue, and whether its process lives."""

import json
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import psutil

from utils.errors import ExitStatus


class JobState(StrEnum):
    """What became of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    """Running, and asked to stop."""
    CHANGING = "changing"
    """Running, and asked to stop; then it begins again with other words."""
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Stopped with its runner, or killed; it can be continued."""
    CANCELED = "canceled"


CTRL_BREAK = 0xC000013A
"""Exit status of a process that Ctrl-Break ended on Windows."""
KILLED = frozenset({*range(-64, 0), CTRL_BREAK})
"""Exit statuses of a process that a signal ended."""
ASKED = (ExitStatus.INTERRUPTED, -signal.SIGINT, CTRL_BREAK)
"""Those of one that was asked to stop, and did."""

ACTIVE = (JobState.RUNNING, JobState.STOPPING, JobState.CHANGING)
UNFINISHED = (*ACTIVE, JobState.WAITING)


@dataclass(frozen=True)
class QueuedJob:
    """One command in the queue.

    Attributes
    ----------
    words : tuple of str
        What is typed after the program's name.
    after : tuple of int
        Jobs that must be done first.
    status : int or None
        Exit status of the last attempt.
    pid, born : number or None
        Its process, and when that was started: process ids are used again.
    place : int
        Its place in the order.
    """

    number: int
    words: tuple[str, ...]
    device: str
    after: tuple[int, ...]
    retries: int
    state: JobState
    attempts: int
    status: int | None
    added: float
    started: float | None
    ended: float | None
    pid: int | None
    born: float | None
    place: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def from_row(row: Mapping[str, Any]) -> QueuedJob:
    """Return a row as a job; anyone may have edited it.

    Raises
    ------
    ValueError, TypeError, LookupError, RuntimeError
        If it is damaged.
    """
    values = dict(row)
    lists = {name: tuple(json.loads(values[name])) for name in ("words", "after")}
    job = QueuedJob(**{**values, **lists, "state": JobState(values["state"])})
    texts = [job.device, *job.words]
    whole = [job.number, job.retries, job.attempts, job.place, *job.after]
    numbers = [job.added, job.started, job.ended, job.born, job.pid, job.status]
    if not (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(number, int) for number in whole)
        and all(isinstance(number, int | float | None) for number in numbers)
    ):
        raise ValueError(f"job {job.number} is damaged")
    return job


def state_after(job: QueuedJob, status: int) -> JobState:
    """Return what becomes of a job whose process ended with this exit status."""
    if status == ExitStatus.DONE:
        return JobState.DONE
    if job.state == JobState.STOPPING:
        # the usual end of a training: what waits for it goes on with the model that it saved
        saved = job.words[:1] == ("train",) and status == ExitStatus.INTERRUPTED
        return JobState.DONE if saved else JobState.CANCELED
    if job.state == JobState.CHANGING and status in ASKED:
        return JobState.WAITING
    if status == ExitStatus.INTERRUPTED or status in KILLED:
        return JobState.INTERRUPTED
    again = status == ExitStatus.FAILED and job.attempts <= job.retries
    return JobState.WAITING if again else JobState.FAILED


def born(pid: int) -> float | None:
    """Return when a process was started, None if it is gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def is_alive(pid: int | None, since: float | None) -> bool:
    """Whether the process that had this id at that time still runs."""
    if pid is None or since is None:
        return False
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - since) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
