"""Options declared once: one dataclass field is flag, question, saved value and row in the docs.

    @dataclass(frozen=True, kw_only=True)
    class SortOptions:
        input_dir: Path = opt(help="folder of faces")
        by: str = opt("hist", help="what to sort by", choices=METHODS.names)

Field types: bool, int, float, str, Path, an Enum (by value), each also as `X | None`, and
`tuple[X, ...]`.
Precedence: defaults < saved options < flags < answers.
"""

import argparse
import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from utils import console
from utils.errors import UsageError

T = TypeVar("T")
MISSING = dataclasses.MISSING
COMMON_GROUPS = GENERAL, DEVICE = "General", "Device"
TRUE, FALSE = {"y", "yes", "true", "1", "on"}, {"n", "no", "false", "0", "off"}


def opt(  # noqa: PLR0913 - each argument is one property of an option
    default: Any = MISSING,  # noqa: ANN401 - any field type
    *,
    help: str,
    group: str = "Options",
    choices: Iterable[str] | None = None,
    low: float | None = None,
    high: float | None = None,
    step: int | None = None,
    ask: bool = False,
    seldom: bool = False,
    fixed: bool = False,
    aliases: tuple[str, ...] = (),
    positional: bool = False,
    when: Mapping[str, Iterable[str]] | None = None,
) -> Any:  # noqa: ANN401 - it stands where a value of the field's type stands
    """Declare an option; without a default it is required.

    Parameters
    ----------
    default : the value when nobody says otherwise
    help : one line; it is the flag's help, the question's `?` and the row in docs/options.md
    group : heading under which the flag is listed
    choices : allowed values of a str field (an Enum brings its own)
    low, high : inclusive range of a number
    step : only low, low + step, low + 2 step, ... are allowed
    ask : whether a person at a terminal is asked
    seldom : asked too, but only of one who wants to see the settings that are seldom changed
    fixed : whether it can no longer change once a model exists
    aliases : further flags, such as "--target-epoch"
    positional : whether the value stands alone, without a flag: `verify FILE FILE`
    when : name of another option -> its values with which this one is asked
    """
    return dataclasses.field(
        default=default,
        metadata={
            "help": help, "group": group, "choices": tuple(choices) if choices else None,
            "low": low, "high": high, "step": step, "ask": ask or seldom, "seldom": seldom,
            "fixed": fixed, "aliases": aliases, "positional": positional,
            "when": {name: tuple(values) for name, values in (when or {}).items()},
        },
    )  # fmt: skip


class Option:
    """One field of an options class, with its type taken apart."""

    def __init__(self, field: dataclasses.Field[Any], hint: Any) -> None:  # noqa: ANN401
        self.name = field.name
        self.meta: Mapping[str, Any] = field.metadata
        self.positional: bool = self.meta["positional"]
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
        if issubclass(self.type, Enum):
            return tuple(member.value for member in self.type)
        return typing.cast("tuple[str, ...] | None", self.meta["choices"])

    def parse(self, text: str) -> Any:  # noqa: ANN401
        """Turn one word from the command line, a question or JSON into a checked value."""
        try:
            value = self._convert(text)
        except ValueError:
            raise UsageError(self._expected(text)) from None
        if self.choices and text.strip() not in self.choices:
            close = get_close_matches(text, self.choices, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise UsageError(self._expected(text) + hint)
        low, high = self.meta["low"], self.meta["high"]
        between = self.meta["step"] and (value - low) % self.meta["step"]
        if (low is not None and value < low) or (high is not None and value > high) or between:
            raise UsageError(self._expected(text))
        return value

    def check(self, value: object) -> Any:  # noqa: ANN401
        """Check a value that came from JSON, where types may be wrong as well."""
        if value is None and self.optional:
            return None
        if self.many:
            if not isinstance(value, (list, tuple)):
                raise UsageError(self._expected(value))
            return tuple(self.parse(_word(item)) for item in value)
        if not isinstance(value, (bool, int, float, str, Path, Enum)):
            raise UsageError(self._expected(value))
        return self.parse(_word(value))

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
        return f"{self.flag}: Expected {self.describe()}. Received: {received}"

    def describe(self) -> str:
        """Say in words what values are allowed: "a whole number from 1 to 64"."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = {
            bool: "yes or no",
            int: "a whole number",
            float: "a number",
            Path: "a path",
            str: "text",
        }
        low, high = self.meta["low"], self.meta["high"]
        if low is not None and high is not None:
            bounds = f" from {low} to {high}"
        else:
            bounds = (
                f" of at least {low}"
                if low is not None
                else f" up to {high}"
                if high is not None
                else ""
            )
        steps = f" in steps of {self.meta['step']}" if self.meta["step"] else ""
        return words[self.type] + bounds + steps


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value.value if isinstance(value, Enum) else value)


def options_of(cls: type) -> list[Option]:
    """Return the options a dataclass declares; those that every stage has come last."""
    hints = typing.get_type_hints(cls)
    declared = [Option(field, hints[field.name]) for field in dataclasses.fields(cls)]
    return sorted(declared, key=lambda option: option.meta["group"] in COMMON_GROUPS)


def add_options(parser: argparse.ArgumentParser, cls: type) -> None:
    """Add the flags of an options class, grouped; a flag that is not given leaves no trace."""
    groups: dict[str, Any] = {}
    for option in options_of(cls):
        title = option.meta["group"]
        group = groups.setdefault(title, parser.add_argument_group(title))
        names = [option.name] if option.positional else [option.flag, *option.meta["aliases"]]
        group.add_argument(*names, default=argparse.SUPPRESS, help=_help(option), **_shape(option))


def _shape(option: Option) -> dict[str, Any]:
    """What argparse must know of an option's type."""
    if option.type is bool:
        return {"action": argparse.BooleanOptionalAction, "dest": option.name}

    def read(text: str) -> object:
        try:
            return option.parse(text)
        except UsageError as error:
            raise argparse.ArgumentTypeError(str(error).partition(": ")[2]) from None

    shape: dict[str, Any] = {"type": read, "metavar": _metavar(option)}
    if option.many:
        shape["nargs"] = "+"
    if option.positional:
        shape["metavar"] = option.flag
        if not option.required:
            shape["nargs"] = "*" if option.many else "?"
    else:
        shape |= {"required": option.required, "dest": option.name}
    return shape


def _metavar(option: Option) -> str:
    if option.choices:
        return "{" + ",".join(option.choices) + "}"
    return {int: "N", float: "X", Path: "PATH", str: "TEXT"}.get(option.type, "VALUE")


def _help(option: Option) -> str:
    notes = [] if option.required else [f"default: {_show(option.default)}"]
    low, high = option.meta["low"], option.meta["high"]
    if low is not None or high is not None:
        notes.append(f"range: {'' if low is None else low}..{'' if high is None else high}")
    text = option.meta["help"] + (f" ({'; '.join(notes)})" if notes else "")
    return text.replace("%", "%%")


def _show(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return " ".join(_word(item) for item in value) or "none"
    return _word(value)


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
                f"{_word(values[option.name])}. "
                f"Received: {_word(value)}. Leave the flag out, or use another --model-dir"
            )
        values[option.name] = value
    return cls(**values)


def ask(options: T, given: Mapping[str, Any], existing: bool = False) -> T:
    """Ask for every `ask` option that no flag has set; Enter keeps the value shown, `?` explains.

    One that makes no difference with the answers so far (`when`) is left out, and so are the
    `seldom` ones unless the person wants to see them.
    `existing` leaves out what is fixed because the model exists already.
    """
    answers: dict[str, Any] = {}
    asked = [
        option
        for option in options_of(type(options))
        if option.meta["ask"]
        and option.name not in given
        and not (existing and option.meta["fixed"])
    ]
    often = [option for option in asked if not option.meta["seldom"]]
    seldom = [option for option in asked if option.meta["seldom"]]
    for option in often:
        _ask(option, options, answers)
    if seldom and confirm("change settings that are seldom changed", _listed(seldom)):
        for option in seldom:
            _ask(option, options, answers)
    return dataclasses.replace(options, **answers)  # type: ignore[type-var]


def _ask(option: Option, options: object, answers: dict[str, Any]) -> None:
    chosen = {name: answers.get(name, getattr(options, name)) for name in option.meta["when"]}
    if any(chosen[name] not in values for name, values in option.meta["when"].items()):
        return
    current = getattr(options, option.name)
    explain = f"{option.meta['help']}; {option.describe()}"
    answers[option.name] = console.prompt(
        option.name.replace("_", " "), option.parse, current, _show(current), explain
    )


def _listed(options: Iterable[Option]) -> str:
    return "they are: " + ", ".join(option.name.replace("_", " ") for option in options)


def confirm(question: str, explain: str) -> bool:
    """Ask a question of yes or no; Enter means no."""

    def read(text: str) -> bool:
        if text.lower() not in TRUE | FALSE:
            raise UsageError(f"Expected yes or no. Received: {text}")
        return text.lower() in TRUE

    return console.prompt(question, read, False, "no", explain)


def to_json(options: object) -> dict[str, Any]:
    """Return the options as plain JSON values: enums by value, paths as text."""

    def plain(value: object) -> object:
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return value if value is None or isinstance(value, (bool, int, float)) else _word(value)

    return {
        option.name: plain(getattr(options, option.name)) for option in options_of(type(options))
    }


def from_json(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build options from JSON values; unknown names are a UsageError that lists them."""
    unknown = sorted(set(values) - {option.name for option in options_of(cls)})
    if unknown:
        raise UsageError(f"unknown options in saved settings: {', '.join(unknown)}")
    return resolve(cls, {}, values)


def to_markdown(cls: type) -> str:
    """Return the options as a Markdown table: flag, default, allowed values, meaning."""
    rows = ["| option | default | allowed | meaning |", "|---|---|---|---|"]
    for option in options_of(cls):
        negation = (option.flag.replace("--", "--no-"),) if option.type is bool else ()
        flag = f"{option.flag} ..." if option.positional and option.many else option.flag
        flags = ", ".join(f"`{f}`" for f in (flag, *negation, *option.meta["aliases"]))
        default = "required" if option.required else f"`{_show(option.default)}`"
        rows.append(f"| {flags} | {default} | {option.describe()} | {option.meta['help']} |")
    return "\n".join(rows)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageOptions:
    """Options that every stage has."""

    debug: bool = opt(
        False,
        help="show what happens inside, and a traceback when something fails",
        group=GENERAL,
    )
    ask: bool = opt(True, help="ask for settings when a person sits at the terminal", group=GENERAL)

    @classmethod
    def saved(cls, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the settings an earlier run left for this one (by the given flags), or None."""
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceOptions(StageOptions):
    """Options of the stages that run networks."""

    cpu_only: bool = opt(False, help="do not use a GPU", group=DEVICE)
    force_gpu_idx: int | None = opt(None, help="use this GPU, counted from 0", group=DEVICE, low=0)
