"""Options declared once: one dataclass field is flag, question, saved value and row in the docs.

    @dataclass(frozen=True, kw_only=True)
    class SortOptions:
        input_dir: Path = opt(help="folder of faces")
        by: str = opt("hist", help="sort key", choices=METHODS.names)

Field types: bool, int, float, str, Path, an Enum (by value), each also as `X | None`, and
`tuple[X, ...]`.
Precedence: defaults < saved options < flags (`utils.command_line`) < answers (`utils.questions`).
"""

import dataclasses
import types
import typing
from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from utils.console import one_line
from utils.errors import UsageError, did_you_mean

T = TypeVar("T")
Value = Any
"""A value of an option's own type."""
Hint = Any
"""A type annotation; `int | None` is not a `type`."""

MISSING = dataclasses.MISSING
GROUP = "Options"
COMMON_GROUPS = MACHINES, GENERAL, DEVICE = "Several machines", "General", "Device"
TRUE, FALSE = {"y", "yes", "true", "1", "on"}, {"n", "no", "false", "0", "off"}
TYPE_NAMES: Mapping[type, str] = {
    bool: "yes or no",
    int: "a whole number",
    float: "a number",
    Path: "a path",
    str: "text",
}


def opt(  # noqa: PLR0913 - each argument is one property of an option
    default: Value = MISSING,
    *,
    help: str,
    group: str = GROUP,
    choices: Iterable[str] | Mapping[str, Any] | None = None,
    more: str = "",
    zero: str = "",
    bare: str | None = None,
    renamed: Mapping[str, str] | None = None,
    low: float | None = None,
    high: float | None = None,
    step: int | None = None,
    ask: bool = False,
    seldom: bool = False,
    fixed: bool = False,
    live: bool = False,
    decides: bool = False,
    aliases: tuple[str, ...] = (),
    positional: bool = False,
    when: Mapping[str, Iterable[str]] | None = None,
    kind: str | None = None,
    place: str | None = None,
) -> Value:
    """Declare an option; without a default it is required.

    Parameters
    ----------
    default : value of the field's type
        Used when there is no flag, answer or saved value.
    help : str
        One line: the flag's help, the question's `?` and the row in docs/options.md.
    group : str
        Heading under which the flag is listed.
    choices : iterable or mapping of str
        Allowed values of a str field, a mapping may explain each; or those of an Enum to offer,
        by default all.
    more : str
        What the question's `?` adds to the lines about the choices.
    zero : str
        What 0 means; accepted in place of 0, and shown in its place.
    bare : str or None
        The value of a flag that stands alone; None: it needs one.
    renamed : mapping of str to str
        Former names of choices, still accepted, to their present ones.
    low, high : float
        Inclusive range of a number.
    step : int
        Only low, low + step, low + 2 step, ... are allowed.
    ask : bool
        Whether it is asked for at a terminal.
    seldom : bool
        Whether it is an advanced setting, asked for only on request.
    fixed : bool
        Whether it cannot change once a model exists.
    live : bool
        Whether it can change while the command runs (docs/training.md).
    decides : bool
        Whether the other options depend on it, so that it is asked first.
    aliases : tuple of str
        Further flags, such as "--target-epoch".
    positional : bool
        Whether the value stands alone, without a flag: `verify FILE FILE`.
    when : mapping of str to iterable of str
        Name of another option -> its values for which this one is asked.
    kind : str
        What the value must name, a key of `utils.stages.KINDS`; checked before anything else.
    place : str
        Where a path lies in the workspace, see `utils.workspace`; taken when no flag names it.
    """
    return dataclasses.field(
        default=default,
        metadata={
            "help": help,
            "group": group,
            "choices": tuple(choices) if choices else None,
            "about": {
                name: text
                for name, text in (choices.items() if isinstance(choices, Mapping) else ())
                if isinstance(text, str)  # codecs, for one, have settings there
            },
            "more": more,
            "zero": zero,
            "bare": bare,
            "renamed": renamed or {},
            "low": low,
            "high": high,
            "step": step,
            "ask": ask or seldom,
            "seldom": seldom,
            "fixed": fixed,
            "live": live,
            "decides": decides,
            "aliases": aliases,
            "positional": positional,
            "when": {name: tuple(values) for name, values in (when or {}).items()},
            "kind": kind,
            "place": place,
        },
    )


class Option:
    """One field of an options class, with its type taken apart."""

    def __init__(self, field: dataclasses.Field[Any], hint: Hint) -> None:
        self.name = field.name
        self.meta: Mapping[str, Any] = field.metadata
        self.positional: bool = self.meta["positional"]
        self.place: str | None = self.meta["place"]
        word = field.name.rstrip("_")  # `from_`: the flag's name is a word of the language
        self.flag = word.upper() if self.positional else "--" + word.replace("_", "-")
        self.default = field.default
        args = [a for a in typing.get_args(hint) if a not in (type(None), Ellipsis)]
        self.optional = isinstance(hint, types.UnionType) and len(args) == 1
        self.many = typing.get_origin(hint) is tuple
        self.type: type = args[0] if self.optional or self.many else hint

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is MISSING

    @property
    def choices(self) -> tuple[str, ...] | None:
        """The allowed words, or None."""
        choices = typing.cast("tuple[str, ...] | None", self.meta["choices"])
        if issubclass(self.type, Enum) and choices is None:
            return tuple(member.value for member in self.type)
        return choices

    def parse(self, text: str) -> Value:
        """Convert and check one word from the command line, an answer or JSON."""
        text = self._spelled(text)
        if self.meta["zero"] and text.strip().lower() == self.meta["zero"]:
            if self.default is None:
                return None
            text = "0"
        try:
            value = self._convert(text)
        except ValueError:
            raise UsageError(self._expected(text)) from None
        if self.choices and text.strip() not in self.choices:
            meanings = self.meta["about"] or dict.fromkeys(self.choices, "")
            raise UsageError(self._expected(text) + did_you_mean(text, meanings))
        low, high = self.meta["low"], self.meta["high"]
        between = self.meta["step"] and (value - low) % self.meta["step"]
        if (low is not None and value < low) or (high is not None and value > high) or between:
            raise UsageError(self._expected(text))
        return value

    def _spelled(self, text: str) -> str:
        """Return a word as the choices spell it: in their case, and by its present name."""
        text = self.meta["renamed"].get(text.strip(), text)
        own = {choice.lower(): choice for choice in self.choices or ()}
        return own.get(text.strip().lower(), text)

    def check(self, value: object) -> Value:
        """Check a value from JSON, whose type may be wrong as well."""
        if value is None and self.optional:
            return None
        if self.many:
            if not isinstance(value, (list, tuple)):
                raise UsageError(self._expected(value))
            return tuple(self.parse(to_text(item)) for item in value)
        if not isinstance(value, (bool, int, float, str, Path, Enum)):
            raise UsageError(self._expected(value))
        return self.parse(to_text(value))

    def _convert(self, text: str) -> object:
        text = text.strip()
        if self.type is bool:
            if text.lower() in TRUE | FALSE:
                return text.lower() in TRUE
            raise ValueError(text)
        if self.type is float:
            number = float(text)
            if number != number or number in (float("inf"), float("-inf")):
                raise ValueError(text)
            return number
        if self.type is Path:
            # "%~dp0workspace\" in a .bat file arrives as `workspace"`: the backslash escapes the
            # quote.
            return Path(text.removesuffix('"')).expanduser().absolute()
        return self.type(text)

    def _expected(self, received: object) -> str:
        return f"{self.flag}: Expected {self.describe()}. Received: {one_line(str(received))}"

    def show(self, value: Value) -> str:
        """Return a value as text, and what 0, or none where that is the default, means instead."""
        if self.meta["zero"] and value == (None if self.default is None else 0):
            return str(self.meta["zero"])
        return f"{value:g}" if isinstance(value, float) else to_text(value)

    def describe(self) -> str:
        """Return which values are allowed: "a whole number from 1 to 64"."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        low, high, step = self.meta["low"], self.meta["high"], self.meta["step"]
        bounds = ""
        if low is not None and high is not None:
            bounds = f" from {low} to {high}"
        elif low is not None:
            bounds = f" of at least {low}"
        elif high is not None:
            bounds = f" up to {high}"
        return TYPE_NAMES[self.type] + bounds + (f" in steps of {step}" if step else "")

    def describe_default(self) -> str | None:
        """Return the default as one would type it, or where in the workspace it is; None: none."""
        if self.place:
            sides = dict.fromkeys(self.place.format(side=side) for side in ("src", "dst"))
            return f"{' or '.join(sides)} in the workspace"
        return None if self.required else self.show(self.default)


def to_text(value: object) -> str:
    """Return a value as one would type it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(to_text, value)) or "none"
    return str(value.value if isinstance(value, Enum) else value)


def options_of(cls: type) -> list[Option]:
    """Return the options a dataclass declares; those common to all stages come last."""
    hints = typing.get_type_hints(cls)
    declared = [Option(field, hints[field.name]) for field in dataclasses.fields(cls)]
    return sorted(declared, key=lambda option: option.meta["group"] in COMMON_GROUPS)


def with_defaults(cls: type[T], defaults: Mapping[str, Value]) -> type[T]:
    """Return a class with the same options, some of which have other defaults."""
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    return _with_fields(
        cls,
        {
            name: dataclasses.field(default=value, metadata=fields[name].metadata)
            for name, value in defaults.items()
        },
    )


def with_place(cls: type[T], name: str, place: str) -> type[T]:
    """Return a class with the same options, one of which has another place in the workspace."""
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    metadata = {**fields[name].metadata, "place": place}
    return _with_fields(cls, {name: dataclasses.field(metadata=metadata)})


def _with_fields(cls: type[T], changed: Mapping[str, Any]) -> type[T]:
    hints = typing.get_type_hints(cls)
    annotations = {name: hints[name] for name in changed}
    body = {**changed, "__annotations__": annotations, "__module__": cls.__module__}
    return dataclasses.dataclass(frozen=True, kw_only=True)(type(cls.__name__, (cls,), body))


def without(cls: type[T], names: Iterable[str]) -> type[T]:
    """Return a class without some options: they are constants, with the options' defaults."""
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    body = {name: fields[name].default for name in names}
    constants = {name: typing.ClassVar[hints[name]] for name in body}
    body |= {"__annotations__": constants, "__module__": cls.__module__, "__doc__": cls.__doc__}
    return dataclasses.dataclass(frozen=True, kw_only=True)(type(cls.__name__, (cls,), body))


def resolve(cls: type[T], given: Mapping[str, Any], saved: Mapping[str, Any] | None = None) -> T:
    """Build the options: defaults < saved < given.

    Raises
    ------
    UsageError
        When a `fixed` option is given a value other than the saved one (both are named), or a saved
        value is not allowed.
    """
    values: dict[str, Any] = {}
    for option in options_of(cls):
        if saved is not None and option.name in saved:
            values[option.name] = option.check(saved[option.name])
        if option.name not in given:
            continue
        value = tuple(given[option.name]) if option.many else given[option.name]
        if option.meta["fixed"] and values.get(option.name, value) != value:
            raise UsageError(
                f"{option.flag} cannot change once a model exists: it was made with "
                f"{to_text(values[option.name])}. "
                f"Received: {to_text(value)}. Leave the flag out, or use another --model-dir"
            )
        values[option.name] = value
    return cls(**values)


def to_json(options: object) -> dict[str, Any]:
    """Return the options as plain JSON values: enums by value, paths as text."""
    return {
        option.name: plain(getattr(options, option.name)) for option in options_of(type(options))
    }


def plain(value: Value) -> Value:
    """Return a value as JSON has it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float)) else to_text(value)


def to_words(options: object, leave_out: Collection[str] = ()) -> list[str]:
    """Return the flags that set all options to their present values, for another process."""
    words: list[str] = []
    for option in options_of(type(options)):
        value = getattr(options, option.name)
        if option.name in leave_out or option.positional or value is None or value == ():
            continue
        if option.type is bool:
            words.append(option.flag if value else option.flag.replace("--", "--no-", 1))
        elif option.many:
            words += [option.flag, *map(to_text, value)]
        else:
            words.append(f"{option.flag}={to_text(value)}")
    return words


def from_json(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build options from JSON values; unknown names are a UsageError that lists them."""
    unknown = sorted(set(values) - {option.name for option in options_of(cls)})
    if unknown:
        raise UsageError(f"unknown options in saved settings: {', '.join(unknown)}")
    return resolve(cls, {}, values)
