"""All terminal output: lines, warnings, progress, questions and the final report of a stage.

With `--progress json` all of it is events, a line of JSON each, see `utils.events`.

Output is never a reason to fail: when the terminal is gone, the reader of a pipe has ended or the
disk of a log is full, it is dropped and the work goes on.
"""

import os
import re
import select
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import TextIO, TypeVar
from unicodedata import east_asian_width

from utils import events
from utils.errors import ExitStatus, Interrupted, UsageError
from utils.wording import counted, joined, listed, took

T = TypeVar("T")
NOT_BEGUN = "Stopped before it began; nothing was changed."
LONGEST_QUOTE = 200
"""Characters of a text out of a file that are shown."""

ACTIVE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that move the cursor, command a terminal or reorder a line."""


def say(text: str = "") -> None:
    """Print text to stdout, with `?` for characters that the console lacks."""
    _tell("message", text, _harmless(text), sys.stdout)


def warn(text: str) -> None:
    """Print a warning to stderr."""
    _tell("warning", text, _harmless(f"warning: {text}"), sys.stderr)


def error(text: str) -> None:
    """Print an error to stderr."""
    _tell("error", text, _harmless(f"error: {text}"), sys.stderr)


def announce(text: str, *, interjected: bool = False) -> None:
    """Say what is about to take a while, as a whole line on stderr.

    Parameters
    ----------
    interjected : bool
        Whether the line of a terminal may not be empty: it has echoed ^C.
    """
    start = "\n" if interjected and is_terminal(sys.stderr) else ""
    _tell("announcement", text, f"{start}{_harmless(text)} ...", sys.stderr)


def quoted(text: object) -> str:
    """Return text out of a file in quotes, on one line and of bounded length.

    It cannot be taken for our own words: what would end the quotes or the line is escaped.
    """
    shown = str(text)
    more = "..." if len(shown) > LONGEST_QUOTE else ""
    shown = shown[:LONGEST_QUOTE].replace("\\", "\\\\").replace('"', '\\"')
    return f'"{one_line(shown)}{more}"'


def one_line(text: str) -> str:
    """Return text with every character escaped that a terminal would obey."""
    return ACTIVE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _harmless(text: str) -> str:
    """Return lines as they are, but for what a terminal would obey: names may hold anything."""
    return "\n".join(map(one_line, text.split("\n")))


def print_traceback() -> None:
    """Print the traceback of the exception being handled to stderr."""
    _print(traceback.format_exc(), sys.stderr, end="")


def begin(stage: str) -> None:
    """Say which command begins, to the reader of events."""
    events.begin(stage)
    if events.wanted():
        _print(events.line("begin", version=events.VERSION), sys.stdout)


def end(status: int, report: "Report | None" = None) -> None:
    """Say how a command ended, to the reader of events."""
    if events.wanted():
        facts = {} if report is None else report.facts()
        _print(events.line("end", status=int(status), **facts), sys.stdout)


def tell(kind: str, facts: Mapping[str, object], data: bytes = b"") -> None:
    """Tell an event of a command that another program drives.

    Parameters
    ----------
    data : bytes
        Follows the line, which has its length as `bytes`.
    """
    if not data:
        _print(events.line(kind, **facts), sys.stdout)
        return
    text = events.line(kind, **facts, bytes=len(data))
    with suppress(OSError, ValueError):  # in one piece: other threads print as well
        sys.stdout.buffer.write(text.encode() + b"\n" + data)
        sys.stdout.buffer.flush()


def status(text: str, facts: Mapping[str, object] | None = None) -> None:
    """Overwrite the current line of a terminal; elsewhere print a line (so call it rarely).

    What does not fit the terminal is left out: a line that wraps is not overwritten.

    Parameters
    ----------
    facts : mapping of str or None
        What `events.progress` returns: for the reader of events, in place of the text.
    """
    if facts is not None and events.wanted():
        _print(events.line("progress", **facts), sys.stdout)
    elif is_terminal(sys.stdout) and not events.wanted():
        shown = _cut(one_line(text), shutil.get_terminal_size().columns - 1)
        _print(f"\r\033[K{shown}", sys.stdout, end="")
    else:
        say(text)


def _tell(kind: str, text: str, shown: str, stream: TextIO | None) -> None:
    """Print a line, or tell an event with its text."""
    if events.wanted():
        shown, stream = events.line(kind, text=_harmless(text)), sys.stdout
    _print(shown, stream)


def _cut(text: str, columns: int) -> str:
    """Return as much of a text as fits; Chinese and Japanese characters take two columns."""
    ends = accumulate(1 + (east_asian_width(char) in "FW") for char in text)
    return text[: sum(end <= columns for end in ends)]


def _print(text: str, stream: TextIO | None, end: str = "\n") -> None:
    if stream is None:  # it was closed; `print` would take stdout for it
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    with suppress(OSError, ValueError):  # the latter when it is closed
        print(text.encode(encoding, "replace").decode(encoding), file=stream, end=end, flush=True)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is open and a terminal; Python has None for one that was never open."""
    return stream is not None and not stream.closed and stream.isatty()


def open_missing() -> None:
    """Open stdin, stdout and stderr where the program was started without them.

    Otherwise the next files to be opened would get their numbers, and what libraries print.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number


def flush() -> None:
    """Write out what is buffered."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()


def drop_unwritten() -> None:
    """Direct streams that cannot be written to nowhere, or they would change the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def progress(
    items: Iterable[T], total: int | None, caption: str, unit: str = "frame"
) -> Iterator[T]:
    """Yield `items` with a progress bar on stderr, if that is a terminal."""
    if events.wanted():
        yield from _progress_events(items, total, caption, unit)
        return
    from tqdm import tqdm  # not at the top: slows `--help`

    tqdm.set_lock(threading.RLock())  # the default lock is shared by processes
    yield from tqdm(
        items, total=total, desc=caption, unit=unit, ascii=True, disable=not is_terminal(sys.stderr)
    )


def _progress_events(items: Iterable[T], total: int | None, caption: str, unit: str) -> Iterator[T]:
    meter, count = events.Meter(), 0

    def show(last: bool = False) -> None:
        if meter.due(last):
            status("", events.progress(count, total, meter.rate(count), caption, unit=unit))

    show()
    for item in items:
        yield item
        count += 1
        show()
    show(last=True)


def interactive() -> bool:
    """Whether there is someone to answer: stdin is a terminal, not a pipe or CI."""
    return is_terminal(sys.stdin) and not events.wanted()


def prompt(question: str, parse: Callable[[str], T], current: T, shown: str, explain: str) -> T:
    """Ask until the answer parses; Enter keeps `current`, `?` prints `explain`.

    Raises
    ------
    Interrupted
        On Ctrl-C, end of input or a lost terminal, which never count as an answer.
    """
    while True:
        try:
            answer = input(f"{question} [{shown}] ? ").strip()
        except (EOFError, OSError, KeyboardInterrupt):
            raise Interrupted(NOT_BEGUN) from None
        if not answer:
            return current
        if answer == "?":
            say(f"  {explain}")
            continue
        try:
            return parse(answer)
        except UsageError as problem:
            say(f"  {problem}")


def secret(question: str) -> str:
    """Ask for a password, which is not shown.

    Raises
    ------
    Interrupted
        On Ctrl-C, end of input or a lost terminal.
    """
    from getpass import getpass  # not at the top: slows `--help`

    try:
        return getpass(f"{question}: ").strip()
    except (EOFError, OSError, KeyboardInterrupt):
        raise Interrupted(NOT_BEGUN) from None


def pressed_enter(text: str, seconds: float) -> bool:
    """Print a line and wait; whether Enter was pressed before the time was up.

    Raises
    ------
    Interrupted
        On Ctrl-C, end of input or a lost terminal.
    """
    say(text)
    try:
        if not (_key_on_windows(seconds) if os.name == "nt" else _line_waits(seconds)):
            return False
        input()
    except (EOFError, OSError, ValueError, KeyboardInterrupt):
        raise Interrupted(NOT_BEGUN) from None
    return True


def _line_waits(seconds: float) -> bool:
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def _key_on_windows(seconds: float) -> bool:
    """As `_line_waits`; there `select` knows sockets only."""
    import msvcrt

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
            return True
        time.sleep(0.05)
    return False


@dataclass
class Report:
    """Result of a stage, as text for the user.

    Attributes
    ----------
    counts : dict of str to int
        What was done, such as {"frames": 142, "faces": 139}.
    notes : dict of str to list of str
        Headings and the names they apply to, such as {"frames without a face": ["0007.png"]}.
    failures : list of str
        One sentence per failed item; those that say the same of several names, as `"a.png": why`,
        are shown as one.
    verdict : int
        Exit status of a stage that tells more by it than that something failed; 0 for others.
    made : list of Path
        What was made or changed; empty: what the options say, see `utils.stages`.
    next_without : tuple of str
        The next command is the same without these flags; empty: what the workspace says.
    next_with : tuple of str
        The next command is the same with this flag and value in place of what it has; empty: none.
    then : tuple of str
        What comes next and its command, without the program's name; empty: as `next_without` says.
    unfinished : bool
        Whether the user left it before everything was done: then the same command goes on.
    seconds : float
        How long it took.
    """

    counts: dict[str, int] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    verdict: int = 0
    made: list[Path] = field(default_factory=list)
    next_without: tuple[str, ...] = ()
    next_with: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    unfinished: bool = False
    seconds: float = 0.0

    @property
    def status(self) -> int:
        """The verdict if there is one, else FAILED if there are failures, else DONE."""
        if self.verdict:
            return self.verdict
        return ExitStatus.FAILED if self.failures else ExitStatus.DONE

    @property
    def ending(self) -> str:
        """Whether it went well, how long it took, and what was made."""
        where = ", ".join(f'"{path.absolute()}"' for path in self.made)
        how = f"Done{took('in', self.seconds)}{', but not everything worked' * bool(self.failures)}"
        return one_line(f"{how}: {where}" if self.made else f"{how}.")

    def facts(self) -> dict[str, object]:
        """Return it for the reader of events."""
        return {
            "counts": self.counts,
            "notes": {
                heading: {"count": len(names), "names": names[: events.MOST]}
                for heading, names in self.notes.items()
                if names
            },
            "failures": self.failures[: events.MOST],
            "made": [str(path.absolute()) for path in self.made[: events.MOST]],
            "seconds": round(self.seconds, 1),
        }

    def __str__(self) -> str:
        lines = [", ".join(counted(count, what) for what, count in self.counts.items())]
        lines += [
            f"{heading} ({len(names)}): {listed(names)}"
            for heading, names in self.notes.items()
            if names
        ]
        lines += [f"failed: {sentence}" for sentence in joined(self.failures)]
        # a name with a line feed must not look like another line
        return "\n".join(one_line(line) for line in lines if line)
