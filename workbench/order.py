"""The order of the jobs: which one is next, and how those that wait change places."""

from collections.abc import Mapping, Sequence

from utils.errors import UsageError
from workbench import devices
from workbench.job import ACTIVE, JobState, QueuedJob

STEPS = {"up": -1, "down": 1}


def is_taken(device: str, jobs: Sequence[QueuedJob]) -> bool:
    """Whether a job runs that needs the hardware of a device."""
    return any(job.state in ACTIVE and devices.exclude(job.device, device) for job in jobs)


def next_for(device: str, jobs: Sequence[QueuedJob]) -> QueuedJob | None:
    """Return the first job of a device whose turn it is: those that it waits for are done."""
    done = {job.number for job in jobs if job.state == JobState.DONE}
    free = (job for job in jobs if job.state == JobState.WAITING and job.device == device)
    return next((job for job in free if done.issuperset(job.after)), None)


def moved(waiting: Sequence[QueuedJob], number: int, before: int | str | None) -> list[int]:
    """Return the numbers of waiting jobs after one of them was moved.

    Parameters
    ----------
    before : int or str or None
        The job to put it before; "up" or "down" for one place, None for the last one.

    Raises
    ------
    UsageError
        If one of the two does not wait, or a job would come before one that must be done first.
    """
    numbers = [job.number for job in waiting]
    for each in (number, before):
        if isinstance(each, int) and each not in numbers:
            raise UsageError(f"job {each} does not wait; only waiting jobs have an order")
    if number == before:
        return numbers
    order = [each for each in numbers if each != number]
    if isinstance(before, int):
        place = order.index(before)
    elif before is None:
        place = len(order)
    else:
        place = max(0, numbers.index(number) + STEPS[before])
    order.insert(place, number)
    _check(order, number, {job.number: job.after for job in waiting})
    return order


def _check(order: Sequence[int], number: int, after: Mapping[int, Sequence[int]]) -> None:
    """Refuse an order in which a job that was moved is on the wrong side of another one."""
    place = order.index(number)
    first = [(number, other) for other in order[place:] if other in after[number]]
    late = [(other, number) for other in order[:place] if number in after[other]]
    for job, needed in (*first, *late):
        raise UsageError(f"job {job} waits for job {needed} and cannot come before it")
