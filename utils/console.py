"""All terminal output: lines, warnings, progress, questions and the final report of a stage."""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TextIO, TypeVar

from utils.errors import ExitStatus, Interrupted, UsageError

T = TypeVar("T")
NAMES_SHOWN = 20


def say(text: str = "") -> None:
    """Print one line to stdout, with `?` for characters that the console lacks."""
    _print(text, sys.stdout)


def warn(text: str) -> None:
    """Print a warning to stderr."""
    _print(f"warning: {text}", sys.stderr)


def error(text: str) -> None:
    """Print an error to stderr."""
    _print(f"error: {text}", sys.stderr)


def status(text: str) -> None:
    """Overwrite the current line of a terminal; elsewhere print a line (so call it rarely)."""
    if sys.stdout.isatty():
        _print(f"\r\033[K{text}", sys.stdout, end="")
    else:
        say(text)


def _print(text: str, stream: TextIO, end: str = "\n") -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), file=stream, end=end, flush=True)


def progress(
    items: Iterable[T], total: int | None, caption: str, unit: str = "frame"
) -> Iterator[T]:
    """Yield `items` with a progress bar on stderr, if that is a terminal."""
    from tqdm import tqdm  # not at the top: slows `--help`

    tqdm.set_lock(threading.RLock())  # the default lock is shared by processes
    yield from tqdm(
        items, total=total, desc=caption, unit=unit, ascii=True, disable=not sys.stderr.isatty()
    )


def interactive() -> bool:
    """Whether there is someone to answer: stdin is a terminal, not a pipe or CI."""
    return sys.stdin is not None and sys.stdin.isatty()


def prompt(question: str, parse: Callable[[str], T], current: T, shown: str, explain: str) -> T:
    """Ask until the answer parses; Enter keeps `current`, `?` prints `explain`.

    Raises
    ------
    Interrupted
        On Ctrl-C or end of input, which never count as an answer.
    """
    while True:
        try:
            answer = input(f"{question} [{shown}] ? ").strip()
        except (EOFError, KeyboardInterrupt):
            raise Interrupted from None
        if not answer:
            return current
        if answer == "?":
            say(f"  {explain}")
            continue
        try:
            return parse(answer)
        except UsageError as problem:
            say(f"  {problem}")


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
        One sentence per failed item.
    """

    counts: dict[str, int] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def status(self) -> ExitStatus:
        """DONE, or FAILED if there are failures."""
        return ExitStatus.FAILED if self.failures else ExitStatus.DONE

    def __str__(self) -> str:
        lines = [", ".join(f"{count} {what}" for what, count in self.counts.items())]
        for heading, names in self.notes.items():
            if names:
                more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
                lines.append(f"{heading} ({len(names)}): {', '.join(names[:NAMES_SHOWN])}{more}")
        lines += [f"failed: {sentence}" for sentence in self.failures]
        return "\n".join(line for line in lines if line)
