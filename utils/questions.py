"""Options asked for at a terminal."""

import dataclasses
import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from utils import console
from utils.errors import UsageError
from utils.options import FALSE, TRUE, Option, Value, options_of
from utils.stage_options import StageOptions

T = TypeVar("T")

HEADER = "Enter keeps what is in brackets, ? explains, Ctrl-C leaves everything as it is."
PATIENCE = 5  # seconds until an earlier run goes on by itself


def ask(options: T, given: Mapping[str, Any], existing: bool = False) -> T:
    """Ask for every `ask` option that no flag has set.

    Left out are options without effect given the answers so far (`when`), advanced ones (`seldom`)
    unless requested, and, when the model is `existing`, those that are fixed.
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
        _ask_if_it_matters(option, options, answers)
    if seldom and confirm("show advanced settings", _listed(seldom)):
        for option in seldom:
            _ask_if_it_matters(option, options, answers)
    return dataclasses.replace(options, **answers)  # type: ignore[type-var]


def remain(cls: type[StageOptions], given: Mapping[str, Any]) -> bool:
    """Whether there is anything to ask for, given the flags."""
    asked = (option for option in options_of(cls) if option.meta["ask"])
    return not cls.asks_nothing(given) and any(option.name not in given for option in asked)


def first(cls: type, given: Mapping[str, Any]) -> list[str]:
    """Ask for the options on which others depend; return the answers as flags."""
    deciding = [o for o in options_of(cls) if o.meta["decides"] and o.name not in given]
    return [word for o in deciding for word in (o.flag, str(_ask(o, o.default)))]


def keep(what: str) -> bool:
    """Whether to keep the saved settings: so it is unless Enter is pressed within five seconds."""
    return not console.pressed_enter(
        f"{what} in {PATIENCE} s; Enter changes the settings", PATIENCE
    )


def _ask_if_it_matters(option: Option, options: object, answers: dict[str, Any]) -> None:
    chosen = {name: answers.get(name, getattr(options, name)) for name in option.meta["when"]}
    if all(chosen[name] in values for name, values in option.meta["when"].items()):
        answers[option.name] = _ask(option, getattr(options, option.name))


def _ask(option: Option, current: Value) -> Value:
    about = option.meta["about"]
    width = max(map(len, about), default=0) + 2
    for name, line in about.items():
        console.say(f"  {name:{width}}{line}")
    explain = option.meta["more"] or f"{option.meta['help']}; {option.describe()}"
    return console.prompt(
        f"{_question(option)} ({option.flag})",
        option.parse,
        current,
        option.show(current),
        _wrapped(explain),
    )


def _question(option: Option) -> str:
    """Return "minutes between two saves" of "minutes between two saves; 0: none (default: 10)"."""
    return re.split(r";| \(", option.meta["help"])[0]


def _listed(options: Iterable[Option]) -> str:
    """Return a table of flags and what they are about, each in one line of the terminal."""
    about = {o.flag: re.sub(r";.*| \([^)]*\)", "", o.meta["help"]) for o in options}
    column = max(map(len, about)) + 2
    room = max(_width() - column, 20)
    return "\n  ".join(
        f"{flag:{column}}{textwrap.shorten(text, room, placeholder=' ...')}"
        for flag, text in about.items()
    )


def _wrapped(text: str) -> str:
    """Return a text in lines that fit the terminal beside an indent of two."""
    return "\n  ".join(textwrap.wrap(text, _width(), break_on_hyphens=False))


def _width() -> int:
    return max(shutil.get_terminal_size().columns - 2, 40)


def confirm(question: str, explain: str) -> bool:
    """Ask a yes-or-no question; Enter means no."""

    def read(text: str) -> bool:
        if text.lower() not in TRUE | FALSE:
            raise UsageError(f"Expected yes or no. Received: {text}")
        return text.lower() in TRUE

    return console.prompt(question, read, False, "no", explain)
