"""Reads the data in DeepFaceLab's pickles, of faces and of models, without ever unpickling it.

A pickle is a program for a small stack machine. Python's own machine imports and calls what the
program names, so a stranger's file could run anything. The machine here knows only the
instructions that build data; a class is just a name in a list, which stands for a few lines of
`dfl_values.py`, and every other name is an error. The standard library's disassembler only
splits the bytes into instructions. Work and memory are bounded: an instruction adds a reference or
the bytes that it carries, integers are short, and bytes that are copied or compared are counted, as
is what an empty list takes, which is one byte in the pickle.
"""

import io
import pickletools
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from tools.util.dfl_values import Argument, Name, RefusedError, checked, fill, known, literal, make
from utils.errors import InputError


class Limits(NamedTuple):
    """How much a pickle may ask for.

    Attributes
    ----------
    longest : int
        Bytes, of the pickle and of what it copies, compares and takes for lists.
    steps : int
        Instructions.
    part, kind : str
        What the pickle is of its file, and what the file is, for messages.
    """

    longest: int
    steps: int
    part: str = "metadata"
    kind: str = "face metadata"


FACE = Limits(1 << 24, 1 << 17)
"""The largest metadata holds a compressed mask of the face; one with polygons takes a few thousand
steps."""
FACESET = Limits(1 << 29, 1 << 24)
"""A list of packed faces has about 600 steps for each, and a copy of its mask."""
EMPTY = 64  # bytes of memory of a list, a dict or an array without content
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
LITERALS = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BYTEARRAY8",
})  # fmt: skip
IGNORED = frozenset({"PROTO", "FRAME", "STOP"})


def read(data: bytes, name: str, limits: Limits = FACE) -> object:
    """Return the data in a pickle; see `read_from`."""
    return read_from(io.BytesIO(data), name, limits)


def read_from(file: BinaryIO, name: str, limits: Limits) -> object:
    """Return the data in a pickle: dicts, lists, tuples, text, numbers, bytes, arrays of numbers.

    Lists and dicts may contain themselves, and one object may occur in many places: check what is
    there before traversing it. A large array is in memory once.

    Parameters
    ----------
    file : binary file
        Begins with the pickle.
    name : str
        The file's, for messages.
    limits : Limits
        How much it may ask for.

    Raises
    ------
    InputError
        If it is damaged or holds anything else.
    """
    try:
        source = _Source(file)
        if source.size > limits.longest:
            raise RefusedError(f"is longer than {limits.kind}")
        return _Machine(limits).run(source)
    except RefusedError as problem:
        raise InputError(
            f'"{name}" was refused: its {limits.part} {problem}, which {limits.kind} never does'
        ) from None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
        # an instruction found nothing on the stack, or something of the wrong type
        raise InputError(f'the {limits.part} of "{name}" is truncated or damaged') from None


class _Source:
    """A file that sets no memory aside for more bytes than it has."""

    def __init__(self, file: BinaryIO) -> None:
        self.size = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._file = file
        self.tell, self.readline = file.tell, file.readline

    def read(self, count: int) -> bytes:
        return self._file.read(min(count, self.size))


class _Machine:
    """A stack, a memo, and a method for each instruction."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under each mark
        self.memo: dict[int, Any] = {}
        self.handled = 0  # bytes, see `_work`

    def run(self, source: _Source) -> object:
        instructions = pickletools.genops(cast("BinaryIO", source))
        for count, (code, argument, _) in enumerate(instructions):
            self._work(0 if count < self.limits.steps else self.limits.longest)
            self._step(code.name, argument)
        (result,) = self.stack
        return result

    def _work(self, size: int) -> None:
        """Count bytes that are copied or compared, or taken."""
        self.handled += size
        if self.handled >= self.limits.longest:
            raise RefusedError("asks for more work than its data needs")

    def _step(self, code: str, argument: Argument) -> None:
        if code in LITERALS:
            self.stack.append(literal(argument))
        elif code in CONSTANTS:
            self.stack.append(CONSTANTS[code])
        elif code == "GLOBAL":
            self.stack.append(known(argument))
        elif code not in IGNORED:
            step = getattr(self, f"_{code.lower()}", None)
            if step is None:
                raise RefusedError(f"uses the instruction {code}")
            step(*() if argument is None else (argument,))

    def _mark(self) -> None:
        self._work(EMPTY)
        self.below.append(self.stack)
        self.stack = []

    def _marked(self) -> list[Any]:
        """Take everything above the last mark, and the mark, off the stack."""
        values, self.stack = self.stack, self.below.pop()
        return values

    def _pop(self) -> None:
        self.stack.pop()

    def _pop_mark(self) -> None:
        self._marked()

    def _dup(self) -> None:
        self.stack.append(self.stack[-1])

    def _put(self, index: int) -> None:
        if index > self.limits.steps:  # long numbers can be chosen so that a dict of them is slow
            raise LookupError
        self.memo[index] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self) -> None:
        self._put(len(self.memo))

    def _get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    _binget = _long_binget = _get

    def _empty_list(self) -> None:
        self._work(EMPTY)
        self.stack.append([])

    def _list(self) -> None:
        values = self._marked()
        self.stack.append(values)

    def _append(self) -> None:
        value = self.stack.pop()
        checked(self.stack[-1], list).append(value)

    def _appends(self) -> None:
        values = self._marked()
        checked(self.stack[-1], list).extend(values)

    def _empty_tuple(self) -> None:
        self.stack.append(())

    def _tuple(self) -> None:
        values = self._marked()
        self.stack.append(tuple(values))

    def _tuple1(self) -> None:
        self._tuple_of(1)

    def _tuple2(self) -> None:
        self._tuple_of(2)

    def _tuple3(self) -> None:
        self._tuple_of(3)

    def _tuple_of(self, count: int) -> None:
        values = tuple(self.stack.pop() for _ in range(count))
        self.stack.append(values[::-1])

    def _empty_dict(self) -> None:
        self._work(EMPTY)
        self.stack.append({})

    def _dict(self) -> None:
        values = self._marked()
        self.stack.append({})
        self._update(values)

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _setitems(self) -> None:
        self._update(self._marked())

    def _update(self, pairs: list[Any]) -> None:
        """Add keys and values, in turn, to the dict on top of the stack.

        Keys are text, whose hash cannot be predicted; numbers could be chosen to share one.
        """
        target = checked(self.stack[-1], dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            self._work(len(checked(key, str)))
            target[key] = value

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(known(f"{checked(module, str)} {checked(name, str)}"))

    def _reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        made = make(checked(function, Name), checked(arguments, tuple))
        self._work(len(made) if isinstance(made, bytes) else EMPTY)
        self.stack.append(made)

    def _build(self) -> None:
        state = checked(self.stack.pop(), tuple)
        value = self.stack[-1]
        fill(value, state)
        self._work(value.nbytes if isinstance(value, np.ndarray) else 0)
