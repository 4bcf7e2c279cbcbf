"""Runs the jobs of one device, one after the other: `queue run`, which the page starts as well.

A job is the same process that a terminal would start, with the same words, but it tells events
(docs/progress.md). It is in a session of its own: neither Ctrl-C nor the end of the terminal
reaches it but through us.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from utils import console, events, program, signals
from utils.errors import ExitStatus, InputError, Interrupted
from utils.lock import WAIT, locked
from utils.workspace import Workspace
from workbench import devices, forms
from workbench.job import ACTIVE, JobState, QueuedJob, is_alive
from workbench.jobs import JobQueue
from workbench.progress import ended_with, note

POLL_SECONDS = 0.5
SIGKILL = 9
NO_MEMORY = "When memory runs out, the system does that; what was finished is kept."
NO_REASON = "Perhaps the disk is full; run it again with --debug. What was finished is kept."


def run_jobs(queue: JobQueue, device: str, resume: bool) -> list[tuple[QueuedJob, JobState]]:
    """Run the jobs of a device until none is left that can run; return how each ended.

    Raises
    ------
    UsageError
        If there can be no such device.
    InputError
        If another process runs them.
    Interrupted
        If it was stopped; so was its job, which is continued the next time.
    """
    device = devices.named(device)
    taken = InputError(f"another process runs the jobs of the device {device}; see queue list")
    queue.folder.mkdir(exist_ok=True)
    ended: list[tuple[QueuedJob, JobState]] = []
    with locked(queue.folder / f"{device}.lock", taken, WAIT):
        with _registered(queue, device):
            _wait_for_orphans(queue, device)
            if resume:
                _resume(queue, device)
            ended += _run_all(queue, device)
        while queue.has_next(device):  # it was added while we still seemed to be at work
            with _registered(queue, device):
                ended += _run_all(queue, device)
    return ended


@contextmanager
def _registered(queue: JobQueue, device: str) -> Iterator[None]:
    """Be the process that runs the jobs of a device."""
    queue.set_runner(device, os.getpid())
    try:
        yield
    finally:
        queue.set_runner(device, None)


def _run_all(queue: JobQueue, device: str) -> Iterator[tuple[QueuedJob, JobState]]:
    """Run jobs until none is left; wait while one of another device needs the same hardware."""
    while queue.has_next(device):
        if job := queue.claim(device):
            state = _run(queue, job)
            if state != JobState.WAITING:  # it will be claimed again
                yield job, state
        else:
            time.sleep(POLL_SECONDS)


def _wait_for_orphans(queue: JobQueue, device: str) -> None:
    """Wait until no job runs whose runner was killed."""
    queue.settle(device)
    while any(job.state in ACTIVE and job.device == device for job in queue.jobs()):
        time.sleep(POLL_SECONDS)
        queue.settle(device)


def _resume(queue: JobQueue, device: str) -> None:
    for job in queue.jobs():
        if job.device == device and job.state == JobState.INTERRUPTED:
            queue.retry(job.number)


def _run(queue: JobQueue, job: QueuedJob) -> JobState:
    console.say(f"== job {job.number}: {' '.join(job.words)}")
    note(queue.log(job.number), "attempt")  # the end of an earlier one no longer counts
    with _Requests() as requests, queue.log(job.number).open("ab") as log:
        process = subprocess.Popen(
            command(job, queue.home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=queue.home.folder,
            env={**os.environ, events.VARIABLE: job.words[0]},  # Windows has no empty ones
            **apart(),
        )
        requests.are_for(process.pid)
        if queue.started(job, process.pid):
            stop(process.pid)
        status = _ended(process)
        if requests.came and status != ExitStatus.DONE:  # perhaps before it could listen
            status = ExitStatus.INTERRUPTED
        _explain(queue, job, status)
    state = queue.finish(job, status)
    console.say(f"   job {job.number} is {state}")
    if requests.came:
        raise Interrupted("Stopped; queue run continues.")
    return state


def _explain(queue: JobQueue, job: QueuedJob, status: int) -> None:
    """Say in the log how a process ended that did not say so itself."""
    expected = status in (ExitStatus.DONE, ExitStatus.INTERRUPTED)
    told = ended_with(queue.log(job.number)) is not None
    if expected or told or queue.job(job.number).state == JobState.STOPPING:
        return
    how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    why = NO_MEMORY if -status == SIGKILL else NO_REASON
    note(queue.log(job.number), "error", f"{job.words[0]} ended without a word: {how}. {why}")


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process; on Windows with pauses, without which no request to stop is heard."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(POLL_SECONDS if sys.platform == "win32" else None)


class _Requests:
    """Requests to stop this process, which are passed on to the job."""

    def __init__(self) -> None:
        self.came = False
        self._pid: int | None = None

    def __enter__(self) -> "_Requests":
        self._before = {n: signal.signal(n, self._pass_on) for n in signals.requests()}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def are_for(self, pid: int) -> None:
        """Pass on what comes to a process, and what came already."""
        self._pid = pid
        if self.came:
            stop(pid)

    def _pass_on(self, *_: object) -> None:
        self.came = True
        if self._pid is not None:
            stop(self._pid)


def command(job: QueuedJob, home: Workspace) -> list[str]:
    """Return the words that start a job."""
    return [*program.start(), *forms.in_workspace(job.words, home)]


def apart() -> dict[str, Any]:
    """Return the arguments of Popen with which a process is out of reach of our terminal."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def stop(pid: int) -> None:
    """Ask a process that was started `apart` to stop, and its children, as Ctrl-C does."""
    with suppress(OSError):
        if sys.platform == "win32":
            os.kill(pid, signal.CTRL_BREAK_EVENT)
        else:
            os.killpg(pid, signal.SIGINT)


def cancel(queue: JobQueue, number: int) -> QueuedJob:
    """Cancel a job; a running one is asked to stop, and keeps what it finished."""
    asked = queue.job(number).state == JobState.CHANGING  # a second time would not let it save
    job = queue.cancel(number)
    if (
        job.state == JobState.STOPPING
        and not asked
        and job.pid is not None
        and is_alive(job.pid, job.born)
    ):
        stop(job.pid)
    return job


def start_runner(queue: JobQueue, device: str) -> None:
    """Start a process that runs the jobs of a device, unless there is one."""
    if queue.runner_lives(device):
        return
    words = ["queue", "run", "--device", device, "--no-resume", "--no-ask"]
    process = subprocess.Popen(
        [*program.start(), *words, "--workspace", str(queue.home.folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=queue.home.folder,
        **apart(),
    )
    threading.Thread(target=process.wait, daemon=True).start()  # or it stays behind as a zombie


def start_all(queue: JobQueue) -> None:
    """Start a process for each device for which jobs wait."""
    for device in {job.device for job in queue.jobs() if job.state == JobState.WAITING}:
        start_runner(queue, device)
