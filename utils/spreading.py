"""Hands the parts of a run to workers, a few at a time, until all are done.

A worker runs `main.py STAGE --part K/N` on the common folder; only commands and counts travel. What
a lost worker had in work goes to another one, which continues it.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from utils import console
from utils.errors import ExitStatus, UserError
from utils.options import to_words
from utils.shares import Share, Split
from utils.stage_options import ShareOptions

PER_WORKER, LEAST = 4, 2000
"""Parts for each worker, so that fast ones do more; frames of each, so that its start is cheap."""
TRIES = 3
"""So often is a part begun before the run gives up."""
POLL = 1.0
ALONE = 60
"""Seconds without any worker after which a run gives up."""
OWN = frozenset({"part", "ray", "overwrite", "workspace", "ask", "progress"})
"""Options that are not passed on."""


@dataclass(frozen=True)
class Progress:
    """A worker has so many frames of a part still to do."""

    worker: str
    left: int


@dataclass(frozen=True)
class PartEnded:
    """A worker's command has ended: with which status, and what its last error said."""

    worker: str
    status: int
    error: str = ""


@dataclass(frozen=True)
class Lost:
    """A worker, or its command, was killed or cannot be reached."""

    worker: str
    cause: str


Happening = Progress | PartEnded | Lost


class Workers(AbstractContextManager["Workers", None], Protocol):
    """Machines that run commands, one each at a time."""

    def idle(self) -> Mapping[str, str]:
        """Return the workers that have nothing to do: their ids, and the machines' names."""

    def start(self, worker: str, words: Sequence[str]) -> None:
        """Start a command of this program on a worker."""

    def happened(self, seconds: float) -> Sequence[Happening]:
        """Wait so long at most, and return what has happened."""


def parts_for(count: int, workers: int) -> int:
    """Return into how many parts so many frames are divided."""
    return max(1, min(count, max(workers, min(PER_WORKER * workers, count // LEAST))))


@dataclass
class Spread:
    """One run on workers.

    Attributes
    ----------
    stage : str
        The command.
    options : ShareOptions
        Its options.
    split : Split
        Where its parts are.
    frames : range
        All frames.
    workers : Workers
        Who does them.
    """

    stage: str
    options: ShareOptions
    split: Split
    frames: range
    workers: Workers
    _queue: deque[Share] = field(default_factory=deque)
    _tries: Counter[Share] = field(default_factory=Counter)
    _at_work: dict[str, Share] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _left: dict[Share, int] = field(default_factory=dict)
    _without_workers: float = 0

    def run(self) -> None:
        """Do all parts that are not finished.

        Raises
        ------
        UserError
            If a part fails, or no worker is left.
        """
        begun = self.split.shares()
        of = begun[0].of if begun else parts_for(len(self.frames), len(self.workers.idle()))
        shares = [Share(of=of, number=number + 1) for number in range(of)]
        self._queue += [share for share in shares if not self.split.finished(share)]
        self._left = {share: len(share.frames(self.frames)) for share in self._queue}
        left = sum(self._left.values())
        machines = len(set(self.workers.idle().values()))
        where = f" on {machines} machines" if machines > 1 else ""
        caption = f"{self.stage}: {of} parts{where}"
        for _ in console.progress(self._advance(left), left, caption):
            pass

    def _advance(self, left: int) -> Iterator[None]:
        """Yield once for each frame that is done."""
        while self._queue or self._at_work:
            self._hand_out()
            for happening in self.workers.happened(POLL):
                self._see(happening)
            now = sum(self._left.values())
            for _ in range(left - now):
                yield
            left = min(left, now)  # what was lost is done again

    def _hand_out(self) -> None:
        idle = self.workers.idle()
        for worker, name in idle.items():
            if self._queue:
                share = self._queue.popleft()
                self._tries[share] += 1
                self._at_work[worker], self._names[worker] = share, name
                self.workers.start(worker, self._words(share))
        self._without_workers = 0 if self._at_work else self._without_workers + POLL
        if self._without_workers > ALONE:
            raise UserError(
                "no worker of the cluster is left; what is finished is kept: run this again when "
                "there are some"
            )

    def _words(self, share: Share) -> list[str]:
        words = [self.stage, *to_words(self.options, OWN), "--no-ask", f"--part={share}"]
        if getattr(self.options, "overwrite", False) and not self.split.has_begun(share):
            words.append("--overwrite")
        return words

    def _see(self, happening: Happening) -> None:
        share = self._at_work[happening.worker]
        if isinstance(happening, Progress):
            self._left[share] = min(self._left[share], happening.left)
            return
        name = self._names[happening.worker]
        del self._at_work[happening.worker]
        if self.split.finished(share):  # perhaps with failures, which the join reports
            self._left[share] = 0
            return
        if isinstance(happening, PartEnded) and happening.status >= 0:
            why = happening.error or f"it ended with status {happening.status}"
            once = self._tries[share] > 1 or happening.status == ExitStatus.USAGE
        else:
            why = happening.cause if isinstance(happening, Lost) else "it was killed"
            once = self._tries[share] >= TRIES
        if once:
            raise UserError(f"part {share} failed on {name}: {why}; finished parts are kept")
        console.warn(f"part {share} was lost on {name} ({why}); it is begun again")
        self._queue.appendleft(share)


def spread(stage: str, options: ShareOptions, output: Path, frames: range) -> None:
    """Do all parts of a run on the Ray cluster that --ray names.

    Raises
    ------
    UserError
        If there is no such cluster, a part fails, or no worker is left.
    """
    from utils.ray_workers import RayWorkers  # not at the top: only --ray needs it

    assert options.ray is not None
    with RayWorkers(options.ray) as workers:
        Spread(stage, options, Split(output), frames, workers).run()
