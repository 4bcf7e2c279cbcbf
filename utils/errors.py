"""The errors a user may see, as a tree, and the exit statuses they lead to.

    UserError            exit 1: something went wrong; the message says what, which and what to do
    +-- InputError       a given file or folder is missing, empty, unreadable or of the wrong kind
    +-- WeightsError     a model's weight file is missing or damaged
    +-- ModelError       a model folder is missing, damaged, or belongs to another model
    +-- UsageError       exit 2: the command line or an option's value makes no sense
    Interrupted          exit 130: Ctrl-C, SIGTERM or SIGHUP; finished work is kept
    NothingToDo          exit 0: what is asked for is there already

Raise them with a full sentence: `InputError(f'no image found in "{path}"; extract faces first')`.
"""

import errno
import traceback
from collections.abc import Mapping
from difflib import get_close_matches
from enum import IntEnum, IntFlag
from pathlib import Path

STEM = 5  # letters that "sharpness" and "sharpest first" have in common

SYSTEM_LIBRARIES = "on Debian and Ubuntu run: apt-get install libgl1 libglib2.0-0"


class ExitStatus(IntEnum):
    """Exit statuses of the program."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


class Verdict(IntFlag):
    """Exit statuses of `verify`: the sum of what is true of one of the files at least."""

    NOT_MARKED = 8
    CHANGED = 16
    SIGNER_UNKNOWN = 32


class UserError(Exception):
    """An error whose message is a sentence for the user."""

    status = ExitStatus.FAILED


class InputError(UserError):
    """A given file or folder is missing, empty, unreadable or of the wrong kind."""


class WeightsError(UserError):
    """A network's weight file is missing or damaged."""


class ModelError(UserError):
    """A model folder is missing, damaged, or belongs to another model."""


class UsageError(UserError):
    """The command line or an option's value makes no sense."""

    status = ExitStatus.USAGE


class Interrupted(Exception):  # noqa: N818 - it is a request to stop, not an error
    """The user asked the program to stop; the message of a stage says what is kept.

    Attributes
    ----------
    next_without : tuple of str
        Flags that the command must not have again when it goes on.
    """

    status = ExitStatus.INTERRUPTED

    def __init__(self, message: str = "", next_without: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.next_without = next_without


class NothingToDo(Exception):  # noqa: N818 - it is no error
    """What is asked for is there already; the message says so, and how to get more.

    Attributes
    ----------
    made : Path
        What is there.
    """

    status = ExitStatus.DONE

    def __init__(self, message: str, made: Path) -> None:
        super().__init__(message)
        self.made = made

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.made), self.__dict__  # an error alone keeps the message


def did_you_mean(word: str, meanings: Mapping[str, str]) -> str:
    """Return "; did you mean blur?" for a misspelled word, or one from a name's meaning.

    Empty when nothing is like it.
    """
    found = get_close_matches(word, list(meanings), n=1)
    if not found and len(word) >= STEM:
        stem = word[:STEM].lower()
        named = [name for name, meaning in meanings.items() if stem in meaning.lower()]
        found = sorted(named, key=lambda name: len(meanings[name]))  # the shortest is about it
    return f"; did you mean {found[0]}?" if found else ""


def sentence(problem: Exception) -> str:
    """Say what went wrong and what to do."""
    if isinstance(problem, UserError):
        return str(problem)
    if isinstance(problem, OSError) and problem.errno == errno.ENOSPC:
        where = f' while writing "{problem.filename}"' if problem.filename else ""
        return f"the disk is full{where}; free some space and run this again"
    if isinstance(problem, OSError) and problem.filename:
        return f'{problem.strerror}: "{problem.filename}"'
    if isinstance(problem, ImportError) and "cannot open shared object file" in str(problem):
        library = str(problem).partition(":")[0]
        known = library.startswith(("libGL", "libglib", "libgthread"))
        remedy = SYSTEM_LIBRARIES if known else "install what your system calls it"
        return f"the system library {library} is not installed; {remedy}"
    if isinstance(problem, ModuleNotFoundError) and problem.name:
        from utils import requirements  # not at the top: it imports this module

        if requirements.is_external(problem.name):
            return str(requirements.missing(problem.name.split(".")[0]))
    if isinstance(problem, MemoryError):
        return "out of memory; close other programs or choose a smaller size"
    return (
        f"{type(problem).__name__}: {problem}\n"
        "This is a defect of the program; run it again with --debug for details"
    )


def portable(problem: Exception) -> Exception:
    """Return an error that can be pickled, with its traceback as a note."""
    if type(problem).__module__ not in ("builtins", "utils.errors"):
        problem = RuntimeError(f"{type(problem).__name__}: {problem}")
    problem.add_note("".join(traceback.format_exception(problem)))
    return problem
