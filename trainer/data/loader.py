"""The data loader: background threads make the next batches of both sides while a step runs."""

import threading
import time
from collections import deque
from queue import SimpleQueue

from models.base import Batch
from trainer.data.sampler import WHOLE, BatchShare, Sampler
from utils import console
from utils.errors import InputError, UserError
from utils.parallel import cores

FEWEST, MOST = 2, 8  # threads
PREFETCH = 4  # batches
POLL = 0.5  # seconds between two checks for dead workers
PATIENCE = 60.0  # seconds without a batch before a warning
MAX_FAILURES = 10  # batches in a row


def worker_count(*, has_gpu: bool) -> int:
    """Return how many threads should make samples.

    Beside a GPU all cores but the trainer's own; on a CPU the training step needs them, and waits
    for samples less than 1 % of the time. More than `MOST` would wait for the interpreter.
    """
    return min(max(cores() - 1, FEWEST), MOST) if has_gpu else FEWEST


class BatchRequest:
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
    fails is reported and skipped; a worker that dies is restarted.

    Parameters
    ----------
    size : int
        Samples of each side in the whole batch, of all shares together.
    share : BatchShare
        Which part of each batch `next` returns; the slice that the whole batch would have there.

    Attributes
    ----------
    warp : bool
        Whether the input is warped at random.
    waited : float
        Seconds for which `next` had to wait, in total.
    last : int
        Number of the batch that `next` returned last.
    """

    def __init__(
        self,
        src: Sampler,
        dst: Sampler,
        size: int,
        *,
        first: int = 0,
        workers: int = FEWEST,
        share: BatchShare = WHOLE,
    ) -> None:
        self.src, self.dst, self.size = src, dst, size
        self.share = share
        self.warp = True
        self.number = first
        self.last = first - 1
        self.waited = 0.0
        self._workers = workers
        self._failures = 0

    def __enter__(self) -> "BatchLoader":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self) -> None:
        self._queue: SimpleQueue[BatchRequest | None] = SimpleQueue()
        self._pending: deque[BatchRequest] = deque()
        self._threads = [self._start_worker() for _ in range(self._workers)]
        for _ in range(max(PREFETCH, self._workers)):
            self._request_next()

    def _stop(self) -> None:
        while not self._queue.empty():
            self._queue.get()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(PATIENCE)

    def next(self) -> tuple[Batch, Batch]:
        """Return the next batch of src and of dst.

        Raises
        ------
        UserError
            When no face can be read any more, or too many batches in a row fail.
        """
        while True:
            request = self._pending[0]
            self._wait_for(request)
            self._pending.popleft()
            self._request_next()
            if request.batches is not None:
                self._failures = 0
                self.last = request.number
                return request.batches
            self._report(request)

    def resize(self, size: int, *, warp: bool = True) -> None:
        """Change the batches from the next one on; the prefetched ones are made again."""
        self._stop()
        self.number = self._pending[0].number
        self.size, self.warp = size, warp
        self._start()

    def _wait_for(self, request: BatchRequest) -> None:
        started = warned = time.perf_counter()
        while not request.done.wait(POLL):
            self._restart_dead_workers()
            if (now := time.perf_counter()) - warned > PATIENCE:
                warned = now
                console.warn(
                    f"no samples for {now - started:.0f} s; is the disk with the faces connected?"
                )
        self.waited += time.perf_counter() - started

    def _restart_dead_workers(self) -> None:
        """Replace the workers that died, and queue again what they had begun."""
        alive = [thread for thread in self._threads if thread.is_alive()]
        dead = len(self._threads) - len(alive)
        if not dead:
            return
        console.warn(f"{dead} data-loader threads died and were restarted; no samples lost")
        for request in self._pending:
            if request.worker not in alive:
                request.worker = None
                self._queue.put(request)
        self._threads = alive + [self._start_worker() for _ in range(dead)]

    def _start_worker(self) -> threading.Thread:
        thread = threading.Thread(target=self._work, name="sampler", daemon=True)
        thread.start()
        return thread

    def _request_next(self) -> None:
        request = BatchRequest(self.number)
        self.number += 1
        self._pending.append(request)
        self._queue.put(request)

    def _work(self) -> None:
        while (request := self._queue.get()) is not None:
            if request.worker is not None:
                continue  # queued twice, because another worker died
            request.worker = threading.current_thread()
            try:
                src, dst = (
                    side.batch(request.number, self.size, warp=self.warp, share=self.share)
                    for side in (self.src, self.dst)
                )
                request.batches = src, dst
            except Exception as problem:  # noqa: BLE001 - raised in the main thread by `next`
                request.error = problem
            request.done.set()

    def _report(self, request: BatchRequest) -> None:
        problem = request.error
        if isinstance(problem, (UserError, MemoryError)):
            raise problem
        self._failures += 1
        reason = f"{type(problem).__name__}: {problem}"
        if self._failures >= MAX_FAILURES:
            raise InputError(
                f"{MAX_FAILURES} batches in a row failed; look for damaged faces in the src and "
                f"dst folders ({reason})"
            ) from problem
        console.warn(f"a batch of samples failed and was skipped ({reason})")
