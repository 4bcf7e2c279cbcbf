"""`queue add`, `list`, `run`, ...: the queue of a workspace without a browser."""

import shlex
from collections import Counter

from utils import console, workspace
from utils.console import Report
from workbench import runner
from workbench.job import UNFINISHED, JobState, QueuedJob
from workbench.jobs import JobQueue
from workbench.options import (
    QueueAddOptions,
    QueueCancelOptions,
    QueueListOptions,
    QueueMoveOptions,
    QueueRetryOptions,
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
    """Print the jobs."""
    queue = JobQueue(workspace.chosen(options.workspace))
    jobs = queue.jobs()
    if not jobs:
        console.say(f"the queue is empty; {queue.home.typed('queue add')} adds a command")
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
    ended = runner.run_jobs(queue, options.device, options.resume)
    left = [job for job in queue.jobs() if job.state in UNFINISHED]
    others = sorted({job.device for job in left} - {options.device})
    if others:
        console.say(f"jobs wait for {', '.join(others)}: queue run --device {others[0]}")
    if not ended:
        if not others:
            console.say("no job can run; queue list shows them")
        return QueueReport()
    return Report(
        counts={f"jobs {state}": n for state, n in Counter(state for _, state in ended).items()},
        failures=[
            f'job {job.number} is {state}; what it printed is in "{queue.log(job.number)}"'
            for job, state in ended
            if state not in (JobState.DONE, JobState.CANCELED)
        ],
    )


def cancel(options: QueueCancelOptions) -> Report:
    """Cancel jobs."""
    queue = JobQueue(workspace.chosen(options.workspace))
    for number in options.jobs:
        console.say(f"job {number}: {runner.cancel(queue, number).state}")
    return QueueReport()


def move(options: QueueMoveOptions) -> Report:
    """Change the order of the jobs that wait."""
    queue = JobQueue(workspace.chosen(options.workspace))
    queue.move(options.job, options.before)
    waiting = [str(job.number) for job in queue.jobs() if job.state == JobState.WAITING]
    console.say(f"order of the jobs that wait: {', '.join(waiting)}")
    return QueueReport()


def retry(options: QueueRetryOptions) -> Report:
    """Let jobs that have ended wait again."""
    queue = JobQueue(workspace.chosen(options.workspace))
    for number in options.jobs:
        console.say(f"job {number}: {queue.retry(number).state}")
    console.say(f"{queue.home.typed('queue run')} runs what waits")
    return QueueReport()
