"""Reads the data in DeepFaceLab's pickled metadata without ever unpickling it.

A pickle is a program for a small stack machine. Python's own machine imports and calls what the
program names, so a stranger's image could run anything. The machine here knows only the
instructions that build data; a class is just a name in the list `KNOWN`, which stands for a few
lines of this file, and every other name is an error. The standard library's disassembler only
splits the bytes into instructions. Work and memory are bounded: an instruction adds a reference or
the bytes that it carries, integers are short, and bytes that are copied or compared are counted.
"""

import pickletools
import re
from typing import Any

import numpy as np

from utils.errors import InputError

LONGEST = 1 << 24  # bytes; the largest metadata holds a compressed mask of the face
MOST_STEPS = 1 << 17  # a face with its polygons takes a few thousand
MOST_DIMENSIONS = 4
MOST_BITS = 128  # of an integer; metadata holds pixels and counts
NUMBER = re.compile(r"[iuf][1248]|b1")  # types of array elements; "O" would be objects

ARRAY, TYPE, SCALAR = "numpy.ndarray", "numpy.dtype", "numpy scalar"
REBUILD, BUFFER, LATIN = "numpy rebuild", "numpy buffer", "latin-1"
KNOWN = {
    "numpy ndarray": ARRAY,
    "numpy dtype": TYPE,
    "_codecs encode": LATIN,
    **{f"numpy.{core}.multiarray _reconstruct": REBUILD for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray scalar": SCALAR for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": BUFFER for core in ("core", "_core")},
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
LITERALS = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BYTEARRAY8",
})  # fmt: skip
IGNORED = frozenset({"PROTO", "FRAME", "STOP"})

Argument = Any
"""The operand of an instruction, as pickletools returns it."""
Checked = Any
"""A value whose type has been checked."""


class _Name(str):
    """A class or function named by the pickle: a value of `KNOWN`."""

    __slots__ = ()


class _Type:
    """An array's element type; its byte order comes in an instruction of its own."""

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "<"

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


class _RefusedError(Exception):
    """The pickle does something other than build data; the message says what."""


def read(data: bytes, name: str) -> object:
    """Return the data in a pickle: dicts, lists, tuples, text, numbers, bytes, arrays of numbers.

    Lists and dicts may contain themselves, and one object may occur in many places: check what is
    there before traversing it.

    Parameters
    ----------
    data : bytes
        The pickle.
    name : str
        The file's, for messages.

    Raises
    ------
    InputError
        If it is damaged or holds anything else.
    """
    try:
        if len(data) > LONGEST:
            raise _RefusedError("is longer than face metadata")
        return _Machine().run(data)
    except _RefusedError as problem:
        raise InputError(
            f'"{name}" was refused: its metadata {problem}, which face metadata never does'
        ) from None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
        # an instruction found nothing on the stack, or something of the wrong type
        raise InputError(f'the metadata of "{name}" is truncated or damaged') from None


class _Machine:
    """A stack, a memo, and a method for each instruction."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under each mark
        self.memo: dict[int, Any] = {}
        self.handled = 0  # bytes, see `_work`

    def run(self, data: bytes) -> object:
        for count, (code, argument, _) in enumerate(pickletools.genops(data)):
            self._work(0 if count < MOST_STEPS else LONGEST)
            self._step(code.name, argument)
        (result,) = self.stack
        return result

    def _work(self, size: int) -> None:
        """Count bytes that are copied or compared."""
        self.handled += size
        if self.handled >= LONGEST:
            raise _RefusedError("asks for more work than a face needs")

    def _step(self, code: str, argument: Argument) -> None:
        if code in LITERALS:
            self.stack.append(_literal(argument))
        elif code in CONSTANTS:
            self.stack.append(CONSTANTS[code])
        elif code == "GLOBAL":
            self.stack.append(_known(argument))
        elif code not in IGNORED:
            step = getattr(self, f"_{code.lower()}", None)
            if step is None:
                raise _RefusedError(f"uses the instruction {code}")
            step(*() if argument is None else (argument,))

    def _mark(self) -> None:
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
        if index > MOST_STEPS:  # long numbers can be chosen so that a dict of them is slow
            raise LookupError
        self.memo[index] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self) -> None:
        self._put(len(self.memo))

    def _get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    _binget = _long_binget = _get

    def _empty_list(self) -> None:
        self.stack.append([])

    def _list(self) -> None:
        values = self._marked()
        self.stack.append(values)

    def _append(self) -> None:
        value = self.stack.pop()
        _checked(self.stack[-1], list).append(value)

    def _appends(self) -> None:
        values = self._marked()
        _checked(self.stack[-1], list).extend(values)

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
        target = _checked(self.stack[-1], dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            self._work(len(_checked(key, str)))
            target[key] = value

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(_known(f"{_checked(module, str)} {_checked(name, str)}"))

    def _reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        made = _make(_checked(function, _Name), _checked(arguments, tuple))
        self._work(len(made) if isinstance(made, bytes) else 0)
        self.stack.append(made)

    def _build(self) -> None:
        state = _checked(self.stack.pop(), tuple)
        value = self.stack[-1]
        _fill(value, state)
        self._work(value.nbytes if isinstance(value, np.ndarray) else 0)


def _known(name: str) -> _Name:
    if name not in KNOWN:
        raise _RefusedError(f"asks for {name.replace(' ', '.')[:80]!a}")
    return _Name(KNOWN[name])


def _checked(value: object, kind: type) -> Checked:
    if type(value) is not kind:
        raise TypeError
    return value


def _literal(value: Argument) -> object:
    """Return what an instruction carries, after checking the length of an integer."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise _RefusedError(f"holds an integer of {value.bit_length()} bits")
    return bytes(value) if isinstance(value, bytearray) else value


def _make(function: _Name, arguments: tuple[Any, ...]) -> object:
    """Return what a call of one of the known names would return."""
    if function == LATIN:
        text, encoding = arguments
        if encoding not in ("latin1", "latin-1"):
            raise TypeError
        return _checked(text, str).encode("latin-1")
    if function == TYPE:
        code = _checked(arguments[0], str)
        if not NUMBER.fullmatch(code):
            raise _RefusedError(f"holds an array of {code[:20]!a}")
        return _Type(code)
    if function == SCALAR:
        kind, data = arguments
        return _array(_checked(kind, _Type), (), data).item()
    if function == REBUILD:
        return np.empty(0)  # a placeholder, as NumPy's own; BUILD brings the content
    if function == BUFFER:
        data, kind, shape, order = arguments
        return _array(_checked(kind, _Type), shape, data, order)
    raise _RefusedError(f"makes a {function}")


def _fill(value: object, state: tuple[Any, ...]) -> None:
    """Do what `value.__setstate__(state)` would do, after checking everything."""
    if isinstance(value, _Type):
        _version, order, *names = state
        if order not in ("<", ">", "|", "=") or any(name is not None for name in names[:3]):
            raise TypeError
        value.order = order
    elif isinstance(value, np.ndarray):
        _version, shape, kind, by_column, data = state
        array = _array(_checked(kind, _Type), shape, data, "F" if by_column else "C")
        value.__setstate__((1, array.shape, array.dtype, bool(by_column), data))  # type: ignore[arg-type]
    else:
        raise _RefusedError(f"changes a {type(value).__name__}")


def _array(kind: _Type, shape: object, data: object, order: object = "C") -> np.ndarray:
    """Return numbers as an array, if their count matches the shape."""
    sides = _checked(shape, tuple)
    if len(sides) > MOST_DIMENSIONS or any(_checked(side, int) < 0 for side in sides):
        raise TypeError
    flat = np.frombuffer(_checked(data, bytes), kind.numpy()) if data else np.empty(0, kind.numpy())
    return flat.reshape(sides, order="F" if order == "F" else "C")
