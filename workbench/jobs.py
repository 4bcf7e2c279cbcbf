"""The queue of a workspace: its jobs in a small database, which any process may read and change.

    .queue/jobs.sqlite     the jobs
    .queue/7.log           what job 7 printed
    .queue/default.lock    held by the runner of a device (`workbench.runner`)

A job is one command. Its process may outlive the runner, and the runner may be killed: `settle`
tells by the process ids what really runs. Jobs run in the order of their numbers, unless they were
moved; one that was moved has a place of its own.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from utils.errors import ExitStatus, InputError, UsageError, UserError
from utils.files import no_link
from utils.records import DAMAGE
from utils.workspace import Workspace
from workbench import devices, forms
from workbench.job import (
    ACTIVE,
    UNFINISHED,
    JobState,
    QueuedJob,
    born,
    from_row,
    is_alive,
    state_after,
)
from workbench.order import is_taken, moved, next_for
from workbench.progress import ended_with, note

FOLDER = ".queue"
BUSY_SECONDS = 10.0
TROUBLE = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_READONLY: "the disk or the file is read-only",
    sqlite3.SQLITE_BUSY: "another program holds it",
}
"""What is no damage."""
PRIMARY = 0xFF
"""The part of an error code that says what kind it is."""
KILLED = "was killed, or the machine was switched off; what was finished is kept."
SCHEMA = """
BEGIN;
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    words TEXT NOT NULL,
    device TEXT NOT NULL,
    after TEXT NOT NULL,
    retries INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    attempts INTEGER NOT NULL DEFAULT 0,
    status INTEGER,
    added REAL NOT NULL,
    started REAL,
    ended REAL,
    pid INTEGER,
    born REAL
);
CREATE TABLE IF NOT EXISTS runners (device TEXT PRIMARY KEY, pid INTEGER, born REAL);
CREATE TABLE IF NOT EXISTS places (number INTEGER PRIMARY KEY, place INTEGER NOT NULL);
COMMIT;
"""
ORDERED = """
SELECT jobs.*, coalesce(places.place, jobs.number) AS place
FROM jobs LEFT JOIN places USING (number) ORDER BY place, jobs.number
"""


class JobQueue:
    """The jobs of a workspace."""

    def __init__(self, home: Workspace) -> None:
        self.home = home
        self.folder = home.folder / FOLDER

    def add(self, words: Sequence[str], after: Sequence[int] = (), retries: int = 0) -> int:
        """Add a job and return its number.

        Raises
        ------
        UsageError
            If the command makes no sense, or one of the jobs before it does not exist.
        """
        forms.check(words, self.home)
        known = {job.number for job in self.jobs()}
        if unknown := sorted(set(after) - known):
            raise UsageError(f"there is no job {unknown[0]} to wait for; see queue list")
        with self._changing() as database:
            cursor = database.execute(
                "INSERT INTO jobs (words, device, after, retries, added) VALUES (?, ?, ?, ?, ?)",
                (
                    json.dumps(list(words)),
                    devices.device_of(words),
                    json.dumps(sorted(set(after))),
                    retries,
                    time.time(),
                ),
            )
            return int(cursor.lastrowid or 0)

    def jobs(self) -> list[QueuedJob]:
        """Return all jobs in their order, as `settle` finds them."""
        if not self._is_there():
            return []
        jobs = self._read()
        if any(self._is_lost(job) for job in jobs):
            self.settle()
            jobs = self._read()
        return jobs

    def job(self, number: int) -> QueuedJob:
        """Return a job.

        Raises
        ------
        UsageError
            If there is none of this number.
        """
        for job in self.jobs():
            if job.number == number:
                return job
        raise UsageError(f"there is no job {number}; see queue list")

    def log(self, number: int) -> Path:
        """Return the file of what a job printed."""
        return self.folder / f"{number}.log"

    def settle(self, device: str | None = None) -> None:
        """Give the jobs that ended after their runner was killed their end.

        Parameters
        ----------
        device : str or None
            The device whose runner this process is; it runs no job yet.
        """
        for job in self._read():
            if self._is_lost(job, device):
                status = ended_with(self.log(job.number))
                if status is None:
                    note(self.log(job.number), "error", f"{job.words[0]} {KILLED}")
                self.finish(job, ExitStatus.INTERRUPTED if status is None else status)

    def _is_lost(self, job: QueuedJob, device: str | None = None) -> bool:
        return (
            job.state in ACTIVE
            and not is_alive(job.pid, job.born)
            and (job.device == device or not self.runner_lives(job.device))
        )

    def cancel(self, number: int) -> QueuedJob:
        """Take back a waiting job; mark a running one as stopping, which its process is to be told.

        Raises
        ------
        UsageError
            If there is no such job, or it has ended.
        """
        job = self.job(number)
        if job.state not in (*UNFINISHED, JobState.INTERRUPTED):
            raise UsageError(f"job {number} has ended already: it is {job.state}")
        state = JobState.STOPPING if job.state in ACTIVE else JobState.CANCELED
        with self._changing() as database:
            database.execute(
                "UPDATE jobs SET state = ? WHERE number = ? AND state = ?",
                (state, number, job.state),
            )
        return self.job(number)

    def reword(
        self, number: int, words: Sequence[str], stop: Callable[[int], None] | None = None
    ) -> QueuedJob:
        """Give a running job other words.

        Parameters
        ----------
        stop : callable or None
            Asks its process, by its id, to stop; another one with these words follows. Called while
            the queue is held, so that a kill leaves neither half done. None: the process does
            already what they say.

        Raises
        ------
        UsageError
            If the words make no sense, or it does not run.
        """
        forms.check(words, self.home)
        state = JobState.RUNNING if stop is None else JobState.CHANGING
        with self._changing() as database:
            changed = database.execute(
                "UPDATE jobs SET words = ?, state = ? "
                "WHERE number = ? AND state = 'running' AND pid IS NOT NULL RETURNING pid",
                (json.dumps(list(words)), state, number),
            ).fetchone()
            if changed and stop is not None:
                stop(changed["pid"])
        if not changed:
            raise UsageError(f"job {number} does not run yet, or is {self.job(number).state}")
        return self.job(number)

    def retry(self, number: int) -> QueuedJob:
        """Let a job that has ended wait again; what it finished is kept by the command itself.

        Raises
        ------
        UsageError
            If there is no such job, or it has not ended.
        """
        job = self.job(number)
        if job.state in UNFINISHED:
            raise UsageError(f"job {number} has not ended: it is {job.state}")
        with self._changing() as database:
            database.execute(
                "UPDATE jobs SET state = 'waiting', attempts = 0, status = NULL, ended = NULL "
                "WHERE number = ? AND state = ?",
                (number, job.state),
            )
        return self.job(number)

    def move(self, number: int, before: int | str | None) -> QueuedJob:
        """Let a waiting job run earlier or later; see `order.moved`.

        Raises
        ------
        UsageError
            If one of them does not wait, or it would come before a job that must be done first.
        """
        with self._changing() as database:
            waiting = [job for job in _all(database) if job.state == JobState.WAITING]
            order = moved(waiting, number, before)
            places = sorted(job.place for job in waiting)
            rows = zip(order, places, strict=True)
            database.executemany("INSERT OR REPLACE INTO places VALUES (?, ?)", rows)
        return self.job(number)

    def claim(self, device: str) -> QueuedJob | None:
        """Return the next job that a device may run, marked as running; None if there is none."""
        with self._changing() as database:
            jobs = _all(database)
            job = None if is_taken(device, jobs) else next_for(device, jobs)
            if job is not None:
                database.execute(
                    "UPDATE jobs SET state = 'running', attempts = attempts + 1, started = ?, "
                    "ended = NULL, status = NULL, pid = NULL, born = NULL WHERE number = ?",
                    (time.time(), job.number),
                )
        return job

    def has_next(self, device: str) -> bool:
        """Whether a job of a device can run, at once or when the hardware is free."""
        return next_for(device, self.jobs()) is not None

    def started(self, job: QueuedJob, pid: int) -> bool:
        """Record the process of a claimed job; whether it was asked to stop before that."""
        with self._changing() as database:
            database.execute(
                "UPDATE jobs SET pid = ?, born = ? WHERE number = ?",
                (pid, born(pid), job.number),
            )
            now = next(each for each in _all(database) if each.number == job.number)
        return now.state != JobState.RUNNING

    def finish(self, job: QueuedJob, status: int) -> JobState:
        """Record how a job ended; one that failed waits again if it has retries left."""
        with self._changing() as database:
            now = next(each for each in _all(database) if each.number == job.number)
            state = state_after(now, status)
            database.execute(
                "UPDATE jobs SET state = ?, status = ?, ended = ?, pid = NULL, born = NULL "
                "WHERE number = ?",
                (state, status, time.time(), job.number),
            )
        return state

    def runner_lives(self, device: str) -> bool:
        """Whether a process runs the jobs of a device."""
        if not self._is_there():
            return False
        with self._open() as database:
            row = database.execute(
                "SELECT pid, born FROM runners WHERE device = ?", (device,)
            ).fetchone()
        return row is not None and is_alive(row["pid"], row["born"])

    def runners(self) -> list[int]:
        """Return the process ids of the runners."""
        if not self._is_there():
            return []
        with self._open() as database:
            rows = database.execute("SELECT pid, born FROM runners").fetchall()
        return [row["pid"] for row in rows if is_alive(row["pid"], row["born"])]

    def set_runner(self, device: str, pid: int | None) -> None:
        """Record which process runs the jobs of a device, None: no longer any."""
        with self._changing() as database:
            database.execute(
                "INSERT OR REPLACE INTO runners VALUES (?, ?, ?)",
                (device, pid, None if pid is None else born(pid)),
            )

    @property
    def _path(self) -> Path:
        return self.folder / "jobs.sqlite"

    def _is_there(self) -> bool:
        """Whether there is a queue; what a full disk left is none."""
        return self._path.exists() and self._path.stat().st_size > 0

    def _read(self) -> list[QueuedJob]:
        with self._open() as database:
            return _all(database)

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """Hold the database for reading and writing."""
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            with database:
                yield database

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        path = no_link(no_link(self.folder) / self._path.name)
        try:
            self.folder.mkdir(exist_ok=True)
            with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as database:
                database.row_factory = sqlite3.Row
                database.executescript(SCHEMA)
                yield database
        except (sqlite3.Error, *DAMAGE) as problem:
            if why := TROUBLE.get(getattr(problem, "sqlite_errorcode", 0) & PRIMARY):
                raise UserError(f'cannot write "{path}": {why}') from None
            raise InputError(
                f'the queue "{path}" cannot be used ({problem}); if it is damaged, move it away'
            ) from None
        except OSError as problem:
            raise UserError(f'cannot write "{path}": {problem.strerror or problem}') from None


def _all(database: sqlite3.Connection) -> list[QueuedJob]:
    jobs = [from_row(dict(row)) for row in database.execute(ORDERED)]
    return [replace(job, device=devices.present(job.device)) for job in jobs]
