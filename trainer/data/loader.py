"""The next batches of both sides, made by background threads while a step runs."""

import threading
import time
from collections import deque
from queue import SimpleQueue

from models.base import Batch
from trainer.data.sampler import Sampler
from utils import console
from utils.errors import InputError, UserError

WORKERS = 2
AHEAD = 4  # batches made in advance
POLL = 0.5  # seconds between two looks whether a worker has died
PATIENCE = 60.0  # seconds without a batch after which somebody should look at the disk
MAX_FAILURES = 10  # batches in a row


class _Job:
    """One batch of both sides, and what became of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.batches: tuple[Batch, Batch] | None = None
        self.error: Exception | None = None
        self.worker: threading.Thread | None = None
        self.done = threading.Event()


class BatchLoader:
    """Batches in order, whatever happens to the threads that make them.

    OpenCV and NumPy release the interpreter while they compute, so threads suffice. A batch that
    fails is reported and the next one takes its place; a worker that dies is replaced.

    Attributes
    ----------
    waited : seconds for which `next` had to wait, in all
    """

    def __init__(
        self, src: Sampler, dst: Sampler, size: int, *, first: int = 0, workers: int = WORKERS
    ) -> None:
        self.src, self.dst, self.size = src, dst, size
        self.number = first
        self.waited = 0.0
        self._workers = workers
        self._failures = 0

    def __enter__(self) -> "BatchLoader":
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _begin(self) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._pending: deque[_Job] = deque()
        self._threads = [self._start() for _ in range(self._workers)]
        for _ in range(max(AHEAD, self._workers)):
            self._submit()

    def _end(self) -> None:
        while not self._jobs.empty():
            self._jobs.get()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(PATIENCE)

    def next(self) -> tuple[Batch, Batch]:
        """Return the next batch of src and of dst.

        Raises
        ------
        UserError
            When no face can be read any more, or one batch after another fails.
        """
        while True:
            job = self._pending[0]
            self._wait_for(job)
            self._pending.popleft()
            self._submit()
            if job.batches is not None:
                self._failures = 0
                return job.batches
            self._report(job)

    def resize(self, size: int) -> None:
        """Make batches of another size from now on; those that wait are dropped."""
        self._end()
        self.size = size
        self._begin()

    def _wait_for(self, job: _Job) -> None:
        started = warned = time.perf_counter()
        while not job.done.wait(POLL):
            self._replace_dead()
            if (now := time.perf_counter()) - warned > PATIENCE:
                warned = now
                console.warn(
                    f"no samples for {now - started:.0f} s; is the disk with the faces still there?"
                )
        self.waited += time.perf_counter() - started

    def _replace_dead(self) -> None:
        """Start a new worker for each one that has died, and give out again what it had begun."""
        dead = [thread for thread in self._threads if not thread.is_alive()]
        if not dead:
            return
        console.warn(f"{len(dead)} of the threads that make samples died; others take their place")
        alive = [thread for thread in self._threads if thread.is_alive()]
        for job in self._pending:
            if job.worker not in alive:
                job.worker = None
                self._jobs.put(job)
        self._threads = alive + [self._start() for _ in dead]

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._work, name="sampler", daemon=True)
        thread.start()
        return thread

    def _submit(self) -> None:
        job = _Job(self.number)
        self.number += 1
        self._pending.append(job)
        self._jobs.put(job)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.worker is not None:
                continue  # given out twice, because another worker died
            job.worker = threading.current_thread()
            try:
                src = self.src.batch(job.number, self.size)
                job.batches = src, self.dst.batch(job.number, self.size)
            except Exception as problem:  # noqa: BLE001 - it is the training's, in its turn
                job.error = problem
            job.done.set()

    def _report(self, job: _Job) -> None:
        problem = job.error
        if isinstance(problem, (UserError, MemoryError)):
            raise problem
        self._failures += 1
        said = f"{type(problem).__name__}: {problem}"
        if self._failures >= MAX_FAILURES:
            raise InputError(
                f"{MAX_FAILURES} batches of samples in a row could not be made; look for broken "
                f"faces in the two folders ({said})"
            ) from problem
        console.warn(f"a batch of samples could not be made ({said}); the next one takes its place")
