"""What may be in DeepFaceLab's pickled metadata: a few names, and the values they stand for."""

import re
from typing import Any

import numpy as np

MOST_DIMENSIONS = 4
MOST_BITS = 128  # of an integer; metadata holds pixels and counts
NUMBER = re.compile(r"[iuf][1248]|b1")  # types of array elements; "O" would be objects

ARRAY, TYPE, SCALAR, NUMBERED = "numpy.ndarray", "numpy.dtype", "numpy scalar", "number"
REBUILD, BUFFER, LATIN = "numpy rebuild", "numpy buffer", "latin-1"
KNOWN = {
    "numpy ndarray": ARRAY,
    "numpy dtype": TYPE,
    "_codecs encode": LATIN,
    "samplelib.Sample SampleType": NUMBERED,  # enumerations, in lists of packed faces
    "facelib.FaceType FaceType": NUMBERED,
    **{f"numpy.{core}.multiarray _reconstruct": REBUILD for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray scalar": SCALAR for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": BUFFER for core in ("core", "_core")},
}

Argument = Any
"""The operand of an instruction, as pickletools returns it."""
Checked = Any
"""A value whose type has been checked."""


class Name(str):
    """A class or function named by the pickle: a value of `KNOWN`."""

    __slots__ = ()


class ElementType:
    """An array's element type; its byte order comes in an instruction of its own."""

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "<"

    def numpy(self) -> np.dtype[Any]:
        """Return it as NumPy's."""
        return np.dtype(self.order + self.code)


class RefusedError(Exception):
    """The pickle does something other than build data; the message says what."""


def known(name: str) -> Name:
    """Return what a name stands for, after checking that it is known."""
    if name not in KNOWN:
        raise RefusedError(f"asks for {name.replace(' ', '.')[:80]!a}")
    return Name(KNOWN[name])


def checked(value: object, kind: type) -> Checked:
    """Return a value, after checking that it has the type."""
    if type(value) is not kind:
        raise TypeError
    return value


def literal(value: Argument) -> object:
    """Return what an instruction carries, after checking the length of an integer."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise RefusedError(f"holds an integer of {value.bit_length()} bits")
    return bytes(value) if isinstance(value, bytearray) else value


def make(function: Name, arguments: tuple[Any, ...]) -> object:
    """Return what a call of one of the known names would return."""
    if function == LATIN:
        text, encoding = arguments
        if encoding not in ("latin1", "latin-1"):
            raise TypeError
        return checked(text, str).encode("latin-1")
    if function == NUMBERED:
        (value,) = arguments
        return checked(value, int)
    if function == TYPE:
        code = checked(arguments[0], str)
        if not NUMBER.fullmatch(code):
            raise RefusedError(f"holds an array of {code[:20]!a}")
        return ElementType(code)
    if function == SCALAR:
        kind, data = arguments
        return array(checked(kind, ElementType), (), data).item()
    if function == REBUILD:
        return np.empty(0)  # a placeholder, as NumPy's own; BUILD brings the content
    if function == BUFFER:
        data, kind, shape, order = arguments
        return array(checked(kind, ElementType), shape, data, order)
    raise RefusedError(f"makes a {function}")


def fill(value: object, state: tuple[Any, ...]) -> None:
    """Do what `value.__setstate__(state)` would do, after checking everything."""
    if isinstance(value, ElementType):
        _version, order, *names = state
        if order not in ("<", ">", "|", "=") or any(name is not None for name in names[:3]):
            raise TypeError
        value.order = order
    elif isinstance(value, np.ndarray):
        _version, shape, kind, by_column, data = state
        numbers = array(checked(kind, ElementType), shape, data, "F" if by_column else "C")
        value.__setstate__((1, numbers.shape, numbers.dtype, bool(by_column), data))  # type: ignore[arg-type]
    else:
        raise RefusedError(f"changes a {type(value).__name__}")


def array(kind: ElementType, shape: object, data: object, order: object = "C") -> np.ndarray:
    """Return numbers as an array, if their count matches the shape."""
    sides = checked(shape, tuple)
    if len(sides) > MOST_DIMENSIONS or any(checked(side, int) < 0 for side in sides):
        raise TypeError
    flat = np.frombuffer(checked(data, bytes), kind.numpy()) if data else np.empty(0, kind.numpy())
    return flat.reshape(sides, order="F" if order == "F" else "C")
