"""`queue add`, `list`, `run` and `cancel`: the queue of a workspace without a browser."""

import shlex

from utils import console, workspace
from utils.console import Report
from utils.errors import ExitStatus, NothingToDo
from workbench import runner
from workbench.jobs import UNFINISHED, JobQueue, JobState, QueuedJob
from workbench.options import (
    QueueAddOptions,
    QueueCancelOptions,
    QueueListOptions,
    QueueRunOptions,
)


class QueueReport(Report):
    """A report whose lines were printed already."""

    @property
    def ending(self) -> str:
        """Nothing."""
        return ""


def add(options: QueueAddOptions) -> Report:
    """Add a job."""
    queue = JobQueue(workspace.chosen(options.workspace))
    number = queue.add(options.words, options.after, options.retries)
    run = queue.home.typed("queue run")
    console.say(f"job {number}: {shlex.join(options.words)}\n{run} runs what waits")
    return QueueReport()


def show(options: QueueListOptions) -> Report:
    """Print the jobs.

    Raises
    ------
    NothingToDo
        If there is none.
    """
    queue = JobQueue(workspace.chosen(options.workspace))
    jobs = queue.jobs()
    if not jobs:
        raise NothingToDo(f"the queue is empty; {queue.home.typed('queue add')} adds a command")
    states = {job.number: job.state for job in jobs}
    for job in jobs:
        console.say(f"{job.number:4}  {job.state:11}  {shlex.join(job.words)}{_note(job, states)}")
    return QueueReport()


def _note(job: QueuedJob, states: dict[int, JobState]) -> str:
    waits = [n for n in job.after if states.get(n) != JobState.DONE]
    if job.state == JobState.WAITING and waits:
        return f"  (after {', '.join(f'{n}: {states.get(n)}' for n in waits)})"
    return f"  (exit status {job.status})" if job.state == JobState.FAILED else ""


def run(options: QueueRunOptions) -> Report:
    """Run what waits for a device, until nothing is left that can run."""
    queue = JobQueue(workspace.chosen(options.workspace))
    counts = runner.run_jobs(queue, options.device, options.resume)
    left = [job for job in queue.jobs() if job.state in UNFINISHED]
    others = sorted({job.device for job in left} - {options.device})
    if others:
        console.say(f"jobs wait for {', '.join(others)}: queue run --device {others[0]}")
    if not counts and not others:
        raise NothingToDo("no job can run; queue list shows them")
    bad = counts.keys() - {JobState.DONE, JobState.CANCELED}
    return Report(
        counts={f"jobs {state}": count for state, count in counts.items()},
        verdict=ExitStatus.FAILED if bad else ExitStatus.DONE,
    )


def cancel(options: QueueCancelOptions) -> Report:
    """Cancel jobs."""
    queue = JobQueue(workspace.chosen(options.workspace))
    for number in options.jobs:
        console.say(f"job {number}: {runner.cancel(queue, number).state}")
    return QueueReport()
