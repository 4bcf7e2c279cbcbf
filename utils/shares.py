"""Shares of one run that several machines do in a common folder, and their join.

`--part 3/8` does a range of the frames as a run of its own, in `<output>_split/part_3_of_8`, and
`--part join` puts all of them together. What identifies the run is in `part_3_of_8.json` beside it,
and, once the share has come to its end, its report.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.console import Report
from utils.errors import InputError, NothingToDo, UsageError
from utils.files import no_link, write_json
from utils.lock import locked
from utils.records import read_record
from utils.shared_facts import SharedFacts, differences
from utils.stage_options import ShareOptions

JOIN = "join"
WRITTEN = re.compile(r"([1-9]\d{0,3})/([1-9]\d{0,3})")
NAMED = re.compile(r"part_(\d+)_of_(\d+)\.json")
JOINING, JOINED = "joining", "joined"
"""Files that are there once a join has begun to take the parts, and once it has taken them all."""
AGAIN = "remove it, and run that part again"


@dataclass(frozen=True, order=True)
class Share:
    """One of `of` parts of a run, counted from 1."""

    of: int
    number: int

    @classmethod
    def read(cls, text: str) -> "Share":
        """Return the share that --part names.

        Raises
        ------
        UsageError
            If it is none.
        """
        found = WRITTEN.fullmatch(text)
        if not found or int(found[1]) > int(found[2]):
            raise UsageError(
                f"--part: Expected a part such as 3/8 (the third of eight), or {JOIN}. "
                f"Received: {text}"
            )
        return cls(number=int(found[1]), of=int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"part_{self.number}_of_{self.of}"

    def frames(self, whole: range) -> range:
        """Return its part of a range of frames; parts differ by one frame at most.

        Raises
        ------
        UsageError
            If there are fewer frames than parts.
        """
        if len(whole) < self.of:
            raise UsageError(f"--part: {len(whole)} frames cannot be divided into {self.of} parts")
        first, end = (len(whole) * number // self.of for number in (self.number - 1, self.number))
        return whole[first:end]


def wanted(options: ShareOptions) -> Share | None:
    """Return the share that a run is to do; None if it is to do everything, or to join."""
    return None if options.part in (None, JOIN) else Share.read(options.part)


def has_begun(options: ShareOptions, output: Path) -> bool:
    """Whether a run goes on with a share; whether results may be replaced was asked before."""
    share = wanted(options)
    return share is not None and Split(output).has_begun(share)


def check(options: ShareOptions, output: Path, by_hand: str | None) -> None:
    """Refuse what cannot be shared, or cannot be joined yet.

    Parameters
    ----------
    output : Path
        The whole result.
    by_hand : str or None
        A given flag that needs a person, who sits at one machine.

    Raises
    ------
    UsageError, InputError
    UserError
        If there is no Ray, or no cluster at its address.
    NothingToDo
        If it is joined already.
    """
    if options.part is None and options.ray is None:
        return
    flag = "--ray" if options.part is None else "--part"
    share = wanted(options)
    if options.part and options.ray:
        raise UsageError("--ray hands out the parts itself; leave --part out")
    if by_hand:
        raise UsageError(f"{by_hand} needs one machine; leave it or {flag} out")
    if options.ray is not None:
        from utils import ray_workers  # not at the top: it knows what a share is

        ray_workers.check(options.ray)
    if share is not None:
        Split(output).check_division(share)
    if options.part == JOIN:
        Split(output).complete()


class Split:
    """The folder of the shares of one result: `<output>_split`."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.folder = no_link(output.with_name(output.name + "_split"))

    def output_of(self, share: Share) -> Path:
        """Return where a share puts its result: a folder, or a video like the whole one."""
        return self.folder / (share.name + self.output.suffix)

    def begin(self, share: Share, identity: SharedFacts, *, overwrite: bool = False) -> None:
        """Record that a share is in work.

        Raises
        ------
        InputError
            If it does not fit to the other shares.
        """
        self.check_division(share)
        remedy = f'give all parts the same options, or remove "{self.folder}" and begin again'
        for other in self.shares():
            if other != share or not overwrite:
                self._compare(share, identity, other, remedy)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self._record_of(share), {"version": 1, "run": identity})

    def check_division(self, share: Share) -> None:
        """Raise InputError if the work was divided into another number of parts before."""
        other = next((other for other in self.shares() if other.of != share.of), None)
        if other is not None:
            raise InputError(
                f'"{self.folder}" holds part {other} of a run in {other.of} parts; use '
                f"--part N/{other.of}, or remove that folder"
            )

    def finish(self, share: Share, report: Report) -> None:
        """Record that a share is done, and with which report."""
        record = self._read(share)
        told = {"counts": report.counts, "notes": report.notes, "failures": report.failures}
        write_json(self._record_of(share), record | {"report": told})
        report.next_with = ("--part", JOIN)

    def has_begun(self, share: Share) -> bool:
        """Whether a share has begun, now or in an earlier run."""
        return self._record_of(share).is_file()

    def finished(self, share: Share) -> bool:
        """Whether a share has come to its end."""
        return self._record_of(share).is_file() and "report" in self._read(share)

    def shares(self) -> list[Share]:
        """Return the shares that have begun, in order."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        names = filter(None, (NAMED.fullmatch(path.name) for path in found))
        return sorted(Share(number=int(name[1]), of=int(name[2])) for name in names)

    @contextmanager
    def joining(
        self, identity: Callable[[SharedFacts], SharedFacts], lock_of: Callable[[Share], Path]
    ) -> Iterator[list[Share]]:
        """Yield all shares, in order, while none of them can run; remove them in the end.

        Parameters
        ----------
        identity : callable
            What a share's record says of its run -> what it would have to say.
        lock_of : callable
            Share -> the lock file that it holds while it runs.

        Raises
        ------
        InputError
            If one is missing, in work, or of another run.
        """
        shares = self.complete()
        with ExitStack() as stack:
            for share in shares:
                at_work = InputError(f"part {share} is still in work; wait until it ends")
                stack.enter_context(locked(lock_of(share), at_work))
            ours = identity(self.run_of(shares[0]))
            remedy = "join with the options of the parts"
            for share in shares:
                self._compare("this command", ours, share, remedy)
            yield shares
        self.remove()

    def complete(self) -> list[Share]:
        """Return all shares, in order.

        Raises
        ------
        InputError
            If one is missing or not finished.
        NothingToDo
            If they are joined already.
        """
        if (self.folder / JOINED).exists():  # a join was killed when only that was left to do
            self.remove()
        shares = self.shares()
        if not shares:
            if self.output.exists():
                raise NothingToDo(f'"{self.output}" is there, and no parts to join', self.output)
            raise InputError(
                f'there are no parts of "{self.output}" to join; run this with --part 1/2 here and '
                "with --part 2/2 on another machine first"
            )
        counts = sorted({share.of for share in shares})
        if len(counts) > 1:
            raise InputError(
                f'"{self.folder}" holds parts of runs in {" and ".join(map(str, counts))} parts; '
                "remove those that you do not want"
            )
        every = [Share(number=number + 1, of=counts[0]) for number in range(counts[0])]
        if missing := [str(share) for share in every if share not in shares]:
            raise InputError(f"parts are missing: run this with --part {', '.join(missing)} first")
        if open_ := [str(share) for share in every if not self.finished(share)]:
            raise InputError(
                f"parts are not finished: {', '.join(open_)}; wait for them, or "
                "run their commands again if no machine is at work on them"
            )
        return every

    def _compare(self, which: object, run: SharedFacts, other: Share, remedy: str) -> None:
        changed = differences(run, self.run_of(other))
        if changed:
            who = f"part {which}" if isinstance(which, Share) else which
            raise InputError(f"{who} differs from part {other}: {changed}; {remedy}")

    def run_of(self, share: Share) -> SharedFacts:
        """Return what identifies the run of a share."""
        run: SharedFacts = self._read(share)["run"]
        return run

    def merged(self, shares: list[Share]) -> Report:
        """Return the sum of the reports of some shares."""
        report = Report()
        for share in shares:
            told = self._read(share)["report"]
            for name, count in told["counts"].items():
                report.counts[name] = report.counts.get(name, 0) + count
            for heading, names in told["notes"].items():
                known = report.notes.setdefault(heading, [])
                known += [name for name in names if name not in known]
            report.failures += [each for each in told["failures"] if each not in report.failures]
        return report

    @property
    def is_joining(self) -> bool:
        """Whether an earlier join has begun: what was in the output before is discarded by now."""
        return (self.folder / JOINING).exists()

    def begin_join(self) -> None:
        """Record that parts are taken from now on."""
        (self.folder / JOINING).touch()

    def mark_joined(self) -> None:
        """Record that the parts are not needed any more."""
        (self.folder / JOINED).touch()

    def remove(self) -> None:
        """Remove the records, and the folders that are empty now; what else is there stays."""
        self.mark_joined()
        for share in self.shares():
            self._record_of(share).unlink()
        (self.folder / JOINING).unlink(missing_ok=True)
        (self.folder / JOINED).unlink()
        for folder in [*self.folder.iterdir(), self.folder]:
            with suppress(OSError):  # not empty, or a file
                folder.rmdir()

    def _record_of(self, share: Share) -> Path:
        return self.folder / f"{share.name}.json"

    def _read(self, share: Share) -> dict[str, Any]:
        path = self._record_of(share)
        record = read_record(path, "record of a part", 1, remedy=AGAIN)
        if not isinstance(record.get("run"), dict):
            raise InputError(f'"{path}" is damaged; {AGAIN}')
        return record
